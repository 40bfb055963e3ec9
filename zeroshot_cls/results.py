"""What a classification run leaves behind: a table, metrics.json, predictions.csv, report.html, config.yaml."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pointclip.datasets.base import ShapeSet
from pointclip.datasets.batches import BatchReader
from pointclip.runs.output import table, write_csv, write_json, write_settings
from pointclip.runs.run import Run, summary_of
from zeroshot_cls.classifier import TASK, Features
from zeroshot_cls.projections import Projection
from zeroshot_cls.report import ClassificationCase, write_classification_report, write_shapes_report
from zeroshot_cls.scores import Scores

TOP = 5  # classes shown for a shape
CASES = 3  # best and worst shapes shown in the report


def report_test(run: Run, reader: BatchReader, features: Features, scores: Scores, projection: Projection) -> dict:
    """Print the table per class, write the run's files, return what metrics.json holds."""
    if unknown := len(scores.truth) - scores.shapes:
        note = f"{unknown} shape(s) of unknown class were named, in predictions.csv, but count in no score."
        run = replace(run, notes=[*run.notes, note])
    summary = {
        "task": TASK,
        **summary_of(run, reader, scores.shapes, len(scores.truth)),
        "accuracy": scores.accuracy,
        "mean_class_accuracy": scores.mean_class_accuracy,
        "class_accuracy": dict(zip(scores.names, scores.class_accuracy.tolist(), strict=True)),
    }
    pairs = zip(scores.names, scores.confusion, strict=True)
    counts = {name: (int(row[k]), int(row.sum())) for k, (name, row) in enumerate(pairs)}
    write_json(run.folder / "metrics.json", summary)
    write_predictions(run, scores.names, features, scores.probabilities)
    if run.settings.REPORT:
        cases = [
            [make_case(i, reader.shapes, features, scores.probabilities, projection) for i in places]
            for places in best_and_worst(scores)
        ]
        facts = run.facts | {
            "Shapes": f"{scores.shapes}",
            "Accuracy": f"{scores.accuracy:.2f} %",
            "Mean class accuracy": f"{scores.mean_class_accuracy:.2f} %",
        }
        title, page = f"Zero-shot classification: {run.folder.name}", run.folder / "report.html"
        write_classification_report(page, title, facts, counts, scores.confusion, scores.names, *cases, run.all_notes)
    write_settings(run.folder / "config.yaml", run.settings)

    rows = [[name, total, right, f"{100 * right / total:.1f}"] for name, (right, total) in counts.items() if total]
    rows.append(["all", scores.shapes, np.trace(scores.confusion), f"{scores.accuracy:.2f}"])
    print(table(["class", "shapes", "right", "accuracy %"], rows))
    run.print_footer(scores.shapes, len(scores.truth))
    return summary


def report_own_shapes(
    run: Run, reader: BatchReader, features: Features, probabilities: Tensor, projection: Projection
) -> dict:
    """Print the top classes of own shapes by their probabilities [n, K], and write the run's files."""
    names, shares = reader.shapes.class_names, probabilities.numpy()
    cases = [make_case(i, reader.shapes, features, shares, projection) for i in range(len(shares))]
    write_predictions(run, names, features, shares)
    given = {"input": reader.shapes.given, "classes": list(names)}
    summary = {"task": TASK, **given, **summary_of(run, reader, len(cases))}
    write_json(run.folder / "metrics.json", summary)
    if run.settings.REPORT:
        page = run.folder / "report.html"
        write_shapes_report(page, "Zero-shot classification: own shapes", run.facts, cases, run.all_notes)
    write_settings(run.folder / "config.yaml", run.settings)
    for case in cases:
        rows = [[name, f"{100 * share:.1f}"] for name, share in case.top]
        print(f"\n{table([case.name, 'probability %'], rows)}")
    run.print_footer(len(cases))
    return summary


def best_and_worst(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    """Places of the shapes that were named right, and of those named wrong, the surest first, CASES of each."""
    sure, right = scores.probabilities.max(1), scores.probabilities.argmax(1) == scores.truth
    order = np.argsort(-sure, kind="stable")
    known = scores.truth[order] >= 0
    return order[right[order]][:CASES], order[~right[order] & known][:CASES]


def make_case(
    i: int, shapes: ShapeSet, features: Features, probabilities: np.ndarray, projection: Projection
) -> ClassificationCase:
    """One shape for the report, with its depth maps."""
    shape, names = shapes[features.indices[i]], shapes.class_names
    order = np.argsort(-probabilities[i], kind="stable")[:TOP]
    points = torch.from_numpy(shape.points)[None].to(projection.rotations.device)
    maps = projection.depth_maps(points)[0].cpu().numpy()
    return ClassificationCase(
        name=shape.name,
        truth=names[shape.label] if shape.label >= 0 else None,
        prediction=names[order[0]],
        confidence=float(probabilities[i, order[0]]),
        maps=maps / max(1, maps.max()),  # PointCLIP V1's reach to 2.6
        top=[(names[k], float(probabilities[i, k])) for k in order],
    )


def write_predictions(run: Run, names: Sequence[str], features: Features, probabilities: np.ndarray) -> None:
    """One row a shape: its truth where known, and the top classes with their probabilities."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    header = ["shape", "truth", "prediction", "correct"]
    for place in range(1, order.shape[1] + 1):
        header += [f"class_{place}", f"probability_{place}"]
    header.append("tuned_on_test_labels")
    rows = []
    for name, label, best, share in zip(features.names, features.labels.tolist(), order, probabilities, strict=True):
        known = label >= 0
        row = [name, names[label] if known else "", names[best[0]], int(best[0] == label) if known else ""]
        for k in best:
            row += [names[k], f"{share[k]:.6f}"]
        rows.append([*row, int(run.origin.tuned)])
    write_csv(run.folder / "predictions.csv", header, rows)
