"""What a segmentation run leaves behind: a table, metrics.json, predictions.csv, report.html, config.yaml, .ply."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from plyfile import PlyData, PlyElement

from pointclip.datasets.batches import BatchReader
from pointclip.report.album import SegmentationCase, write_segmentation_report
from pointclip.report.pictures import part_colours
from pointclip.runs.run import Run, summary_of, table, write_csv, write_json, write_settings
from pointclip.utils.files import atomic_path
from zeroshot_seg.evaluate import TASK, Scores, Segmented, score
from zeroshot_seg.realistic_projection import RealisticProjection

CASES = 3  # best and worst shapes shown in the report

Parts = Mapping[str, tuple[str, ...]]  # category -> its parts


def show_test(
    run: Run,
    reader: BatchReader,
    results: list[Segmented],
    parts: Parts,
    projection: RealisticProjection,
    save_ply: bool,
) -> dict:
    """Score against the labels, print the table per category, write the run's files, return what metrics.json holds."""
    settings = run.settings
    scores = score(results, parts, settings.IOU_RULE, settings.SEED)
    rows = category_rows(results, scores)
    summary = summarize(run, reader, results, scores, rows)

    write_json(run.folder / "metrics.json", summary)
    write_predictions(run, results, scores.own)
    if settings.REPORT:
        order = np.argsort(-scores.own, kind="stable")
        cases = [
            [make_case(results[i], scores.own[i], reader, parts, projection) for i in chosen]
            for chosen in (order[:CASES], order[::-1][:CASES])
        ]
        facts = run.facts | {
            "Shapes": f"{len(results)}",
            "Instance mIoU": f"{scores.own.mean():.2f} %",
            "Lookup, protocol, IoU rule": f"{settings.LOOKUP}, {settings.PROTOCOL}, {settings.IOU_RULE}",
        }
        title = f"Zero-shot part segmentation: {run.folder.name}"
        write_segmentation_report(run.folder / "report.html", title, facts, rows, *cases, run.all_notes)
    write_settings(run.folder / "config.yaml", settings)
    save_clouds(run.folder / "ply", reader, results if save_ply else [], parts)

    means = ["mean of categories", len(results), *(np.mean([list(row.values())[c] for row in rows]) for c in (2, 3, 4))]
    instance = ["all shapes", len(results), *(part.mean() for part in (scores.own, scores.largest, scores.chance))]
    cells = [
        [*row[:2], *(f"{value:.1f}" for value in row[2:])]
        for row in [*(list(r.values()) for r in rows), means, instance]
    ]
    print(table(list(rows[0]), cells))
    print(f"\nlookup: {settings.LOOKUP}; protocol: {settings.PROTOCOL}; IoU rule: {settings.IOU_RULE}; "
          f"points that no view sees: {summary['unseen_points']} of {summary['points']}", end="")  # fmt: skip
    run.tell(len(results))
    return summary


def show_own_shapes(
    run: Run,
    reader: BatchReader,
    results: list[Segmented],
    parts: Parts,
    projection: RealisticProjection,
    save_ply: bool,
) -> dict:
    """Print how many points each part has, and write the files of own shapes to the run's folder."""
    cases = [make_case(result, None, reader, parts, projection) for result in results]
    write_predictions(run, results, None)
    given = {"input": reader.shapes.given, "parts": parts}
    summary = {"task": TASK, **given, **summary_of(run, reader, len(results))}
    write_json(run.folder / "metrics.json", summary)
    facts = run.facts | {"Lookup": run.settings.LOOKUP}
    if run.settings.REPORT:
        write_segmentation_report(
            run.folder / "report.html", "Parts of own shapes", facts, [], cases, [], run.all_notes
        )
    write_settings(run.folder / "config.yaml", run.settings)
    save_clouds(run.folder / "ply", reader, results if save_ply else [], parts)
    for result in results:
        names = parts[result.category]
        counts = np.bincount(result.labels, minlength=len(names))
        share = [[name, n, f"{100 * n / counts.sum():.1f}"] for name, n in zip(names, counts, strict=True)]
        print(f"\n{table([result.name, 'points', 'share %'], share)}")
        print(f"points that no view sees: {result.unseen}")
    run.tell(len(results))
    return summary


def category_rows(results: list[Segmented], scores: Scores) -> list[dict]:
    """One row a category, by name."""
    rows = []
    for name in sorted({result.category for result in results}):
        own = np.array([result.category == name for result in results])
        rows.append(
            {
                "category": name,
                "shapes": int(own.sum()),
                "mIoU": float(scores.own[own].mean()),
                "largest part": float(scores.largest[own].mean()),
                "chance": float(scores.chance[own].mean()),
            }
        )
    return rows


def summarize(run: Run, reader: BatchReader, results: list[Segmented], scores: Scores, rows: list[dict]) -> dict:
    """What metrics.json holds."""
    return {
        "task": TASK,
        **summary_of(run, reader, len(results)),
        "instance_miou": scores.own.mean(),
        "mean_category_miou": float(np.mean([row["mIoU"] for row in rows])),
        "category_miou": {row["category"]: row["mIoU"] for row in rows},
        "largest_part_miou": scores.largest.mean(),
        "chance_miou": scores.chance.mean(),
        "lookup": run.settings.LOOKUP,
        "protocol": run.settings.PROTOCOL,
        "iou_rule": run.settings.IOU_RULE,
        "points": sum(len(result.labels) for result in results),
        "unseen_points": sum(result.unseen for result in results),
    }


def make_case(
    result: Segmented, iou: float | None, reader: BatchReader, parts: Parts, projection: RealisticProjection
) -> SegmentationCase:
    """One shape for the report, with its depth maps."""
    shape = reader.shapes[result.index]
    seen = projection(torch.from_numpy(shape.points)[None].to(projection.rotations.device))
    return SegmentationCase(
        name=result.name,
        category=result.category,
        points=shape.points,
        prediction=result.labels.astype(int),
        truth=None if result.truth is None else result.truth.astype(int),
        part_names=parts[result.category],
        iou=iou,
        maps=seen.images[0, :, 0].cpu().numpy(),
        pixel=seen.pixel[0].cpu().numpy(),
        visible=seen.visible[0].cpu().numpy(),
    )


def write_predictions(run: Run, results: list[Segmented], ious: np.ndarray | None) -> None:
    """One row a shape."""
    header = ["shape", "category", "points", "unseen_points", "iou", "tuned_on_test_labels"]
    rows = [[result.name, result.category, len(result.labels), result.unseen] for result in results]
    shown = [""] * len(rows) if ious is None else [f"{iou:.4f}" for iou in ious]
    rows = [[*row, iou, int(run.origin.tuned)] for row, iou in zip(rows, shown, strict=True)]
    write_csv(run.folder / "predictions.csv", header, rows)


def save_clouds(folder: Path, reader: BatchReader, results: list[Segmented], parts: Parts) -> None:
    """Write each shape as .ply: x, y, z, the part's colour and its label; those of an earlier run go.

    Rows of a shape's file that were dropped for NaN keep their place, as NaN in grey with label -1.
    """
    fields = [(axis, "f4") for axis in "xyz"] + [(colour, "u1") for colour in ("red", "green", "blue")]
    for old in folder.glob("*.ply"):
        old.unlink()
    for result in results:
        shape = reader.shapes[result.index]
        rows = slice(None) if shape.kept is None else shape.kept
        points = np.empty(len(result.labels) if shape.kept is None else len(rows), dtype=[*fields, ("label", "i4")])
        points[:] = (np.nan, np.nan, np.nan, 128, 128, 128, -1)
        for axis, column in zip("xyz", shape.points.T, strict=True):
            points[axis][rows] = column
        for colour, column in zip(("red", "green", "blue"), part_colours(result.labels).T, strict=True):
            points[colour][rows] = column
        points["label"][rows] = result.labels
        name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in Path(result.name).name)
        with atomic_path(folder / f"{result.index:05d}_{name[-60:]}.ply") as path:
            names = [f"label {number}: {part}" for number, part in enumerate(parts[result.category])]
            PlyData([PlyElement.describe(points, "vertex")], comments=names).write(str(path))
