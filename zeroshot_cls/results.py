"""The output of a classification run: a table, metrics.json, predictions.csv, report.html, config.yaml."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from pointclip.datasets.base import Shapes
from pointclip.datasets.batches import BatchReader
from pointclip.metrics import error_of_mean
from pointclip.projection.view_projection import ViewProjection
from pointclip.report.cases import varied
from pointclip.runs.answers import ANSWERS
from pointclip.runs.output import table
from pointclip.runs.own_shapes import UP_COLUMNS, answers_of, class_answers, details, print_classes
from pointclip.runs.run import Results, Run
from pointclip.utils.files import expanded
from zeroshot_cls.calibration import FILE, Calibration, note_of, write_calibration
from zeroshot_cls.classifier import TASK, Answers
from zeroshot_cls.report import ClassificationCase, write_classification_report, write_shapes_report
from zeroshot_cls.scores import Scores

CASES = 3  # best and worst shapes shown in the report
SHOWN = 100  # own shapes printed and shown in the report; more make a page that no browser opens


def report_test(
    run: Run,
    reader: BatchReader,
    answers: Answers,
    scores: Scores,
    projection: ViewProjection,
    calibration: Calibration | None,
) -> dict:
    """Print the table per class, write the run's files, return the content of metrics.json."""
    run = run.with_notes(note_of(calibration, scores.names, run.encoder))
    calibrated = calibration is not None and calibration.covers(scores.names, run.encoder)
    if unknown := len(scores.truth) - scores.shapes:
        run = run.with_notes(f"{unknown} shape(s) of unknown class are in predictions.csv, but not scored.")
    summary = {
        "task": TASK,
        **run.summary(scores.shapes, len(scores.truth)),
        "accuracy": scores.accuracy,
        "accuracy_standard_error": scores.accuracy_error,
        "mean_class_accuracy": scores.mean_class_accuracy,
        "mean_class_accuracy_standard_error": error_of_mean(list(scores.class_errors.values())),
        "class_accuracy": dict(zip(scores.names, scores.class_accuracy.tolist(), strict=True)),
        "class_accuracy_standard_error": scores.class_errors,
    }
    counts = scores.class_counts
    rows = [
        [name, total, correct, f"{100 * correct / total:.1f}", f"± {scores.class_errors[name]:.1f}"]
        for name, (correct, total) in counts.items()
        if total
    ]
    rows.append(
        ["all", scores.shapes, scores.correct_shapes, f"{scores.accuracy:.2f}", f"± {scores.accuracy_error:.2f}"]
    )
    print(table(["class", "shapes", "correct", "accuracy %", "standard error"], rows), flush=True)

    def page(path: Path) -> None:
        best, worst = best_and_worst(scores.truth, answers)
        facts = {
            "Shapes": f"{scores.shapes}",
            "Accuracy": f"{scores.accuracy:.2f} ± {scores.accuracy_error:.2f} % (standard error)",
            "Mean class accuracy": f"{scores.mean_class_accuracy:.2f} %",
        }
        heading = run.heading(f"Zero-shot classification: {run.folder.name}", facts)
        cases = [make_cases(indices, reader.shapes, answers, projection, calibrated) for indices in (best, worst)]
        write_classification_report(path, heading, counts, scores.confusion, scores.names, *cases)

    def files(folder: Path) -> None:
        if calibration and expanded(run.settings.CALIBRATION).resolve() == run.folder.resolve() / FILE:
            write_calibration(folder / FILE, calibration)

    table_of_shapes = predictions(run, scores.names, answers, calibrated)
    return run.publish(Results(summary, *table_of_shapes, page, files))


def report_own_shapes(
    run: Run,
    reader: BatchReader,
    answers: Answers,
    projection: ViewProjection,
    threshold: float,
    calibration: Calibration | None,
) -> dict:
    """Print the classes of own shapes, and write the run's files.

    Args:
        threshold: shapes whose top probability is lower get the prediction `NONE`.
        calibration: of the probabilities, None if they are not calibrated.
    """
    names, count = reader.shapes.class_names, len(answers.names)
    run = run.with_notes(note_of(calibration, names, run.encoder))
    calibrated = calibration is not None and calibration.covers(names, run.encoder)
    shown = range(min(count, SHOWN))
    given = {"input": reader.files.given, "classes": list(names), "threshold": threshold}
    called = class_answers(names, answers.top, answers.probabilities, threshold, calibrated, answers.margins)
    listed = answers_of(reader, answers.indices, called)
    if count > SHOWN:
        run = run.with_notes(f"The first {SHOWN} of {count:,} shapes are shown; all of them are in predictions.csv.")
    summary = {"task": TASK, **given, **run.summary(count), ANSWERS: listed}
    print_classes(listed, threshold, SHOWN)

    def page(path: Path) -> None:
        cases = make_cases(shown, reader.shapes, answers, projection, calibrated, listed)
        write_shapes_report(path, run.heading("Zero-shot classification: own shapes"), cases)

    return run.publish(Results(summary, *predictions(run, names, answers, calibrated, listed), page))


def best_and_worst(truth: np.ndarray, answers: Answers) -> tuple[list[int], list[int]]:
    """Indices of CASES correctly and CASES wrongly classified shapes: the most confident ones of different classes."""
    confidence, correct = answers.probabilities[:, 0], answers.top[:, 0] == truth
    order = np.argsort(-confidence, kind="stable")
    known = truth[order] >= 0
    right, wrong = order[correct[order]], order[~correct[order] & known]
    return varied(right, truth, CASES), varied(wrong, truth, CASES)


def make_cases(
    indices: Iterable[int],
    shapes: Shapes,
    answers: Answers,
    projection: ViewProjection,
    calibrated: bool,
    listed: Sequence[Mapping] = (),
) -> Iterator[ClassificationCase]:
    """The shapes for the report, one by one, since their depth maps are large; `listed` are own shapes' answers."""
    names = shapes.class_names
    for i in indices:
        shape = shapes[answers.indices[i]]
        points = torch.from_numpy(shape.points)[None].to(projection.rotations.device)
        maps = projection.depth_maps(points)[0].cpu().numpy()
        guesses = zip(answers.top[i], answers.probabilities[i], strict=True)
        top = [(names[k], float(share)) for k, share in guesses]
        yield ClassificationCase(
            name=shape.name,
            truth=names[shape.label] if shape.label >= 0 else None,
            prediction=listed[i]["class"] if listed else top[0][0],
            confidence=top[0][1],
            maps=maps / max(1, maps.max()),  # PointCLIP V1's reach 2.6
            top=top,
            calibrated=calibrated,
            details=details(listed[i]) if listed else "",
            points=shape.points if listed else None,
        )


def predictions(
    run: Run, names: Sequence[str], answers: Answers, calibrated: bool, listed: Sequence[Mapping] = ()
) -> tuple[list[str], Iterator[list]]:
    """The header and the rows of predictions.csv: for each shape its true class if known, the top classes
    with their probabilities, and the first's margin.

    Of own shapes, whose answers are `listed`, also the up axis and its reason.
    """
    header = ["shape", "truth", "prediction", "correct"]
    for rank in range(1, answers.top.shape[1] + 1):
        header += [f"class_{rank}", f"probability_{rank}"]
    header += ["margin", "calibrated", *(UP_COLUMNS if listed else []), "tuned_on_test_labels"]

    def rows() -> Iterator[list]:
        of_shapes = zip(answers.names, answers.labels.tolist(), answers.top, answers.probabilities, strict=True)
        for i, (name, label, best, shares) in enumerate(of_shapes):
            known, called = label >= 0, listed[i]["class"] if listed else names[best[0]]
            row = [name, names[label] if known else "", called, int(best[0] == label) if known else ""]
            for k, share in zip(best, shares, strict=True):
                row += [names[k], f"{share:.6f}"]
            up = [listed[i][name] for name in UP_COLUMNS] if listed else []
            yield [*row, f"{answers.margins[i]:.6f}", int(calibrated), *up, int(run.origin.tuned)]

    return header, rows()
