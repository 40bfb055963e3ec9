"""Guess the up axis of a shape from its file format and geometry.

Formats with a convention decide by themselves: glTF is y up, survey formats (LAS, LAZ) are z up. Otherwise two cues are
combined. Most objects have a wide base: the convex hull of the lowest slice covers much of the footprint. And most
objects are symmetric about a vertical plane, but not about the horizontal one. Where these leave it undecided, a model
can compare the poses (see `pointclip.runs.poses`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError, cKDTree

CONVENTIONS = {".glb": "y", ".gltf": "y", ".las": "z", ".laz": "z"}
POINTS = 1024  # used for the cues
SLICE = 0.05  # thickness of the lowest slice, as a share of the height
# Weights of the two cues, from a logistic model fitted on synthetic training shapes (benchmarks/up_axis.py prints its
# accuracy), and the margin needed for a decision.
BASE, SYMMETRY, LEAD = 5.2, 11.3, 1.0


GIVEN, CONVENTION, CUES, MODEL = "--up", "the format's convention", "its base and symmetry", "the model's surer pose"


@dataclass(frozen=True)
class UpGuess:
    """The up axis, and the reason for it."""

    axis: str  # "x", "y" or "z"
    reason: str  # one of the above, or "undecided"
    remark: str = ""  # what else a reader has to know, such as poses that disagree

    @property
    def decided(self) -> bool:
        return self.reason != "undecided"

    @property
    def words(self) -> str:
        """A note for readers of a result."""
        how = f"by {self.reason}" if self.decided else "by default"
        return f"assumed {self.axis} up {how}{self.remark and f' ({self.remark})'}; use --up to change this."


def guess_up(points: np.ndarray | Sequence[np.ndarray], ending: str = "") -> UpGuess:
    """Guess whether y or z points up; y if undecided.

    Args:
        points: [N, 3], or several such pieces of one file, whose cues are summed.
        ending: the file's extension, lower case with dot.
    """
    if ending in CONVENTIONS:
        return UpGuess(CONVENTIONS[ending], CONVENTION)
    lead = 0.0
    for piece in [points] if isinstance(points, np.ndarray) else points:
        y, z = up_scores(piece, (1, 2))
        lead += y - z
    if abs(lead) < LEAD:
        return UpGuess("y", "undecided")
    return UpGuess("y" if lead > 0 else "z", CUES)


def up_scores(points: np.ndarray, axes: Sequence[int]) -> list[float]:
    """A score for each of these axes pointing up, for a shape [N, 3]; comparable between the axes of one shape."""
    chosen = np.linspace(0, len(points) - 1, min(POINTS, len(points))).astype(int)
    cloud = np.asarray(points, float)[chosen]
    cloud = cloud[np.isfinite(cloud).all(axis=1)]
    if not len(cloud):
        return [0.0] * len(axes)
    cloud = cloud - (cloud.max(0) + cloud.min(0)) / 2
    cloud = cloud / max(np.abs(cloud).max(), 1e-12)
    asymmetry = _mirror_distances(cloud)
    scores = []
    for axis in axes:
        sideways = [other for other in range(3) if other != axis]
        height = cloud[:, axis]
        base = cloud[height <= height.min() + SLICE * np.ptp(height)]
        share = _hull_area(base[:, sideways]) / max(_hull_area(cloud[:, sideways]), 1e-9)
        symmetry = asymmetry[axis] - min(asymmetry[other] for other in sideways)
        scores.append(BASE * share + SYMMETRY * symmetry)
    return scores


def _hull_area(points: np.ndarray) -> float:
    """The area of the convex hull of points [M, 2]; 0 if they are collinear."""
    try:
        return float(ConvexHull(points).volume)
    except (QhullError, ValueError):  # too few, or collinear
        return 0.0


def _mirror_distances(cloud: np.ndarray) -> list[float]:
    """The mean distance of the cloud's points to its mirror image along each axis."""
    tree = cKDTree(cloud)
    return [float(tree.query(cloud * np.where(np.arange(3) == axis, -1, 1))[0].mean()) for axis in range(3)]
