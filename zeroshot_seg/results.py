"""The output of a segmentation run: a table, metrics.json, predictions.csv, report.html, config.yaml, .ply, .glb."""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from pointclip.datasets import ShapeFiles
from pointclip.datasets.batches import BatchReader
from pointclip.datasets.shape_files.labelling import FileLabels, labels_in_file
from pointclip.datasets.shape_files.las import SCANS
from pointclip.datasets.shape_files.reading import ending_of, read_bytes
from pointclip.errors import InputError
from pointclip.metrics import mean_error
from pointclip.projection.view_projection import ViewProjection
from pointclip.report.cases import varied
from pointclip.report.labelled_files import write_glb, write_las, write_ply
from pointclip.report.pictures import even_choice
from pointclip.runs.answers import ANSWERS
from pointclip.runs.output import table
from pointclip.runs.own_shapes import FEW, UP_COLUMNS, answers_of, details, up_cell
from pointclip.runs.run import Results, Run
from zeroshot_seg.labelling import TASK, Segmented, file_labels
from zeroshot_seg.protocol import method_in_words, protocol_in_words
from zeroshot_seg.report import SegmentationCase, write_segmentation_report
from zeroshot_seg.scores import Scores

CASES = 3  # best and worst shapes shown in the report
SHOWN = 20  # own shapes in the report, each with an interactive cloud
PRINTED = 100  # own shapes printed
DRAWN = 100_000  # maximum number of points in pictures

Parts = Mapping[str, tuple[str, ...]]  # category -> its parts


def report_test(
    run: Run,
    reader: BatchReader,
    shapes: list[Segmented],
    scores: Scores,
    parts: Parts,
    projection: ViewProjection,
    args: argparse.Namespace,
) -> dict:
    """Print the table per category, write the run's files, return the content of metrics.json."""
    settings = run.settings
    rows = category_rows(shapes, scores)
    summary = summarize(run, reader, shapes, scores, rows)
    print_categories(rows, shapes, scores)
    print(f"instance mIoU {scores.iou.mean():.2f} ± {mean_error(scores.iou):.2f} % (standard error)")
    print(f"\n{method_in_words(settings)}; {protocol_in_words(settings)}")
    print(f"{summary['unseen_points']:,} of {summary['points']:,} points are visible in no view", flush=True)

    def page(path: Path) -> None:
        order, categories = np.argsort(-scores.iou, kind="stable"), [shape.category for shape in shapes]
        cases = [
            make_cases([(shapes[i], scores.iou[i]) for i in chosen], reader, parts, projection)
            for chosen in (varied(order, categories, CASES), varied(order[::-1], categories, CASES))
        ]
        facts = {
            "Shapes": f"{len(shapes)}",
            "Instance mIoU": f"{scores.iou.mean():.2f} ± {mean_error(scores.iou):.2f} % (standard error)",
            "Method": method_in_words(settings),
            "Evaluation": protocol_in_words(settings),
        }
        heading = run.heading(f"Zero-shot part segmentation: {run.folder.name}", facts)
        write_segmentation_report(path, heading, rows, *cases)

    def files(folder: Path) -> None:
        save_shapes(folder, args, reader, shapes, parts)

    return run.publish(Results(summary, *predictions(run, shapes, scores.iou), page, files))


def report_own_shapes(
    run: Run,
    reader: BatchReader,
    shapes: list[Segmented],
    parts: Parts,
    projection: ViewProjection,
    args: argparse.Namespace,
) -> dict:
    """Print the number of points of each part, and write the files of own shapes to the run's folder."""
    given, count = {"input": reader.files.given, "parts": parts}, len(shapes)
    found = [
        part_answer(shape, file_labels(reader.files, shape, len(parts[shape.category])), parts) for shape in shapes
    ]
    listed = answers_of(reader, [shape.index for shape in shapes], found)
    summary = {"task": TASK, **given, **run.summary(count), ANSWERS: listed}
    print_parts(listed[:count])
    if count > SHOWN:
        note = f"The first {SHOWN} of {count:,} shapes are on the page; all of them are in predictions.csv."
        run = run.with_notes(note)

    def page(path: Path) -> None:
        cases = make_cases([(shape, None) for shape in shapes[:SHOWN]], reader, parts, projection, listed)
        heading = run.heading("Parts of own shapes", {"Method": method_in_words(run.settings)})
        write_segmentation_report(path, heading, [], cases, [])

    def files(folder: Path) -> None:
        save_shapes(folder, args, reader, shapes, parts)

    return run.publish(Results(summary, *own_predictions(run, listed[:count]), page, files))


def part_answer(segmented: Segmented, labels: FileLabels, parts: Parts) -> dict:
    """What is said of one shape: the number of points of each part and its share, of a mesh of triangles and area."""
    names = zip(parts[segmented.category], labels.counts.tolist(), labels.shares.tolist(), strict=True)
    return {
        "category": segmented.category,
        "points": len(segmented.labels),
        "unseen_points": segmented.unseen,
        "counted": "points" if labels.triangles is None else "faces",
        "parts": [{"part": name, "count": count, "share": share} for name, count, share in names],
    }


def print_parts(answers: Sequence[Mapping]) -> None:
    """Print a table of parts for each of a few shapes, or one line a shape."""
    for answer in answers if len(answers) <= FEW else ():
        rows = [[part["part"], part["count"], f"{100 * part['share']:.1f}"] for part in answer["parts"]]
        print(f"\n{table([answer['shape'], answer['counted'], f'% of {share_of(answer)}'], rows)}")
        print(f"{answer['unseen_points']:,} points visible in no view; {details(answer)}", flush=True)
    if len(answers) > FEW:
        rows = [
            [answer["shape"], *(f"{100 * part['share']:.1f}" for part in answer["parts"]), up_cell(answer)]
            for answer in answers[:PRINTED]
        ]
        head = ["shape", *(f"{part['part']} %" for part in answers[0]["parts"]), "up"]
        print(f"\n{table(head, rows)}", flush=True)


def print_categories(rows: list[dict], shapes: list[Segmented], scores: Scores) -> None:
    """Print the table of categories, with the means over categories and over shapes."""
    means = ["mean of categories", len(shapes), *(np.mean([list(row.values())[c] for row in rows]) for c in (2, 3, 4))]
    instance = ["all shapes", len(shapes), *(part.mean() for part in (scores.iou, scores.largest, scores.chance))]
    cells = [
        [*row[:2], *(f"{value:.1f}" for value in row[2:])]
        for row in [*(list(r.values()) for r in rows), means, instance]
    ]
    print(table(list(rows[0]), cells))


def category_rows(shapes: list[Segmented], scores: Scores) -> list[dict]:
    """One row per category, by name."""
    rows = []
    for name in sorted({shape.category for shape in shapes}):
        in_category = np.array([shape.category == name for shape in shapes])
        rows.append(
            {
                "category": name,
                "shapes": int(in_category.sum()),
                "mIoU": float(scores.iou[in_category].mean()),
                "largest part": float(scores.largest[in_category].mean()),
                "chance": float(scores.chance[in_category].mean()),
            }
        )
    return rows


def summarize(run: Run, reader: BatchReader, shapes: list[Segmented], scores: Scores, rows: list[dict]) -> dict:
    """The content of metrics.json."""
    categories = np.array([shape.category for shape in shapes])
    errors = {name: mean_error(scores.iou[categories == name]) for name in set(categories.tolist())}
    return {
        "task": TASK,
        **run.summary(len(shapes)),
        "instance_miou": scores.iou.mean(),
        "instance_miou_standard_error": mean_error(scores.iou),
        "mean_category_miou": float(np.mean([row["mIoU"] for row in rows])),
        "category_miou": {row["category"]: row["mIoU"] for row in rows},
        "category_miou_standard_error": {row["category"]: errors[row["category"]] for row in rows},
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
    projection: ViewProjection,
    listed: Sequence[Mapping] = (),
) -> Iterator[SegmentationCase]:
    """Shapes with their IoU for the report, one by one, since they are large; large clouds are subsampled.

    `listed` are the answers for own shapes, in the order of `chosen`.
    """
    for number, (segmented, iou) in enumerate(chosen):
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
            shares=[part["share"] for part in listed[number]["parts"]] if listed else (),
            details=f"shares of {share_of(listed[number])}; {details(listed[number])}" if listed else "",
        )


def share_of(answer: Mapping) -> str:
    """What the shares of parts are of."""
    return "points" if answer["counted"] == "points" else "area"


def predictions(run: Run, shapes: list[Segmented], ious: np.ndarray) -> tuple[list[str], list[list]]:
    """The header and the rows of predictions.csv for a data set, one row a shape."""
    header = ["shape", "category", "points", "unseen_points", "iou", "tuned_on_test_labels"]
    rows = [
        [shape.name, shape.category, len(shape.labels), shape.unseen, f"{iou:.4f}", int(run.origin.tuned)]
        for shape, iou in zip(shapes, ious, strict=True)
    ]
    return header, rows


def own_predictions(run: Run, answers: Sequence[Mapping]) -> tuple[list[str], list[list]]:
    """The header and the rows of predictions.csv for own shapes, with the count and the share of each part."""
    names = [part["part"] for part in answers[0]["parts"]]
    plain = ["shape", "category", "points", "unseen_points", *UP_COLUMNS, "counted"]
    header = [*plain, *(f"{name} count" for name in names), *(f"{name} share" for name in names)]
    rows = [
        [*(answer[column] for column in plain), *(part["count"] for part in answer["parts"]),
         *(f"{part['share']:.6f}" for part in answer["parts"]), int(run.origin.tuned)]
        for answer in answers
    ]  # fmt: skip
    return [*header, "tuned_on_test_labels"], rows


def check_saving(args: argparse.Namespace, reader: BatchReader) -> None:
    """Raise an InputError if --save-las has no file to write."""
    if args.save_las and not any(ending_of(path) in SCANS for path in reader.files.paths):
        raise InputError("--save-las writes .las and .laz files as they came, but --input has none; use --save-ply.")


def save_shapes(
    folder: Path, args: argparse.Namespace, reader: BatchReader, shapes: list[Segmented], parts: Parts
) -> None:
    """Write each shape as ply/NUMBER_NAME.ply, glb/… and las/…, if --save-ply, --save-glb and --save-las ask for it.

    Own shapes are written with all points and triangles of their files, in their own frame and unit, and in .ply and
    .las with the points' other fields; those of data sets as the data set gives them.
    """
    for segmented in shapes if args.save_ply or args.save_glb or args.save_las else ():
        names = parts[segmented.category]
        if isinstance(reader.shapes, ShapeFiles):
            taken = reader.shapes.taken(segmented.index, fields=args.save_ply)
            found = labels_in_file(taken, segmented.labels, len(names))
            points, triangles = taken.geometry.points, None if found.triangles is None else taken.geometry.triangles
            fields = taken.geometry.fields
        else:
            found, triangles, fields = FileLabels(segmented.labels), None, {}
            points = reader.shapes[segmented.index].points
        name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in Path(segmented.name).name)
        name = f"{segmented.index:05d}_{name[-60:]}"
        if args.save_ply:
            write_ply(folder / "ply" / f"{name}.ply", points, found.points, names, triangles, found.triangles, fields)
        if args.save_glb:
            write_glb(folder / "glb" / f"{name}.glb", points, found.points, triangles, found.triangles)
        if args.save_las and (ending := ending_of(reader.files.entries[segmented.index].path)) in SCANS:
            data, _ = read_bytes(reader.files.entries[segmented.index].path)
            write_las(folder / "las" / f"{name}{ending}", data, found.points, names, taken.geometry.rows)
