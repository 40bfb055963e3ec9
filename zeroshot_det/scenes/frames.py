"""Scans whose up axis is not z: to z up and back, and which axis points up."""

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
    """Turn points [..., 3] whose axis `up` points up so that z does; a rotation, never a mirror image."""
    check_up(up)
    return points if up == "z" else np.stack([sign * points[..., column] for column, sign in _TO_Z_UP[up]], axis=-1)


def from_z_up(points: np.ndarray, up: str) -> np.ndarray:
    """Undo `to_z_up`."""
    check_up(up)
    if up == "z":
        return points
    turned = np.empty_like(points)
    for place, (column, sign) in enumerate(_TO_Z_UP[up]):
        turned[..., column] = sign * points[..., place]
    return turned


def sizes_from_z_up(sizes: np.ndarray, up: str) -> np.ndarray:
    """The sides of boxes [..., 3], in the order of the axes with z up, in the order of the scan's own axes."""
    return np.abs(from_z_up(sizes, up))


def likeliest_up(points: np.ndarray) -> str:
    """Which axis of a scan points up: "x", "y" or "z".

    A room has a floor: a plane across one axis at its low end, with things standing on it. For each axis, the voxels
    whose surface is across it are counted in the lowest layer that holds many. What speaks for the axis: how large that
    layer is, how much of what is seen along the axis has it below, how close to it the rest lies, and how short the
    axis is.

    Args:
        points: [N, 3], finite.
    """
    extent = points.max(0) - points.min(0)
    side = float(max(extent.min() / 25, extent.max() / 400, 1e-9))
    centres, _ = voxels_of(points, side)
    normals = normals_of(centres, cKDTree(centres))
    found = [_floor_likeness(centres, normals, axis, side) for axis in range(3)]
    most = max(area for _, area in found)
    scores = [likeness * (area / most) ** 0.5 if most else 0.0 for likeness, area in found]
    return AXES[int(np.argmax(scores))]


def _floor_likeness(centres: np.ndarray, normals: np.ndarray, axis: int, side: float) -> tuple[float, int]:
    """How much the low end of an axis looks like a floor, and how many voxels lie in it."""
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
    covered = counts[floor] / 4 / len(columns)  # of a column, four voxels of the floor at most are seen
    above = height > (floor + 2) * 2 * side
    below = np.mean(layer < floor)
    near = 1 - (height[above].mean() / height.max() if above.any() else 0.5)
    short = 1 - height.max() / np.ptp(centres, axis=0).max() / 2
    return float(min(1, covered) * near * short * (1 - below)), int(counts[floor])
