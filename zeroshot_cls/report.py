"""The report of a classification run: accuracy, confusions, and examples with their depth maps."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array, csr_array

from pointclip.errors import InputError
from pointclip.report import pictures
from pointclip.report.album import Album, cell, column, short_names
from pointclip.report.page import Heading, render

TEMPLATE = Path(__file__).with_name("report.html.j2")
MAX_CONFUSIONS = 10  # listed below the matrix
MAX_CLASSES = 60  # for which the matrix is drawn: names beside a larger one would be unreadable


@dataclass
class ClassificationCase:
    """One shape with its prediction."""

    name: str
    truth: str | None  # None if unknown
    prediction: str
    confidence: float  # probability of the prediction, in [0, 1]
    maps: np.ndarray  # [V, H, W] in [0, 1], the depth maps
    top: list[tuple[str, float]]  # class and probability in [0, 1], best first
    calibrated: bool = True  # whether the probabilities are
    details: str = ""  # more on the prediction
    points: np.ndarray | None = None  # [N, 3], y up, if the shape itself is shown


def write_classification_report(
    path: str | os.PathLike,
    heading: Heading,
    class_accuracy: Mapping[str, tuple[int, int]],
    confusion: np.ndarray | csr_array,
    class_names: Sequence[str],
    best: Iterable[ClassificationCase],
    worst: Iterable[ClassificationCase],
) -> None:
    """Write the report of a classified data set.

    Args:
        path: the HTML file; pictures are written to the folder `pictures` beside it.
        class_accuracy: class -> (correct, total).
        confusion: [K, K] counts, rows are the truth; shown up to `MAX_CLASSES` classes; the most common are listed.
        class_names: K names, in the order of the matrix.
        best, worst: cases to show; either may be empty.

    Raises:
        InputError: if matrix and names do not match, a case's maps have a wrong shape, or files cannot be written.
    """
    counts, size = coo_array(confusion), len(class_names)
    if counts.shape != (size, size) or not size:
        raise InputError(
            f"A confusion matrix {list(counts.shape)} does not match {size} class names; expected as many rows "
            "and columns as names, and at least one."
        )
    album, matrix, picture = Album(path), [], None
    if size <= MAX_CLASSES:
        matrix = _matrix_rows(counts.toarray(), class_names)
        picture = album.add("confusion", pictures.confusion_matrix(counts.toarray(), class_names))
    columns = [column("class", text=True), column("accuracy", bar=True), *map(column, ("%", "correct", "shapes"))]
    sections = [
        (
            "Best cases",
            "Correct, with the highest confidence; each of another class where there are enough.",
            _classified(album, "best", best),
        ),
        (
            "Worst cases",
            "Wrong, with the highest confidence; each of another class where there are enough.",
            _classified(album, "worst", worst),
        ),
    ]
    page = render(
        TEMPLATE,
        heading,
        matrix=matrix,
        matrix_picture=picture,
        classes=class_names,
        confusions=_most_common(counts, class_names),
        table={
            "title": "Accuracy of each class",
            "caption": "Best class first.",
            "columns": columns,
            "rows": _accuracy_rows(class_accuracy),
        },
        sections=sections,
    )
    album.write_page(page)


def write_shapes_report(path: str | os.PathLike, heading: Heading, cases: Iterable[ClassificationCase]) -> None:
    """Write the report of a user's own shapes: the shape, its most probable classes and its depth maps.

    Raises:
        InputError: if a case's maps have a wrong shape, or files cannot be written.
    """
    album = Album(path)
    shown = _classified(album, "shape", cases)
    hint = " Drag a shape to rotate it; its colours show the height." if any(case["cloud"] for case in shown) else ""
    sections = [("Shapes", f"Each with its most probable classes, and the depth maps that CLIP saw.{hint}", shown)]
    album.write_page(render(TEMPLATE, heading, sections=sections, clouds=bool(hint)))


def _accuracy_rows(class_accuracy: Mapping[str, tuple[int, int]]) -> list[list]:
    """Class, bar, percent, correct, total; best first, classes without shapes last."""
    rows = []
    for name, (correct, total) in class_accuracy.items():
        percent = 100 * correct / total if total else None
        rows.append([name, percent, cell(percent), cell(correct), cell(total)])
    return sorted(rows, key=lambda row: -1 if row[1] is None else row[1], reverse=True)


def _most_common(confusion: coo_array, class_names: Sequence[str]) -> list[tuple[str, str, int, float]]:
    """Truth, prediction, count and share of the true class in percent, most common first."""
    (truth, prediction), totals = confusion.coords, confusion.sum(1)
    wrong = np.flatnonzero((truth != prediction) & (confusion.data > 0))
    order = np.lexsort((prediction[wrong], truth[wrong], -confusion.data[wrong]))
    rows = []
    for i in wrong[order[:MAX_CONFUSIONS]]:
        count, share = int(confusion.data[i]), 100 * confusion.data[i] / totals[truth[i]]
        rows.append((class_names[truth[i]], class_names[prediction[i]], count, share))
    return rows


def _matrix_rows(confusion: np.ndarray, class_names: Sequence[str]) -> list[tuple[str, list[tuple[int, float]]]]:
    """True class, and for each predicted one the count and its share of the row in [0, 1]."""
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    return [
        (name, list(zip(counts, of_row, strict=True)))
        for name, counts, of_row in zip(class_names, confusion.tolist(), shares.tolist(), strict=True)
    ]


def _classified(album: Album, group: str, cases: Iterable[ClassificationCase]) -> list[dict]:
    drawn = [_drawn(album, f"{group}-{number}", case) for number, case in enumerate(cases, 1)]
    names = short_names([case["name"] for case in drawn])
    return [case | {"path": case["name"], "name": name} for case, name in zip(drawn, names, strict=True)]


def _drawn(album: Album, picture: str, case: ClassificationCase) -> dict:
    """A case as the template takes it, without its large arrays."""
    cloud = None if case.points is None else pictures.figure_json(pictures.shape_cloud(case.points))
    return {name: value for name, value in vars(case).items() if name not in ("maps", "points")} | {
        "correct": case.truth == case.prediction,
        "named": case.prediction == case.top[0][0],  # otherwise it is none of the classes
        "views": len(case.maps),
        "picture": album.add(picture, pictures.depth_map_strip(case.maps)),
        "cloud": cloud,
    }
