"""Detections as files: JSON, CSV, boxes as lines in .ply and .obj, and labels of points, all in the scan's own
frame."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pointclip.runs.output import write_csv, write_json
from pointclip.utils.files import atomic_path
from zeroshot_det.boxes import SIZE, corners_of, inside
from zeroshot_det.detector import Detections
from zeroshot_det.scenes.base import Scene
from zeroshot_det.scenes.frames import from_z_up, sizes_from_z_up

BOX_COLUMNS = ["class", "score", "probability", "objectness", "x", "y", "z", "dx", "dy", "dz", "heading"]
EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
LABELLED = 0.05  # least score of a box whose points are labelled


def box_rows(found: Detections, names: Sequence[str], up: str, offset: Sequence[float] = (0.0, 0.0, 0.0)) -> list[list]:
    """One row a detection, the likeliest first: `BOX_COLUMNS`.

    dx, dy, dz are full sizes along the scan's axes before the box is turned by its heading: radians about the scan's up
    axis, counter-clockwise seen from above.
    """
    centres, sizes = from_z_up(found.boxes[:, :3], up) + np.array(offset), sizes_from_z_up(found.boxes[:, SIZE], up)
    rows = []
    for i in np.argsort(-found.scores, kind="stable"):
        numbers = [found.scores[i], found.probabilities[i].max(), found.objectness[i], *centres[i], *sizes[i]]
        rows.append([names[found.labels[i]], *(round(float(n), 5) for n in (*numbers, found.boxes[i, 6]))])
    return rows


def write_scene(folder: Path, scene: Scene, found: Detections, names: Sequence[str]) -> None:
    """Write boxes.json, boxes.csv, boxes.ply, boxes.obj and labels.npy of a scan.

    labels.npy holds the class of every point of the file, in its order (of a mesh, of the points sampled from it), -1
    where no box holds it; of several boxes, the one of highest score counts.

    Args:
        scene: the scan with all its points.
    """
    order = np.argsort(-found.scores, kind="stable")
    rows = box_rows(found, names, scene.up, scene.offset)
    corners = from_z_up(corners_of(found.boxes[order]), scene.up) + np.array(scene.offset)  # [n, 8, 3]
    boxes = [
        dict(zip(BOX_COLUMNS, row, strict=True)) | {"corners": np.round(eight, 5).tolist()}
        for row, eight in zip(rows, corners, strict=True)
    ]
    about = {"scan": scene.name, "up": scene.up, "unit": "as in the scan", "classes": list(names)}
    write_json(folder / "boxes.json", {**about, "boxes": boxes})
    write_csv(folder / "boxes.csv", BOX_COLUMNS, rows)
    _write_text(folder / "boxes.ply", _ply(corners))
    _write_text(folder / "boxes.obj", _obj(corners, [row[0] for row in rows]))
    labels = point_labels(scene.points, found)
    if scene.kept is not None:
        every = np.full(len(scene.kept), -1, labels.dtype)
        every[scene.kept] = labels
        labels = every
    with atomic_path(folder / "labels.npy") as temporary, open(temporary, "wb") as file:
        np.save(file, labels)


def point_labels(points: np.ndarray, found: Detections) -> np.ndarray:
    """The class of each point [N] int16, -1 for none."""
    labels = np.full(len(points), -1, np.int16)
    for i in np.argsort(found.scores, kind="stable"):  # the likeliest last, so that it stays
        if found.scores[i] >= LABELLED:
            near = np.flatnonzero(
                (np.abs(points - found.boxes[i, :3]) <= np.linalg.norm(found.boxes[i, SIZE]) / 2).all(1)
            )
            labels[near[inside(points[near], found.boxes[i])]] = found.labels[i]
    return labels


def _ply(corners: np.ndarray) -> str:
    """Boxes' corners [n, 8, 3] and edges as an ASCII .ply."""
    head = [
        "ply",
        "format ascii 1.0",
        f"element vertex {8 * len(corners)}",
        *(f"property float {axis}" for axis in "xyz"),
        f"element edge {12 * len(corners)}",
        *(f"property int vertex{end}" for end in (1, 2)),
        "end_header",
    ]
    vertices = [f"{x:.5f} {y:.5f} {z:.5f}" for x, y, z in corners.reshape(-1, 3)]
    edges = [f"{8 * i + a} {8 * i + b}" for i in range(len(corners)) for a, b in EDGES]
    return "\n".join([*head, *vertices, *edges, ""])


def _obj(corners: np.ndarray, names: Sequence[str]) -> str:
    """The same as an .obj of lines, an object a box."""
    lines = []
    for i, (eight, name) in enumerate(zip(corners, names, strict=True)):
        lines.append(f"o {i:03d}_{name.replace(' ', '_')}")
        lines += [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in eight]
        lines += [f"l {8 * i + a + 1} {8 * i + b + 1}" for a, b in EDGES]
    return "\n".join([*lines, ""])


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
