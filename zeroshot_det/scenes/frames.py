"""Scans whose up axis is not z: rotation to z up and back, and a guess of the up axis."""

import numpy as np
from scipy.spatial import cKDTree

from pointclip.errors import InputError
from zeroshot_det.voxels import normals_of, voxels_of

AXES = "xyz"
_TO_Z_UP = {
    "x": ((1, 1), (2, 1), (0, 1)),
    "y": ((0, 1), (2, -1), (1, 1)),
    "z": ((0, 1), (1, 1), (2, 1)),
}  # (column, sign)


def check_up(up: str, auto: bool = False) -> None:
    """Raise InputError unless `up` names an axis, or is "auto" where that is allowed."""
    known = ("auto", *AXES) if auto else tuple(AXES)
    if up not in known:
        raise InputError(f"The up axis is {up!r}; one of {', '.join(known)} was expected.")


def to_z_up(points: np.ndarray, up: str) -> np.ndarray:
    """Rotate points [..., 3] whose axis `up` points up so that z does; never a reflection."""
    check_up(up)
    return points if up == "z" else np.stack([sign * points[..., column] for column, sign in _TO_Z_UP[up]], axis=-1)


def from_z_up(points: np.ndarray, up: str) -> np.ndarray:
    """Undo `to_z_up`."""
    check_up(up)
    if up == "z":
        return points
    rotated = np.empty_like(points)
    for axis, (column, sign) in enumerate(_TO_Z_UP[up]):
        rotated[..., column] = sign * points[..., axis]
    return rotated


def sizes_from_z_up(sizes: np.ndarray, up: str) -> np.ndarray:
    """Box sizes [..., 3] along the z-up axes, reordered to the scan's axes."""
    return np.abs(from_z_up(sizes, up))


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
