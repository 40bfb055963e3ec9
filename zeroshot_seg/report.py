"""The report of a segmentation run: IoU by category, and examples as interactive point clouds."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pointclip.errors import InputError
from pointclip.report import pictures
from pointclip.report.album import Album, cell, column, short_names
from pointclip.report.page import Heading, render

TEMPLATE = Path(__file__).with_name("report.html.j2")
TURN_BOTH = "Drag a cloud to rotate it; its neighbour follows."
TURN_ONE = "Drag a cloud to rotate it."
MAPS = (
    "Below are the depth maps that CLIP sees, faded, and on them the points that each view sees, as they were labelled."
)


@dataclass
class SegmentationCase:
    """One shape with its parts."""

    name: str
    category: str
    points: np.ndarray  # [N, 3], y up
    prediction: np.ndarray  # [N] int, index into part_names
    truth: np.ndarray | None  # [N] int, negative for unlabelled points; None if there are none
    part_names: Sequence[str]
    iou: float | None  # in percent; None without truth
    maps: np.ndarray  # [V, 224, 224] in [0, 1], the images that CLIP sees
    pixel: np.ndarray  # [V, N, 2], (row, column) of each point in them
    visible: np.ndarray  # [V, N] bool
    count: int = 0  # points of the full cloud, of which `points` may be a subset; 0 for N
    shares: Sequence[float] = ()  # of each part, in [0, 1]; () if they are not shown
    details: str = ""  # more on the shape


def write_segmentation_report(
    path: str | os.PathLike,
    heading: Heading,
    category_table: Sequence[Mapping[str, object]],
    best: Iterable[SegmentationCase],
    worst: Iterable[SegmentationCase],
) -> None:
    """Write the report of segmented shapes, with interactive point clouds.

    Args:
        path: the HTML file; pictures are written to the folder `pictures` beside it.
        category_table: rows, column name -> cell; columns are in order of first appearance. Floats have one decimal,
            None and NaN are a dash. May be empty.
        best, worst: cases to show; either may be empty. Without `iou` they are shown without a ranking.

    Raises:
        InputError: if the arrays of a case do not match, or files cannot be written.
    """
    album = Album(path)
    best, worst = _segmented(album, "best", best), _segmented(album, "worst", worst)
    scored = any(case["iou"] is not None for case in (*best, *worst))
    headings = ("Best cases", "Worst cases") if scored else ("Shapes", "More")
    columns = [column(name, text=any(isinstance(row.get(name), str) for row in category_table))
               for name in dict.fromkeys(name for row in category_table for name in row)]  # fmt: skip
    rows = [[cell(row.get(entry["name"])) for entry in columns] for row in category_table]
    hint = f"{TURN_BOTH if any(len(case['clouds']) > 1 for case in (*best, *worst)) else TURN_ONE} {MAPS}"
    sections = [(headings[0], hint, best), (headings[1], hint, worst)]
    page = render(
        TEMPLATE,
        heading,
        clouds=bool(best or worst),
        table={"title": "Categories", "caption": "IoU in percent.", "columns": columns, "rows": rows},
        sections=sections,
    )
    album.write_page(page)


def _segmented(album: Album, group: str, cases: Iterable[SegmentationCase]) -> list[dict]:
    drawn = [_segmented_case(album, f"{group}-{number}", case) for number, case in enumerate(cases, 1)]
    names = short_names([case["path"] for case in drawn])
    return [case | {"name": name} for case, name in zip(drawn, names, strict=True)]


def _segmented_case(album: Album, picture: str, case: SegmentationCase) -> dict:
    clouds = [("Prediction", case.prediction)] + ([] if case.truth is None else [("Truth", case.truth)])
    for title, labels in clouds:
        if len(labels) != len(case.points) or len(labels) == 0 or np.max(labels) >= len(case.part_names):
            raise InputError(
                f"{title} of {case.name} has {len(labels)} labels for {len(case.points)} points and "
                f"{len(case.part_names)} parts; expected a label below the number of parts for every point."
            )
    figure = pictures.labelled_depth_maps(case.maps, case.pixel, case.visible, case.prediction)
    shares = [f" {100 * share:.1f} %" for share in case.shares] or [""] * len(case.part_names)
    legend = [(f"{name}{shares[part]}", tuple(pictures.part_colours(np.array([part]))[0].tolist()))
              for part, name in enumerate(case.part_names)]  # fmt: skip
    if any(np.min(labels) < 0 for _, labels in clouds):
        legend.append(("not known", pictures.UNKNOWN_COLOUR))
    shown, count = len(pictures.drawn_points(len(case.points))), case.count or len(case.points)
    return {
        "path": case.name,
        "category": case.category,
        "iou": case.iou,
        "legend": legend,
        "clouds": [
            (title, pictures.figure_json(pictures.point_cloud(case.points, labels, case.part_names)))
            for title, labels in clouds
        ],
        "details": case.details,
        "size": f"{count:,} points" + (f", {shown:,} of them drawn" if shown < count else ""),
        "views": len(case.maps),
        "picture": album.add(picture, figure),
    }
