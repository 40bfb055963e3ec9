"""What a few-shot run writes: a table, metrics.json, predictions.csv, heads, shots, report.html, config.yaml."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from yacs.config import CfgNode

from fewshot_cls.features import facts_of
from fewshot_cls.head_file import HeadFacts, save_head
from fewshot_cls.learn import CHOSEN_ON, Learned
from fewshot_cls.report import Change, write_fewshot_report
from fewshot_cls.shots import Shots, listing
from fewshot_cls.training_shapes import Augmented
from pointclip.datasets.base import ShapeSet
from pointclip.datasets.batches import BatchReader
from pointclip.runs.output import table, write_csv, write_json, write_settings
from pointclip.runs.own_shapes import ANSWERS, answers_of, class_answers, details, print_classes
from pointclip.runs.run import Run, summary_of
from zeroshot_cls import scores as zeroshot_scores
from zeroshot_cls.classifier import TOP, Features

TASK = "few-shot classification"
SHOWN = 4  # shapes on the page for each kind of change
PAGED = 100  # --input shapes printed and shown on the page
UNCALIBRATED = "The probabilities of few-shot heads are uncalibrated."
TUNED = "Hyperparameters or the epoch were selected on the labels of the reported split (PROTOCOL published)."


@dataclass(frozen=True)
class Answer:
    """What one draw of shots led to."""

    draw: Shots
    learned: Learned
    logits: Tensor | None  # [n, K] of the shapes to classify, None where there are none


@dataclass(frozen=True)
class Scores(zeroshot_scores.Scores):
    """Scores with every class's probability."""

    probabilities: np.ndarray = field(kw_only=True)  # [n, K]


def evaluate(logits: Tensor, labels: Tensor, names: Sequence[str]) -> Scores:
    """Score logits [n, K] against labels [n], -1 where the class is unknown.

    Raises:
        InputError: where no label is known.
    """
    probabilities = logits.softmax(1).numpy()
    scores = zeroshot_scores.evaluate(labels.numpy(), probabilities.argmax(1), names)
    return Scores(scores.names, scores.truth, scores.prediction, probabilities=probabilities)


def write_learned(
    folder: Path, settings: CfgNode, answers: Sequence[Answer], training: Augmented, shots: Features, **facts
) -> None:
    """Write every draw's shots and head, and the epochs where it was trained.

    Args:
        shots: features of the training shapes; their names are used.
        facts: passed to `facts_of`.
    """
    names = dict(zip(shots.indices, shots.names, strict=True))
    for draw, learned in ((answer.draw, answer.learned) for answer in answers):
        ending = f"_seed{draw.seed}" if len(answers) > 1 else ""
        write_json(
            folder / f"shots{ending}.json",
            listing(draw, training.labels, training.class_names, names, settings.SHOTS_SPLIT),
        )
        chosen_on = CHOSEN_ON[settings.PROTOCOL]
        head_facts = facts_of(
            settings,
            training.class_names,
            numbers=learned.hyperparameters,
            shots=f"{draw.dataset}, {draw.words}",
            chosen_on=chosen_on,
            **facts,
        )
        smoothing = learned.projection and learned.projection.smoothing
        save_head(folder / f"head{ending}.safetensors", learned.head, head_facts, smoothing)
        if learned.training:
            rows = [list(asdict(epoch).values()) for epoch in learned.training.epochs]
            header = ["epoch", "rate", "loss", "accuracy", "chosen_on_accuracy", "chosen_on_loss"]
            write_csv(folder / f"epochs{ending}.csv", header, rows)


def with_notes(run: Run, settings: CfgNode, notes: Sequence[str] = ()) -> Run:
    """The run with its method's notes, marked where anything was selected on test labels."""
    tuned = settings.PROTOCOL == "published"
    notes = [*([TUNED] if tuned else []), *notes]
    if settings.SHOTS and settings.AUGMENT:
        notes.append(f"The head also learned from {settings.AUGMENT} scaled copies of every training shape.")
    return replace(run, origin=replace(run.origin, tuned=run.origin.tuned or tuned), notes=[*run.notes, *notes])


def report_test(
    folder: Path,
    run: Run,
    reader: BatchReader,
    test: Features,
    zero: Tensor,
    answers: Sequence[Answer],
    projection: nn.Module,
) -> dict:
    """Score every draw beside zero-shot, print the table, write the run's files; returns what metrics.json holds.

    Args:
        folder: for the run's files (see `pointclip.runs.atomic_folder`).
        zero: the zero-shot logits [n, K].
    """
    names, settings = reader.shapes.class_names, run.settings
    before = evaluate(zero, test.labels, names)
    after = [evaluate(answer.logits, test.labels, names) for answer in answers]
    accuracies = [scores.accuracy for scores in after]
    deviation = float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None
    per_class = np.mean([scores.class_accuracy for scores in after], axis=0)
    summary = {
        "task": TASK,
        **summary_of(run, reader, before.shapes, len(before.truth)),
        **method_summary(settings, answers),
        "accuracy": float(np.mean(accuracies)),
        "accuracy_deviation": deviation,
        "accuracy_by_seed": accuracies,
        "zeroshot_accuracy": before.accuracy,
        "gain": float(np.mean(accuracies)) - before.accuracy,
        "mean_class_accuracy": float(np.mean([scores.mean_class_accuracy for scores in after])),
        "class_accuracy": dict(zip(names, per_class.tolist(), strict=True)),
        "zeroshot_class_accuracy": dict(zip(names, before.class_accuracy.tolist(), strict=True)),
        "changed_to_right": int((_right(after[0]) & ~_right(before)).sum()),
        "changed_to_wrong": int((~_right(after[0]) & _right(before)).sum()),
    }
    write_json(folder / "metrics.json", summary)
    write_predictions(folder, run.origin.tuned, names, test, before, after[0])
    counts = before.confusion.sum(1)
    if settings.REPORT:
        classes = {
            name: (before.class_accuracy[k], per_class[k], int(counts[k])) for k, name in enumerate(names) if counts[k]
        }
        changes = _changes(before, after[0], test, reader.shapes, projection)
        _write_page(folder, run, answers, summary, classes, changes)
    write_settings(folder / "config.yaml", settings)

    rows = [
        [name, counts[k], f"{before.class_accuracy[k]:.1f}", f"{per_class[k]:.1f}"]
        for k, name in enumerate(names)
        if counts[k]
    ]
    spread = "" if deviation is None else f" ± {deviation:.2f}"
    rows.append(["all", before.shapes, f"{before.accuracy:.2f}", f"{summary['accuracy']:.2f}{spread}"])
    print(table(["class", "shapes", "zero-shot %", "few-shot %"], rows))
    print(f"\n{method_in_words(settings)}; {_chosen(answers[0])}")
    run.print_footer(before.shapes, len(before.truth))
    return summary


def report_own_shapes(
    folder: Path,
    run: Run,
    names: Sequence[str],
    reader: BatchReader,
    test: Features,
    zero: Tensor,
    answer: Answer,
    projection: nn.Module,
    threshold: float,
) -> dict:
    """Print the most probable classes of each of the user's shapes, and write the run's files.

    Args:
        folder: for the run's files.
        zero: the zero-shot logits [n, K] of the same classes.
        threshold: shapes whose top probability is lower are called none of these.
    """
    shares = answer.logits.softmax(1).numpy()  # [n, K]
    order = np.argsort(-shares, axis=1, kind="stable")[:, :TOP]
    best = np.take_along_axis(shares, order, 1)
    listed = answers_of(reader, test.indices, class_answers(names, order, best, threshold, calibrated=False))
    count = len(test.names)
    before = zero.softmax(1).numpy()
    cases = [
        Change(
            name,
            "",
            names[before[i].argmax()],
            float(before[i].max()),
            listed[i]["class"],
            float(best[i, 0]),
            _maps(reader.shapes, test.indices[i], projection),
            details(listed[i]),
        )
        for i, name in enumerate(test.names[:PAGED] if run.settings.REPORT else ())
    ]
    notes = [*run.notes, UNCALIBRATED]
    if count > PAGED:
        notes.append(f"The first {PAGED} of {count:,} shapes are shown; all of them are in predictions.csv.")
    run = replace(run, notes=notes)
    given = {"input": reader.shapes.given, "classes": list(names), "threshold": threshold}
    summary = {"task": TASK, **given, **summary_of(run, reader, count), ANSWERS: listed}
    summary["method"] = run.settings.METHOD
    write_json(folder / "metrics.json", summary)
    rows = [
        [one["shape"], one["class"], f"{one['probability']:.6f}", one["up"], one["up_by"]] for one in listed[:count]
    ]
    write_csv(folder / "predictions.csv", ["shape", "prediction", "probability", "up", "up_by"], rows)
    if run.settings.REPORT:
        training = answer.learned.training
        explanation = "Zero-shot's prediction, few-shot's, and the depth maps that CLIP saw."
        sections = [("Shapes", explanation, cases)]
        write_fewshot_report(
            folder / "report.html",
            "Few-shot classification: own shapes",
            run.facts,
            run.all_notes,
            {} if training is None else {answer.draw.words: training},
            {},
            sections,
        )
    write_settings(folder / "config.yaml", run.settings)
    print_classes(listed, threshold, PAGED)
    run.print_footer(count)
    return summary


def method_in_words(settings: CfgNode) -> str:
    """The method, the shots and the protocol, as text."""
    shots = f"{settings.SHOTS} shots" if settings.SHOTS else "all training shapes"
    seeds = f", mean of {settings.SEEDS} draws" if settings.SEEDS > 1 else ""
    return f"{settings.METHOD.replace('_', ' ')}, {shots}{seeds}; {_selection(CHOSEN_ON[settings.PROTOCOL])}"


def _selection(chosen_on: str) -> str:
    return "no selection" if chosen_on == "nothing" else f"selected on {chosen_on}"


def method_summary(settings: CfgNode, answers: Sequence[Answer]) -> dict:
    """The entries of metrics.json about the method."""
    return {
        "method": settings.METHOD,
        "shots": settings.SHOTS,
        "seeds": [answer.draw.seed for answer in answers],
        "protocol": settings.PROTOCOL,
        "chosen_on": CHOSEN_ON[settings.PROTOCOL],
        "found": [answer.learned.chosen for answer in answers],
    }


def write_predictions(
    folder: Path, tuned: bool, names: Sequence[str], test: Features, before: Scores, after: Scores
) -> None:
    """Write one row per shape: its true class where known, zero-shot's prediction and the first draw's."""
    header = ["shape", "truth", "zeroshot", "prediction", "probability", "correct", "tuned_on_test_labels"]
    first, second = before.probabilities.argmax(1), after.probabilities.argmax(1)
    rows = []
    for i, (name, label) in enumerate(zip(test.names, test.labels.tolist(), strict=True)):
        share, known = after.probabilities[i, second[i]], label >= 0
        row = [name, names[label] if known else "", names[first[i]], names[second[i]], f"{share:.6f}"]
        rows.append([*row, int(second[i] == label) if known else "", int(tuned)])
    write_csv(folder / "predictions.csv", header, rows)


def _write_page(
    folder: Path, run: Run, answers: Sequence[Answer], summary: dict, classes: dict, changes: Sequence
) -> None:
    facts = run.facts | {
        "Method": method_in_words(run.settings),
        "Selected": _chosen(answers[0]),
        "Shapes": f"{summary['shapes']}",
        "Accuracy": f"{summary['accuracy']:.2f} %, zero-shot {summary['zeroshot_accuracy']:.2f} %",
    }
    trainings = {answer.draw.words: answer.learned.training for answer in answers if answer.learned.training}
    title = f"Few-shot classification: {run.folder.name}"
    write_fewshot_report(folder / "report.html", title, facts, run.all_notes, trainings, classes, changes)


def _changes(before: Scores, after: Scores, test: Features, shapes: ShapeSet, projection: nn.Module):
    """Sections of the page: predictions that became right and that became wrong, the most confident first."""
    right = _right(after)
    changed = {
        ("Became right", "Wrong by zero-shot, right by few-shot."): right & ~_right(before) & (after.truth >= 0),
        ("Became wrong", "Right by zero-shot, wrong by few-shot."): ~right & _right(before),
    }
    sections = []
    for (heading, explanation), mask in changed.items():
        places = np.flatnonzero(mask)
        places = places[np.argsort(-after.probabilities[places].max(1), kind="stable")]
        cases = [_change(i, before, after, test, shapes, projection) for i in places[:SHOWN]]
        sections.append((heading, f"{explanation} {len(places)} shape{'s' * (len(places) != 1)}.", cases))
    return sections


def _change(i: int, before: Scores, after: Scores, test: Features, shapes: ShapeSet, projection: nn.Module) -> Change:
    names, first, second = after.names, before.probabilities[i], after.probabilities[i]
    return Change(
        test.names[i],
        names[after.truth[i]],
        names[first.argmax()],
        float(first.max()),
        names[second.argmax()],
        float(second.max()),
        _maps(shapes, test.indices[i], projection),
    )


@torch.no_grad()
def _maps(shapes: ShapeSet, index: int, projection: nn.Module) -> np.ndarray:
    """The depth maps of a shape, [V, H, W] in [0, 1]."""
    points = torch.from_numpy(shapes[index].points)[None].to(projection.rotations.device)
    maps = projection.depth_maps(points)[0].cpu().numpy()
    return maps / max(1, maps.max())  # PointCLIP V1's reach 2.6


def _right(scores: Scores) -> np.ndarray:
    return scores.probabilities.argmax(1) == scores.truth


def _chosen(answer: Answer) -> str:
    """What was selected, as text: "alpha 1, beta 5.5"."""
    pairs = ((name.replace("_", " "), value) for name, value in answer.learned.chosen.items())
    return ", ".join(f"{name} {value:g}" for name, value in pairs) or "no hyperparameters"


def report_training(
    folder: Path, settings: CfgNode, answers: Sequence[Answer], encoder: str, final_folder: Path
) -> dict:
    """Write to `folder` what was learned, and print it, where there are no shapes to classify.

    `final_folder` is where the files will be.
    """
    summary = {"task": TASK, "dataset": "own shapes", "encoder": encoder, "shapes": 0}
    summary |= {**method_summary(settings, answers), "training_shapes": len(answers[0].draw.train)}
    write_json(folder / "metrics.json", summary)
    write_settings(folder / "config.yaml", settings)
    print(f"{method_in_words(settings)}; {_chosen(answers[0])}; the head is in {final_folder / 'head.safetensors'}")
    return summary


def report_head_on_files(
    folder: Path,
    run: Run,
    facts: HeadFacts,
    reader: BatchReader,
    test: Features,
    zero: Tensor,
    logits: Tensor,
    projection: nn.Module,
    threshold: float,
) -> dict:
    """As `report_own_shapes`, for a head from a file."""
    learned = Learned(nn.Identity(), {}, {})
    answer = Answer(Shots("", 0, 0, [], []), learned, logits)
    return report_own_shapes(folder, run, facts.class_names, reader, test, zero, answer, projection, threshold)


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
) -> dict:
    """Score a head from a file on the classes that it shares with a data set, beside zero-shot of these classes.

    Args:
        test: features whose labels index the shared classes.
        zero, logits: of zero-shot and of the head, [n, shared classes].
        columns: the shared classes' indices among the head's.
    """
    names = [facts.class_names[column] for column in columns]
    before, scores = (evaluate(each, test.labels, names) for each in (zero, logits))
    total = len(reader.shapes.class_names)
    note = f"Scored on the {len(names)} of {total} classes that the head knows; it predicts only among these."
    run = replace(run, notes=[*run.notes, note])
    summary = {
        "task": TASK,
        **summary_of(run, reader, scores.shapes),
        "method": facts.method,
        "trained_on": facts.shots,
        "chosen_on": facts.chosen_on,
        "accuracy": scores.accuracy,
        "zeroshot_accuracy": before.accuracy,
        "gain": scores.accuracy - before.accuracy,
        "mean_class_accuracy": scores.mean_class_accuracy,
        "class_accuracy": dict(zip(names, scores.class_accuracy.tolist(), strict=True)),
        "zeroshot_class_accuracy": dict(zip(names, before.class_accuracy.tolist(), strict=True)),
    }
    write_json(folder / "metrics.json", summary)
    write_predictions(folder, run.origin.tuned, names, test, before, scores)
    counts = before.confusion.sum(1)
    classes = {
        name: (before.class_accuracy[k], scores.class_accuracy[k], int(counts[k]))
        for k, name in enumerate(names)
        if counts[k]
    }
    if run.settings.REPORT:
        accuracy = f"{scores.accuracy:.2f} %, zero-shot {before.accuracy:.2f} %"
        words = {"Method": facts.method.replace("_", " "), "Trained on": facts.shots, "Accuracy": accuracy}
        changes = _changes(before, scores, test, reader.shapes, projection)
        title = f"Few-shot classification: {run.folder.name}"
        write_fewshot_report(folder / "report.html", title, run.facts | words, run.all_notes, {}, classes, changes)
    write_settings(folder / "config.yaml", run.settings)
    rows = [[name, shapes, f"{old:.1f}", f"{new:.1f}"] for name, (old, new, shapes) in classes.items()]
    rows.append(["all", scores.shapes, f"{before.accuracy:.2f}", f"{scores.accuracy:.2f}"])
    print(table(["class", "shapes", "zero-shot %", "head %"], rows))
    print(f"\n{facts.method.replace('_', ' ')}, trained on {facts.shots}; {_selection(facts.chosen_on)}")
    run.print_footer(scores.shapes)
    return summary
