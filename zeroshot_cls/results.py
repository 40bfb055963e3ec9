"""What a classification run leaves behind: a table, metrics.json, predictions.csv, report.html, config.yaml."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pointclip import metrics
from pointclip.datasets.base import ShapeSet
from pointclip.datasets.batches import BatchReader
from pointclip.errors import InputError
from pointclip.report.album import ClassificationCase, write_classification_report, write_shapes_report
from pointclip.runs.run import Run, summary_of, table, write_csv, write_json, write_settings
from zeroshot_cls.classifier import TASK, Features
from zeroshot_cls.projections import Projection

TOP = 5  # classes shown for a shape
CASES = 3  # best and worst shapes shown in the report


def show_test(run: Run, reader: BatchReader, features: Features, logits: Tensor, projection: Projection) -> dict:
    """Score against the labels, print the table per class, write the run's files, return what metrics.json holds."""
    names = reader.shapes.class_names
    probabilities, truth = logits.softmax(1).numpy(), features.labels.numpy()
    confusion = metrics.confusion_matrix(truth, probabilities.argmax(1), len(names))
    counts = {name: (int(confusion[k, k]), int(confusion[k].sum())) for k, name in enumerate(names)}
    if unknown := int((truth < 0).sum()):
        if unknown == len(truth):
            raise InputError("No shape's class is known, so nothing can be scored; name single files with --input.")
        note = f"{unknown} shape(s) of unknown class were named, in predictions.csv, but count in no score."
        run = replace(run, notes=[*run.notes, note])
    summary = summarize(run, reader, names, confusion, len(truth))

    write_json(run.folder / "metrics.json", summary)
    write_predictions(run, names, features, probabilities)
    if run.settings.REPORT:
        cases = [
            [make_case(i, reader.shapes, features, probabilities, projection) for i in chosen]
            for chosen in best_and_worst(truth, probabilities)
        ]
        facts = run.facts | {"Shapes": f"{summary['shapes']}", "Accuracy": f"{summary['accuracy']:.2f} %"}
        facts["Mean class accuracy"] = f"{summary['mean_class_accuracy']:.2f} %"
        title, page = f"Zero-shot classification: {run.folder.name}", run.folder / "report.html"
        write_classification_report(page, title, facts, counts, confusion, names, *cases, run.all_notes)
    write_settings(run.folder / "config.yaml", run.settings)

    rows = [[name, total, right, f"{100 * right / total:.1f}"] for name, (right, total) in counts.items() if total]
    rows.append(["all", confusion.sum(), np.trace(confusion), f"{summary['accuracy']:.2f}"])
    print(table(["class", "shapes", "right", "accuracy %"], rows))
    run.tell(summary["shapes"], len(truth))
    return summary


def show_own_shapes(run: Run, reader: BatchReader, features: Features, logits: Tensor, projection: Projection) -> dict:
    """Print the top classes of own shapes, and write their files to the run's folder."""
    probabilities = logits.softmax(1).numpy()
    cases = [make_case(i, reader.shapes, features, probabilities, projection) for i in range(len(probabilities))]
    write_predictions(run, reader.shapes.class_names, features, probabilities)
    given = {"input": reader.shapes.given, "classes": list(reader.shapes.class_names)}
    summary = {"task": TASK, **given, **summary_of(run, reader, len(cases))}
    write_json(run.folder / "metrics.json", summary)
    page = run.folder / "report.html"
    if run.settings.REPORT:
        write_shapes_report(page, "Zero-shot classification: own shapes", run.facts, cases, run.all_notes)
    write_settings(run.folder / "config.yaml", run.settings)
    for case in cases:
        rows = [[name, f"{100 * share:.1f}"] for name, share in case.top]
        print(f"\n{table([case.name, 'probability %'], rows)}")
    run.tell(len(cases))
    return summary


def summarize(run: Run, reader: BatchReader, names: tuple[str, ...], confusion: np.ndarray, named: int) -> dict:
    """What metrics.json holds; `named` shapes were classified, those of known class are in `confusion` [K, K]."""
    per_class = metrics.class_accuracy(confusion)
    shapes = int(confusion.sum())
    return {
        "task": TASK,
        **summary_of(run, reader, shapes, named),
        "accuracy": metrics.accuracy(confusion),
        "mean_class_accuracy": float(np.nanmean(per_class)),
        "class_accuracy": dict(zip(names, per_class.tolist(), strict=True)),
    }


def best_and_worst(truth: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the shapes that were named right, and of those named wrong, the surest first, CASES of each."""
    sure, right = probabilities.max(1), probabilities.argmax(1) == truth
    order = np.argsort(-sure, kind="stable")
    known = truth[order] >= 0
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


def write_predictions(run: Run, names: tuple[str, ...], features: Features, probabilities: np.ndarray) -> None:
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
