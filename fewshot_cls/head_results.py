"""The output of a run that scores a head from a file on a data set."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from fewshot_cls.comparison import by_class, changed_sections, class_rows, scored_in_words, write_predictions
from fewshot_cls.head_facts import HeadFacts
from fewshot_cls.learn import selection
from fewshot_cls.report import write_fewshot_report
from fewshot_cls.scores import evaluate
from fewshot_cls.settings import TASK
from pointclip.datasets.batches import BatchReader
from pointclip.runs.output import table, write_json, write_settings
from pointclip.runs.run import Run, summary_of
from zeroshot_cls.classifier import Features


def report_head_on_set(
    folder: Path,
    run: Run,
    facts: HeadFacts,
    reader: BatchReader,
    test: Features,
    zero: Tensor,
    logits: Tensor,
    columns: Sequence[int],
    projection: nn.Module,
    threshold: float = 0.0,
) -> dict:
    """Score a head from a file on the classes that it shares with a data set, beside zero-shot of these classes.

    Args:
        test: features whose labels index the shared classes.
        zero, logits: of zero-shot and of the head, [n, shared classes].
        threshold: as for `fewshot_cls.results.report_test`.
        columns: the shared classes' indices among the head's.
    """
    names = [facts.class_names[column] for column in columns]
    before, scores = (evaluate(each, test.labels, names) for each in (zero, logits))
    total = len(reader.shapes.class_names)
    note = f"Scored on the {len(names)} of {total} classes that the head knows; it predicts only among these."
    run = replace(run, notes=[*run.notes, note])
    summary = {
        "task": TASK,
        **summary_of(run, scores.shapes),
        "method": facts.method,
        "trained_on": facts.shots,
        "chosen_on": facts.chosen_on,
        "accuracy": scores.accuracy,
        "accuracy_standard_error": scores.standard_error,
        **(scores.answered(threshold) if threshold else {}),
        "zeroshot_accuracy": before.accuracy,
        "gain": scores.accuracy - before.accuracy,
        "mean_class_accuracy": scores.mean_class_accuracy,
        "class_accuracy": dict(zip(names, scores.class_accuracy.tolist(), strict=True)),
        "zeroshot_class_accuracy": dict(zip(names, before.class_accuracy.tolist(), strict=True)),
    }
    write_json(folder / "metrics.json", summary)
    write_predictions(folder, run.origin.tuned, names, test, before, scores, threshold)
    classes = by_class(before, scores.class_accuracy)
    if run.settings.REPORT:
        accuracy = f"{scores.accuracy:.2f} %, zero-shot {before.accuracy:.2f} %"
        words = {"Method": facts.method.replace("_", " "), "Trained on": facts.shots, "Accuracy": accuracy}
        changes = changed_sections(before, scores, test, reader.shapes, projection, facts.calibrated)
        title = f"Few-shot classification: {run.folder.name}"
        page, shown = folder / "report.html", run.facts | words
        write_fewshot_report(page, title, shown, run.all_notes, {}, classes, changes, run.page_footer)
    write_settings(folder / "config.yaml", run.settings)
    rows = [*class_rows(classes), ["all", scores.shapes, f"{before.accuracy:.2f}", f"{scores.accuracy:.2f}"]]
    print(table(["class", "shapes", "zero-shot %", "head %"], rows))
    print(f"\n{facts.method.replace('_', ' ')}, trained on {facts.shots}; {selection(facts.chosen_on)}")
    if run.data.startswith("own shapes"):
        print(scored_in_words(scores, threshold))
    run.print_footer(scores.shapes)
    return summary
