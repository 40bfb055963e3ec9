"""From labels of a shape's points to labels of all points and triangles of its file."""

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from pointclip.datasets.shape_files.reading import Taken


@dataclass(frozen=True)
class FileLabels:
    """The labels of a file's content; -1 for points with NaN and for triangles at them."""

    points: np.ndarray  # [N] int16; a mesh's vertices
    triangles: np.ndarray | None = None  # [T] int16; None for a cloud
    # [K] int, points of a cloud or triangles of a mesh with each label
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    shares: np.ndarray = field(default_factory=lambda: np.zeros(0))  # [K], of a cloud's points or of a mesh's area


def labels_of_cloud(labels: np.ndarray, count: int) -> FileLabels:
    """The same for a cloud whose points are all labelled."""
    counts = np.bincount(labels[labels >= 0], minlength=count)
    return FileLabels(labels, None, counts, counts / max(1, counts.sum()))


def labels_in_file(taken: Taken, labels: np.ndarray, count: int) -> FileLabels:
    """Labels of all points and triangles of a file.

    A triangle gets the most common label of the shape's points on it, the first of equals. A point that the shape does
    not have gets the label of the shape's nearest point.

    Args:
        taken: with `every_vertex` for a mesh, so that every triangle has a point on it.
        labels: [N] int, of the shape's points.
        count: the number of labels, K.
    """
    geometry = taken.geometry
    points = _labels_of_points(taken, labels.astype(np.int16))
    if taken.faces is None:
        return labels_of_cloud(points, count)
    assert geometry.triangles is not None  # of a mesh, whose points lie on faces
    on = taken.faces >= 0
    total = len(geometry.triangles)
    votes = np.bincount(taken.faces[on] * count + labels[on].astype(int), minlength=total * count)
    votes = votes.reshape(total, count)
    triangles = np.where(votes.any(axis=1), votes.argmax(axis=1), -1).astype(np.int16)
    known = triangles >= 0
    area = np.bincount(triangles[known], _areas(geometry.points, geometry.triangles)[known], count)
    counts = np.bincount(triangles[known], minlength=count)
    return FileLabels(points, triangles, counts, area / max(area.sum(), 1e-300))


def _labels_of_points(taken: Taken, labels: np.ndarray) -> np.ndarray:
    """The labels of the file's points [N]."""
    if taken.rows is None:
        return labels
    own, rows = taken.geometry.points, taken.rows
    found = np.full(len(own), -1, np.int16)
    found[rows[rows >= 0]] = labels[rows >= 0]
    other = (found < 0) & np.isfinite(own).all(axis=1)
    if other.any():
        tree = cKDTree(taken.shape.points)
        found[other] = labels[tree.query(own[other] - np.array(taken.shape.offset))[1]]
    return found


def _areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The area of each triangle [T]."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
