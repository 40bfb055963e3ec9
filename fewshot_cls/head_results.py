"""The output of a run that scores a head from a file on a data set."""

from pathlib import Path

from fewshot_cls.comparison import Compared, by_class, changed_sections, class_rows, predictions, scored_in_words
from fewshot_cls.head_facts import HeadFacts
from fewshot_cls.learn import selection
from fewshot_cls.report import write_fewshot_report
from fewshot_cls.settings import TASK
from pointclip.runs.output import table
from pointclip.runs.run import Results, Run


def report_head_on_set(run: Run, facts: HeadFacts, compared: Compared) -> dict:
    """Score a head from a file on the classes that it shares with a data set, beside zero-shot of these classes.

    Prints the table and publishes the run; returns what metrics.json holds.
    """
    names, threshold = compared.names, compared.threshold
    before, scores = compared.score(compared.zero), compared.score(compared.logits)
    total = len(compared.reader.shapes.class_names)
    run = run.with_notes(
        f"Scored on the {len(names)} of {total} classes that the head knows; it predicts only among these."
    )
    summary = {
        "task": TASK,
        **run.summary(scores.shapes),
        "method": facts.method,
        "trained_on": facts.shots,
        "chosen_on": facts.chosen_on,
        "accuracy": scores.accuracy,
        "accuracy_standard_error": scores.accuracy_error,
        **(scores.answered(threshold) if threshold else {}),
        "zeroshot_accuracy": before.accuracy,
        "gain": scores.accuracy - before.accuracy,
        "mean_class_accuracy": scores.mean_class_accuracy,
        "class_accuracy": dict(zip(names, scores.class_accuracy.tolist(), strict=True)),
        "zeroshot_class_accuracy": dict(zip(names, before.class_accuracy.tolist(), strict=True)),
    }
    classes = by_class(before, scores.class_accuracy)
    rows = [*class_rows(classes), ["all", scores.shapes, f"{before.accuracy:.2f}", f"{scores.accuracy:.2f}"]]
    print(table(["class", "shapes", "zero-shot %", "head %"], rows))
    print(f"\n{facts.method.replace('_', ' ')}, trained on {facts.shots}; {selection(facts.chosen_on)}")
    if run.data.startswith("own shapes"):
        print(scored_in_words(scores, threshold))

    def page(path: Path) -> None:
        accuracy = f"{scores.accuracy:.2f} %, zero-shot {before.accuracy:.2f} %"
        words = {"Method": facts.method.replace("_", " "), "Trained on": facts.shots, "Accuracy": accuracy}
        heading = run.heading(f"Few-shot classification: {run.folder.name}", words)
        write_fewshot_report(path, heading, {}, classes, changed_sections(compared, before, scores))

    return run.publish(Results(summary, *predictions(run.origin.tuned, compared, before, scores), page))
