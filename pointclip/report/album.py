"""The page that a run leaves for people to read: `report.html`, with its pictures in the folder `pictures` beside it.

A page needs no network: style, scripts and point clouds are inside of it, and pictures are linked relatively.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from plotly.offline import get_plotlyjs

from pointclip.errors import InputError
from pointclip.report import pictures
from pointclip.report.page import render
from pointclip.utils.files import atomic_path

COMMONEST = 10  # confusions listed below the matrix
TURN_BOTH = "Drag a cloud to turn it; its neighbour turns with it. The depth maps below are what CLIP sees."
TURN_ONE = "Drag a cloud to turn it. The depth maps below are what CLIP sees."


@dataclass
class ClassificationCase:
    """One shape and what was made of it."""

    name: str
    truth: str | None  # None where it is not known
    prediction: str
    confidence: float  # probability of the prediction, in [0, 1]
    maps: np.ndarray  # [V, H, W] in [0, 1], the depth maps
    top: list[tuple[str, float]]  # class and probability in [0, 1], best first


@dataclass
class SegmentationCase:
    """One shape with its parts."""

    name: str
    category: str
    points: np.ndarray  # [N, 3], y up
    prediction: np.ndarray  # [N] int, index into part_names
    truth: np.ndarray | None  # [N] int, negative where a point's part is not known; None where no part is known
    part_names: Sequence[str]
    iou: float | None  # in percent; None without truth
    maps: np.ndarray  # [V, 224, 224] in [0, 1], the images that CLIP sees
    pixel: np.ndarray  # [V, N, 2], (row, column) of each point in them
    visible: np.ndarray  # [V, N] bool


def write_classification_report(
    path: str | os.PathLike,
    title: str,
    facts: Mapping[str, object],
    class_accuracy: Mapping[str, tuple[int, int]],
    confusion: np.ndarray,
    class_names: Sequence[str],
    best: Sequence[ClassificationCase],
    worst: Sequence[ClassificationCase],
    notes: Sequence[str] = (),
) -> None:
    """Write the page of a classified data set.

    Args:
        path: the page; its pictures go to the folder `pictures` beside it.
        facts: shown in their order: encoder, data set, accuracy and the like.
        class_accuracy: class -> (right, total).
        confusion: [K, K] counts, rows are the truth.
        class_names: K names, in the order of the matrix.
        best, worst: cases to show; either may be empty.
        notes: sentences that a reader must not miss.

    Raises:
        InputError: when matrix and names do not fit, a case's maps are of a wrong shape, or files cannot be written.
    """
    album = _Album(path)
    matrix = album.add("confusion", pictures.confusion_matrix(confusion, class_names))
    columns = [_column("class", text=True), _column("accuracy", bar=True), *map(_column, ("%", "right", "shapes"))]
    sections = [
        ("Best cases", "Right, and the surest of it.", _classified(album, "best", best)),
        ("Worst cases", "Wrong, and the surest of it.", _classified(album, "worst", worst)),
    ]
    page = render(
        "classification",
        title=title,
        facts=facts,
        notes=notes,
        matrix=matrix,
        classes=len(class_names),
        confusions=_commonest(np.asarray(confusion), class_names),
        table={
            "title": "Accuracy of each class",
            "caption": "Best class first.",
            "columns": columns,
            "rows": _accuracy_rows(class_accuracy),
        },
        sections=sections,
    )
    _write(path, page)


def write_shapes_report(
    path: str | os.PathLike,
    title: str,
    facts: Mapping[str, object],
    cases: Sequence[ClassificationCase],
    notes: Sequence[str] = (),
) -> None:
    """Write the page of a user's own shapes: for each the likeliest classes, and its depth maps.

    Raises:
        InputError: when a case's maps are of a wrong shape, or files cannot be written.
    """
    explanation = "Each with its likeliest classes, and the depth maps that CLIP saw."
    sections = [("Shapes", explanation, _classified(_Album(path), "shape", cases))]
    _write(path, render("classification", title=title, facts=facts, notes=notes, sections=sections))


def write_segmentation_report(
    path: str | os.PathLike,
    title: str,
    facts: Mapping[str, object],
    category_table: Sequence[Mapping[str, object]],
    best: Sequence[SegmentationCase],
    worst: Sequence[SegmentationCase],
    notes: Sequence[str] = (),
) -> None:
    """Write the page of segmented shapes, with point clouds that can be turned.

    Args:
        path: the page; its pictures go to the folder `pictures` beside it.
        facts: shown in their order.
        category_table: rows, column name -> cell; columns stand in order of first appearance. Floats get one decimal,
            None and nan a dash. May be empty.
        best, worst: cases to show; either may be empty. Without any `iou` they are shown as just shapes.
        notes: sentences that a reader must not miss.

    Raises:
        InputError: when the arrays of a case do not fit together, or files cannot be written.
    """
    album = _Album(path)
    headings = ("Best cases", "Worst cases") if any(c.iou is not None for c in (*best, *worst)) else ("Shapes", "More")
    columns = [_column(name, text=any(isinstance(row.get(name), str) for row in category_table))
               for name in dict.fromkeys(name for row in category_table for name in row)]  # fmt: skip
    rows = [[_cell(row.get(column["name"])) for column in columns] for row in category_table]
    hint = TURN_BOTH if any(case.truth is not None for case in (*best, *worst)) else TURN_ONE
    sections = [
        (headings[0], hint, _segmented(album, "best", best)),
        (headings[1], hint, _segmented(album, "worst", worst)),
    ]
    page = render(
        "segmentation",
        plotly=get_plotlyjs() if best or worst else "",  # 4.8 MB, once a page
        title=title,
        facts=facts,
        notes=notes,
        table={"title": "Categories", "caption": "IoU in percent.", "columns": columns, "rows": rows},
        sections=sections,
    )
    _write(path, page)


class _Album:
    """The pictures of one page. Files are named by place, never by what users call their shapes."""

    def __init__(self, page: str | os.PathLike):
        self.page = Path(page)
        for old in (self.page.parent / "pictures").glob("*.png"):  # of an earlier run with more cases
            old.unlink()

    def add(self, name: str, figure: Figure) -> str:
        """Write a picture; returns its address as the page knows it."""
        address = f"pictures/{name}.png"
        pictures.save_picture(self.page.parent / address, figure)
        return address


def _write(path: str | os.PathLike, page: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")  # a file's name may hold undecodable bytes


def _column(name: str, text: bool = False, bar: bool = False) -> dict:
    return {"name": name, "text": text or bar, "bar": bar}


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    if isinstance(value, float | np.floating):
        return f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int | np.integer) and not isinstance(value, bool) else str(value)


def _accuracy_rows(class_accuracy: Mapping[str, tuple[int, int]]) -> list[list]:
    """Class, bar, percent, right, total; best first, classes without shapes last."""
    rows = []
    for name, (right, total) in class_accuracy.items():
        percent = 100 * right / total if total else None
        rows.append([name, percent, _cell(percent), _cell(right), _cell(total)])
    return sorted(rows, key=lambda row: -1 if row[1] is None else row[1], reverse=True)


def _commonest(confusion: np.ndarray, class_names: Sequence[str]) -> list[tuple[str, str, int, float]]:
    """Truth, prediction, count and share of the true class in percent, commonest first."""
    wrong = confusion - np.diag(np.diag(confusion))
    places = np.argsort(-wrong, axis=None, kind="stable")[:COMMONEST]
    pairs = [np.unravel_index(place, wrong.shape) for place in places]
    return [(class_names[t], class_names[p], int(wrong[t, p]), 100 * wrong[t, p] / confusion[t].sum())
            for t, p in pairs if wrong[t, p] > 0]  # fmt: skip


def _classified(album: _Album, group: str, cases: Sequence[ClassificationCase]) -> list[dict]:
    return [
        vars(case)
        | {
            "right": case.truth == case.prediction,
            "views": len(case.maps),
            "picture": album.add(f"{group}-{number}", pictures.depth_map_strip(case.maps)),
        }
        for number, case in enumerate(cases, 1)
    ]


def _segmented(album: _Album, group: str, cases: Sequence[SegmentationCase]) -> list[dict]:
    return [_segmented_case(album, f"{group}-{number}", case) for number, case in enumerate(cases, 1)]


def _segmented_case(album: _Album, picture: str, case: SegmentationCase) -> dict:
    clouds = [("Prediction", case.prediction)] + ([] if case.truth is None else [("Truth", case.truth)])
    for title, labels in clouds:
        if len(labels) != len(case.points) or len(labels) == 0 or np.max(labels) >= len(case.part_names):
            raise InputError(
                f"{title} of {case.name} has {len(labels)} labels for {len(case.points)} points and "
                f"{len(case.part_names)} parts; expected a label below the number of parts for every point."
            )
    figure = pictures.labelled_depth_maps(case.maps, case.pixel, case.visible, case.prediction)
    legend = [(name, tuple(pictures.part_colours(np.array([part]))[0].tolist()))
              for part, name in enumerate(case.part_names)]  # fmt: skip
    if any(np.min(labels) < 0 for _, labels in clouds):
        legend.append(("not known", pictures.UNKNOWN_COLOUR))
    shown, count = len(pictures.drawn_points(len(case.points))), len(case.points)
    return {
        "name": case.name,
        "category": case.category,
        "iou": case.iou,
        "legend": legend,
        "clouds": [(title, _json(case, labels)) for title, labels in clouds],
        "size": f"{count:,} points" + (f", {shown:,} of them drawn" if shown < count else ""),
        "views": len(case.maps),
        "picture": album.add(picture, figure),
    }


def _json(case: SegmentationCase, labels: np.ndarray) -> str:
    """A cloud as JSON that can stand inside of a script element: no "<" in it, so nothing can end the element."""
    return pictures.point_cloud(case.points, labels, case.part_names).to_json().replace("<", "\\u003c")
