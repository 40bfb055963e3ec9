"""Guessing which axis of a shape points up, from its file's format and from its geometry.

Formats with a convention decide by themselves: glTF is y up, survey formats (LAS, LAZ) are z up. Elsewhere two cues are
weighed. Most things stand on a wide base: the convex hull of the lowest slice covers much of the footprint. And most
things are symmetric about a vertical plane, but not about the horizontal one.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError, cKDTree

CONVENTIONS = {".glb": "y", ".gltf": "y", ".las": "z", ".laz": "z"}
POINTS = 1024  # that the cues look at
SLICE = 0.05  # thickness of the lowest slice, as a share of the height
# Weights of the two cues, fitted as a logistic model on synthetic training shapes (benchmarks/up_axis.py prints how
# often they are right), and how far the best axis must lead to decide.
BASE, SYMMETRY, LEAD = 5.2, 11.3, 1.0


@dataclass(frozen=True)
class UpGuess:
    """Which axis points up, and what says so."""

    axis: str  # "y" or "z"
    reason: str  # "the format's convention", "its base and symmetry" or "undecided"

    @property
    def decided(self) -> bool:
        return self.reason != "undecided"

    @property
    def words(self) -> str:
        """For those who read a result."""
        how = f"by {self.reason}" if self.decided else "for want of a clear sign"
        return f"taken as {self.axis} up {how}; --up says otherwise."


def guess_up(points: np.ndarray, ending: str = "") -> UpGuess:
    """Guess whether y or z points up; undecided means y.

    Args:
        points: [N, 3].
        ending: of the file, lower case with its dot.
    """
    if ending in CONVENTIONS:
        return UpGuess(CONVENTIONS[ending], "the format's convention")
    y, z = (up_score(points, axis) for axis in (1, 2))
    if abs(y - z) < LEAD:
        return UpGuess("y", "undecided")
    return UpGuess("y" if y > z else "z", "its base and symmetry")


def up_score(points: np.ndarray, axis: int) -> float:
    """How much the shape [N, 3] looks as if this axis pointed up; comparable among the axes of one shape."""
    chosen = np.linspace(0, len(points) - 1, min(POINTS, len(points))).astype(int)
    cloud = np.asarray(points, float)[chosen]
    cloud = cloud - (cloud.max(0) + cloud.min(0)) / 2
    cloud = cloud / max(np.abs(cloud).max(), 1e-12)
    sideways = [other for other in range(3) if other != axis]
    height = cloud[:, axis]
    base = cloud[height <= height.min() + SLICE * np.ptp(height)]
    share = _hull_area(base[:, sideways]) / max(_hull_area(cloud[:, sideways]), 1e-9)
    asymmetry = {place: _mirror_distance(cloud, place) for place in range(3)}
    symmetry = asymmetry[axis] - min(asymmetry[place] for place in sideways)
    return BASE * share + SYMMETRY * symmetry


def _hull_area(points: np.ndarray) -> float:
    """The area of the convex hull of points [M, 2]; 0 where they lie on a line."""
    try:
        return float(ConvexHull(points).volume)
    except (QhullError, ValueError):  # too few, or on a line
        return 0.0


def _mirror_distance(cloud: np.ndarray, axis: int) -> float:
    """The mean distance from the cloud's points to it once it is mirrored along an axis."""
    mirrored = cloud * np.where(np.arange(3) == axis, -1, 1)
    return float(cKDTree(cloud).query(mirrored)[0].mean())
