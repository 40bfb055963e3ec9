"""Detections as files in the scan's frame: JSON, CSV, boxes as lines in .ply and .obj, and point labels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pointclip.runs.output import write_csv, write_json
from pointclip.utils.files import atomic_path
from zeroshot_det.annotation_files import write_annotations
from zeroshot_det.boxes import SIZE, corners_of, inside
from zeroshot_det.detector import Detections
from zeroshot_det.scenes.base import Scene
from zeroshot_det.scenes.frames import Frame

BOX_COLUMNS = ["class", "score", "probability", "objectness", "x", "y", "z", "dx", "dy", "dz", "heading"]
EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
MIN_SCORE = 0.05  # of a box whose points are labelled, and of an annotation


def box_rows(detected: Detections, names: Sequence[str], frame: Frame) -> list[list]:
    """One row per detection in the scan's frame, highest score first: `BOX_COLUMNS`.

    dx, dy, dz are full sizes along the scan's axes before the box is rotated by its heading: radians about the scan's
    up axis, counter-clockwise seen from above. Of a scan that was levelled, they are along these axes once levelled.
    """
    centres, sizes = frame.places(detected.boxes[:, :3]), frame.sizes(detected.boxes[:, SIZE])
    rows = []
    for i in detected.ranked:
        numbers = [detected.scores[i], detected.probabilities[i].max(), detected.objectness[i], *centres[i], *sizes[i]]
        rows.append([names[detected.labels[i]], *(round(float(n), 7) for n in (*numbers, detected.boxes[i, 6]))])
    return rows


def write_scene(folder: Path, scene: Scene, detected: Detections, names: Sequence[str]) -> None:
    """Write boxes.json, boxes.csv, boxes.ply, boxes.obj, labels.npy and the labels of annotation tools for a scan.

    labels.npy holds the class of every point, in the order of the file (for a mesh, of the points sampled from it), or
    -1 outside all boxes; where boxes overlap, the one of highest score counts.

    Args:
        scene: the scan with all its points.
    """
    order = detected.ranked
    rows = box_rows(detected, names, scene.frame)
    corners = scene.frame.places(corners_of(detected.boxes[order]))  # [n, 8, 3]
    boxes = [
        dict(zip(BOX_COLUMNS, row, strict=True)) | {"corners": np.round(eight, 5).tolist()}
        for row, eight in zip(rows, corners, strict=True)
    ]
    about = {
        "scan": scene.name,
        "up": scene.frame.up,
        "up_sure": scene.frame.up_sure,
        "unit": scene.frame.unit,
        "classes": list(names),
        "levelling": scene.frame.levelling,
    }
    write_json(folder / "boxes.json", {**about, "boxes": boxes})
    write_csv(folder / "boxes.csv", BOX_COLUMNS, rows)
    if scene.frame.levelling is None:  # the tools' boxes stand upright
        write_annotations(folder, scene.name, scene.frame.up, [box for box in boxes if box["score"] >= MIN_SCORE])
    _write_text(folder / "boxes.ply", _ply(corners))
    _write_text(folder / "boxes.obj", _obj(corners, [row[0] for row in rows]))
    labels = point_labels(scene.points, detected)
    if scene.kept is not None:
        of_all_rows = np.full(len(scene.kept), -1, labels.dtype)
        of_all_rows[scene.kept] = labels
        labels = of_all_rows
    with atomic_path(folder / "labels.npy") as temporary, open(temporary, "wb") as file:
        np.save(file, labels)


def point_labels(points: np.ndarray, detected: Detections) -> np.ndarray:
    """The class of each point, [N] int16, -1 for none."""
    labels = np.full(len(points), -1, np.int16)
    for i in detected.ranked[::-1]:  # the highest score last, so that it wins
        if detected.scores[i] >= MIN_SCORE:
            near = np.flatnonzero(
                (np.abs(points - detected.boxes[i, :3]) <= np.linalg.norm(detected.boxes[i, SIZE]) / 2).all(1)
            )
            labels[near[inside(points[near], detected.boxes[i])]] = detected.labels[i]
    return labels


def _ply(corners: np.ndarray) -> str:
    """The boxes' corners [n, 8, 3] and edges as an ASCII .ply, in doubles: floats round a survey's coordinates."""
    head = [
        "ply",
        "format ascii 1.0",
        f"element vertex {8 * len(corners)}",
        *(f"property double {axis}" for axis in "xyz"),
        f"element edge {12 * len(corners)}",
        *(f"property int vertex{end}" for end in (1, 2)),
        "end_header",
    ]
    vertices = [f"{x:.5f} {y:.5f} {z:.5f}" for x, y, z in corners.reshape(-1, 3)]
    edges = [f"{8 * i + a} {8 * i + b}" for i in range(len(corners)) for a, b in EDGES]
    return "\n".join([*head, *vertices, *edges, ""])


def _obj(corners: np.ndarray, names: Sequence[str]) -> str:
    """The same as an .obj of lines, one object per box."""
    lines = []
    for i, (eight, name) in enumerate(zip(corners, names, strict=True)):
        lines.append(f"o {i:03d}_{name.replace(' ', '_')}")
        lines += [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in eight]
        lines += [f"l {8 * i + a + 1} {8 * i + b + 1}" for a, b in EDGES]
    return "\n".join([*lines, ""])


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
