"""What a segmentation run leaves behind: a table, metrics.json, predictions.csv, report.html, config.yaml, .ply."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from plyfile import PlyData, PlyElement

from pointclip.datasets.batches import BatchReader
from pointclip.report.pictures import even_choice, part_colours
from pointclip.runs.output import table, write_csv
from pointclip.runs.run import Run, run_files, summary_of
from pointclip.utils.files import atomic_path
from zeroshot_seg.labelling import TASK, Segmented
from zeroshot_seg.realistic_projection import RealisticProjection
from zeroshot_seg.report import SegmentationCase, write_segmentation_report
from zeroshot_seg.scores import Scores

CASES = 3  # best and worst shapes shown in the report
SHOWN = 20  # own shapes printed and shown in the report, with a cloud that can be turned each
DRAWN = 100_000  # points of a cloud that its pictures are made of

Parts = Mapping[str, tuple[str, ...]]  # category -> its parts


def report_test(
    run: Run,
    reader: BatchReader,
    shapes: list[Segmented],
    scores: Scores,
    parts: Parts,
    projection: RealisticProjection,
    save_ply: bool,
) -> dict:
    """Print the table per category, write the run's files, return what metrics.json holds."""
    settings = run.settings
    rows = category_rows(shapes, scores)
    summary = summarize(run, reader, shapes, scores, rows)
    print_categories(rows, shapes, scores)
    print(f"\nlookup: {settings.LOOKUP}; features: {settings.FEATURES}; protocol: {settings.PROTOCOL}; "
          f"IoU rule: {settings.IOU_RULE}; "
          f"points that no view sees: {summary['unseen_points']} of {summary['points']}", flush=True)  # fmt: skip

    with run_files(run, summary) as folder:
        write_predictions(folder, run, shapes, scores.iou)
        if save_ply:
            save_clouds(folder / "ply", reader, shapes, parts)
        if settings.REPORT:
            order = np.argsort(-scores.iou, kind="stable")
            cases = [
                make_cases([(shapes[i], scores.iou[i]) for i in chosen], reader, parts, projection)
                for chosen in (order[:CASES], order[::-1][:CASES])
            ]
            facts = run.facts | {
                "Shapes": f"{len(shapes)}",
                "Instance mIoU": f"{scores.iou.mean():.2f} %",
                "Lookup, features": f"{settings.LOOKUP}, {settings.FEATURES}",
                "Protocol, IoU rule": f"{settings.PROTOCOL}, {settings.IOU_RULE}",
            }
            title = f"Zero-shot part segmentation: {run.folder.name}"
            write_segmentation_report(folder / "report.html", title, facts, rows, *cases, run.all_notes)
    run.print_footer(len(shapes))
    return summary


def report_own_shapes(
    run: Run,
    reader: BatchReader,
    shapes: list[Segmented],
    parts: Parts,
    projection: RealisticProjection,
    save_ply: bool,
) -> dict:
    """Print how many points each part has, and write the files of own shapes to the run's folder."""
    given, count = {"input": reader.shapes.given, "parts": parts}, len(shapes)
    summary = {"task": TASK, **given, **summary_of(run, reader, count)}
    for shape in shapes[:SHOWN]:
        names = parts[shape.category]
        points = np.bincount(shape.labels, minlength=len(names))
        share = [[name, n, f"{100 * n / points.sum():.1f}"] for name, n in zip(names, points, strict=True)]
        print(f"\n{table([shape.name, 'points', 'share %'], share)}")
        print(f"points that no view sees: {shape.unseen}", flush=True)
    more = f"The first {SHOWN} of {count:,} shapes are shown; all of them are in predictions.csv."
    run = replace(run, notes=[*run.notes, more] if count > SHOWN else run.notes)

    with run_files(run, summary) as folder:
        write_predictions(folder, run, shapes, None)
        if save_ply:
            save_clouds(folder / "ply", reader, shapes, parts)
        if run.settings.REPORT:
            facts = run.facts | {"Lookup, features": f"{run.settings.LOOKUP}, {run.settings.FEATURES}"}
            cases = make_cases([(shape, None) for shape in shapes[:SHOWN]], reader, parts, projection)
            page = folder / "report.html"
            write_segmentation_report(page, "Parts of own shapes", facts, [], cases, [], run.all_notes)
    run.print_footer(count)
    return summary


def print_categories(rows: list[dict], shapes: list[Segmented], scores: Scores) -> None:
    """Print the table of the categories, with the means over them and over all shapes."""
    means = ["mean of categories", len(shapes), *(np.mean([list(row.values())[c] for row in rows]) for c in (2, 3, 4))]
    instance = ["all shapes", len(shapes), *(part.mean() for part in (scores.iou, scores.largest, scores.chance))]
    cells = [
        [*row[:2], *(f"{value:.1f}" for value in row[2:])]
        for row in [*(list(r.values()) for r in rows), means, instance]
    ]
    print(table(list(rows[0]), cells))


def category_rows(shapes: list[Segmented], scores: Scores) -> list[dict]:
    """One row a category, by name."""
    rows = []
    for name in sorted({shape.category for shape in shapes}):
        here = np.array([shape.category == name for shape in shapes])
        rows.append(
            {
                "category": name,
                "shapes": int(here.sum()),
                "mIoU": float(scores.iou[here].mean()),
                "largest part": float(scores.largest[here].mean()),
                "chance": float(scores.chance[here].mean()),
            }
        )
    return rows


def summarize(run: Run, reader: BatchReader, shapes: list[Segmented], scores: Scores, rows: list[dict]) -> dict:
    """What metrics.json holds."""
    return {
        "task": TASK,
        **summary_of(run, reader, len(shapes)),
        "instance_miou": scores.iou.mean(),
        "mean_category_miou": float(np.mean([row["mIoU"] for row in rows])),
        "category_miou": {row["category"]: row["mIoU"] for row in rows},
        "largest_part_miou": scores.largest.mean(),
        "chance_miou": scores.chance.mean(),
        "lookup": run.settings.LOOKUP,
        "features": run.settings.FEATURES,
        "protocol": run.settings.PROTOCOL,
        "iou_rule": run.settings.IOU_RULE,
        "points": sum(len(shape.labels) for shape in shapes),
        "unseen_points": sum(shape.unseen for shape in shapes),
    }


def make_cases(
    chosen: Iterable[tuple[Segmented, float | None]],
    reader: BatchReader,
    parts: Parts,
    projection: RealisticProjection,
) -> Iterator[SegmentationCase]:
    """Shapes with their IoU for the report, one at a time, since they are large; big clouds are thinned for it."""
    for segmented, iou in chosen:
        points = reader.shapes[segmented.index].points
        drawn = even_choice(len(points), DRAWN)
        points = points[drawn]
        seen = projection(torch.from_numpy(points)[None].to(projection.rotations.device))
        yield SegmentationCase(
            name=segmented.name,
            category=segmented.category,
            points=points,
            prediction=segmented.labels[drawn].astype(int),
            truth=None if segmented.truth is None else segmented.truth[drawn].astype(int),
            part_names=parts[segmented.category],
            iou=iou,
            maps=seen.images[0, :, 0].cpu().numpy(),
            pixel=seen.pixel[0].cpu().numpy(),
            visible=seen.visible[0].cpu().numpy(),
            count=len(segmented.labels),
        )


def write_predictions(folder: Path, run: Run, shapes: list[Segmented], ious: np.ndarray | None) -> None:
    """One row a shape."""
    header = ["shape", "category", "points", "unseen_points", "iou", "tuned_on_test_labels"]
    rows = [[shape.name, shape.category, len(shape.labels), shape.unseen] for shape in shapes]
    shown = [""] * len(rows) if ious is None else [f"{iou:.4f}" for iou in ious]
    rows = [[*row, iou, int(run.origin.tuned)] for row, iou in zip(rows, shown, strict=True)]
    write_csv(folder / "predictions.csv", header, rows)


def save_clouds(folder: Path, reader: BatchReader, shapes: list[Segmented], parts: Parts) -> None:
    """Write each shape as .ply: x, y, z, the part's colour and its label.

    Rows of a shape's file that were dropped for NaN keep their place, as NaN in grey with label -1.
    """
    fields = [(axis, "f4") for axis in "xyz"] + [(colour, "u1") for colour in ("red", "green", "blue")]
    for segmented in shapes:
        shape = reader.shapes[segmented.index]
        rows = slice(None) if shape.kept is None else shape.kept
        points = np.empty(len(segmented.labels) if shape.kept is None else len(rows), dtype=[*fields, ("label", "i4")])
        points[:] = (np.nan, np.nan, np.nan, 128, 128, 128, -1)
        for axis, column in zip("xyz", shape.points.T, strict=True):
            points[axis][rows] = column
        for colour, column in zip(("red", "green", "blue"), part_colours(segmented.labels).T, strict=True):
            points[colour][rows] = column
        points["label"][rows] = segmented.labels
        name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in Path(segmented.name).name)
        with atomic_path(folder / f"{segmented.index:05d}_{name[-60:]}.ply") as path:
            names = [f"label {number}: {part}" for number, part in enumerate(parts[segmented.category])]
            PlyData([PlyElement.describe(points, "vertex")], comments=names).write(str(path))
