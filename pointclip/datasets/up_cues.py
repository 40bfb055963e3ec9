"""Three cues of which axis of a shape points up, summed to a score that compares the axes of one shape.

Most objects have a wide base: the convex hull of the lowest slice covers much of the footprint. Most are symmetric
about a vertical plane, but not about the horizontal one. And rooms have a floor: a plane perpendicular to the up axis,
at its low end, with everything else standing on it.
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import ConvexHull, QhullError, cKDTree

from pointclip.datasets.voxels import normals_of, voxels_of

POINTS = 1024  # used for base and symmetry
SLICE = 0.05  # thickness of the lowest slice, as a share of the height
NO_SYMMETRY = 0.15  # mean distance to the best mirror image, in half extents, from which symmetry says nothing
LEAST_FLOOR = 0.02  # added to a floor's likelihood before its logarithm
# Weights of a logistic model, so that a difference of scores is the logarithm of odds.
BASE, SYMMETRY, FLOOR = 3.8, 37.0, 1.5


def up_scores(points: np.ndarray, axes: Sequence[str]) -> list[float]:
    """A score for each of some axes of a shape [N, 3] pointing up, such as "y" or "-y"; all 0 without extent."""
    cloud = np.asarray(points, float)
    cloud = cloud[np.isfinite(cloud).all(axis=1)]
    if len(cloud) < 2 or not np.ptp(cloud, axis=0).max() > 0:
        return [0.0] * len(axes)
    few = cloud[np.linspace(0, len(cloud) - 1, min(POINTS, len(cloud))).astype(int)]
    few = few - (few.max(0) + few.min(0)) / 2
    few = few / max(np.abs(few).max(), 1e-12)
    asymmetry = _mirror_distances(few)
    own_extent = _mirror_distances(few / np.maximum(np.abs(few).max(0), 1e-12))
    trust = np.clip(1 - min(own_extent) / NO_SYMMETRY, 0, 1)
    floors = _floors(cloud, axes)
    scores = []
    for name, floor in zip(axes, floors, strict=True):
        axis, sideways = _split(name)
        height = few[:, axis] * _sign(name)
        base = few[height <= height.min() + SLICE * np.ptp(height)]
        share = _hull_area(base[:, sideways]) / max(_hull_area(few[:, sideways]), 1e-9)
        symmetry = trust * (asymmetry[axis] - min(asymmetry[other] for other in sideways))
        scores.append(float(BASE * share + SYMMETRY * symmetry + FLOOR * np.log(floor + LEAST_FLOOR)))
    return scores


def _sign(name: str) -> int:
    return -1 if name.startswith("-") else 1


def _split(name: str) -> tuple[int, list[int]]:
    """The column of an axis, and the two others."""
    axis = "xyz".index(name[-1])
    return axis, [other for other in range(3) if other != axis]


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


def _floors(cloud: np.ndarray, axes: Sequence[str]) -> list[float]:
    """How likely there is a floor at the low end of each axis of points [N, 3], in [0, 1].

    The floor is the lowest layer with many voxels whose surface is perpendicular to the axis. It is likelier the larger
    it is, the more of the columns it lies under, the closer the other points are to it, and the shorter the axis is.
    """
    extent = np.ptp(cloud, axis=0)
    side = float(max(extent.min() / 25, extent.max() / 400, 1e-9))
    centres, _ = voxels_of(cloud, side)
    normals = normals_of(centres, cKDTree(centres))
    found = [_floor(centres, normals, name, side) for name in axes]
    largest = max(area for _, area in found)
    return [likelihood * (area / largest) ** 0.5 if largest else 0.0 for likelihood, area in found]


def _floor(centres: np.ndarray, normals: np.ndarray, name: str, side: float) -> tuple[float, int]:
    """How much the low end of an axis looks like a floor, in [0, 1], and the number of its voxels."""
    axis, others = _split(name)
    height = centres[:, axis] * _sign(name)
    height = height - height.min()
    across = np.abs(normals[:, axis]) > 0.9
    if not across.any():
        return 0.0, 0
    layer = (height / (2 * side)).astype(int)
    counts = np.bincount(layer[across], minlength=layer.max() + 1)
    counts = counts + np.append(counts[1:], 0)
    floor = int(np.flatnonzero(counts >= 0.5 * counts.max())[0])  # the lowest of the large layers
    one, other = (centres[:, others] / (2 * side)).astype(np.int64).T
    columns = len(np.unique((one - one.min()) * (np.ptp(other) + 1) + other - other.min()))
    covered = counts[floor] / 4 / columns  # a column holds at most four voxels of the floor
    above = height > (floor + 2) * 2 * side
    below = np.mean(layer < floor)
    near = 1 - (height[above].mean() / height.max() if above.any() else 0.5)
    short = 1 - height.max() / np.ptp(centres, axis=0).max() / 2
    return float(min(1, covered) * near * short * (1 - below)), int(counts[floor])
