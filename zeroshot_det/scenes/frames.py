"""A guess of the up axis of a scan."""

import numpy as np
from scipy.spatial import cKDTree

from zeroshot_det.voxels import normals_of, voxels_of

AXES = "xyz"


def guess_up_axis(points: np.ndarray) -> str:
    """Guess which axis of a scan points up: "x", "y" or "z".

    A room has a floor: a plane perpendicular to the up axis, at its low end, with objects standing on it. For each axis
    the lowest layer with many voxels whose surface is perpendicular to it is taken as the floor. An axis scores higher
    the larger that layer is, the more of the scan's columns it lies under, the closer the other points are to it, and
    the shorter the axis is.

    Args:
        points: [N, 3], finite.
    """
    extent = points.max(0) - points.min(0)
    side = float(max(extent.min() / 25, extent.max() / 400, 1e-9))
    centres, _ = voxels_of(points, side)
    normals = normals_of(centres, cKDTree(centres))
    floors = [_floor_likelihood(centres, normals, axis, side) for axis in range(3)]
    largest = max(area for _, area in floors)
    scores = [likelihood * (area / largest) ** 0.5 if largest else 0.0 for likelihood, area in floors]
    return AXES[int(np.argmax(scores))]


def _floor_likelihood(centres: np.ndarray, normals: np.ndarray, axis: int, side: float) -> tuple[float, int]:
    """How much the low end of an axis looks like a floor, in [0, 1], and the number of its voxels."""
    height = centres[:, axis] - centres[:, axis].min()
    across = np.abs(normals[:, axis]) > 0.9
    if not across.any():
        return 0.0, 0
    layer = (height / (2 * side)).astype(int)
    counts = np.bincount(layer[across], minlength=layer.max() + 1)
    counts = counts + np.append(counts[1:], 0)
    floor = int(np.flatnonzero(counts >= 0.5 * counts.max())[0])  # the lowest of the large layers
    others = [column for column in range(3) if column != axis]
    columns = np.unique((centres[:, others] / (2 * side)).astype(int), axis=0)
    covered = counts[floor] / 4 / len(columns)  # a column holds at most four voxels of the floor
    above = height > (floor + 2) * 2 * side
    below = np.mean(layer < floor)
    near = 1 - (height[above].mean() / height.max() if above.any() else 0.5)
    short = 1 - height.max() / np.ptp(centres, axis=0).max() / 2
    return float(min(1, covered) * near * short * (1 - below)), int(counts[floor])
