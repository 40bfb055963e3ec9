"""Turning shapes to y up, as the views assume, and scans to z up; never a reflection."""

import numpy as np

from pointclip.errors import InputError

UPS = ("x", "y", "z", "-x", "-y", "-z")  # which of a file's axes points up; -y: y points down
# The columns of the turned points, as (column of the file, sign).
_Y_UP = {
    "x": ((1, -1), (0, 1), (2, 1)),
    "y": ((0, 1), (1, 1), (2, 1)),
    "z": ((0, 1), (2, 1), (1, -1)),
    "-x": ((1, 1), (0, -1), (2, 1)),
    "-y": ((0, 1), (1, -1), (2, -1)),
    "-z": ((0, 1), (2, -1), (1, 1)),
}
_Z_UP = {
    "x": ((1, 1), (2, 1), (0, 1)),
    "y": ((0, 1), (2, -1), (1, 1)),
    "z": ((0, 1), (1, 1), (2, 1)),
    "-x": ((1, 1), (2, -1), (0, -1)),
    "-y": ((0, 1), (2, 1), (1, -1)),
    "-z": ((0, 1), (1, -1), (2, -1)),
}


def check_up(up: str, auto: bool = False) -> None:
    """Raise InputError unless `up` is one of `UPS`, or "auto" where that is allowed."""
    if up not in UPS and not (auto and up == "auto"):
        known = ", ".join(("auto", *UPS) if auto else UPS)
        raise InputError(f"The up axis is {up!r}; expected one of {known}: the file's axis that points up.")


def to_y_up(points: np.ndarray, up: str) -> np.ndarray:
    """Turn points whose axis `up` points up so that y does.

    z up becomes y up by (x, y, z) → (x, z, −y), x up by (x, y, z) → (−y, x, z), −y up by half a turn about x. Merely
    swapping two columns would mirror the shape.

    Args:
        points: [..., 3], any number type; y-up points are returned unchanged.
        up: one of `UPS`.

    Raises:
        InputError: for another axis name.
    """
    check_up(up)
    return points if up == "y" else _turned(points, _Y_UP[up])


def to_z_up(points: np.ndarray, up: str) -> np.ndarray:
    """Turn points [..., 3] whose axis `up` points up so that z does, see `to_y_up`; −y up becomes (x, z, −y)."""
    check_up(up)
    return points if up == "z" else _turned(points, _Z_UP[up])


def from_z_up(points: np.ndarray, up: str) -> np.ndarray:
    """Undo `to_z_up`."""
    check_up(up)
    if up == "z":
        return points
    turned = np.empty_like(points)
    for axis, (column, sign) in enumerate(_Z_UP[up]):
        turned[..., column] = sign * points[..., axis]
    return turned


def sizes_from_z_up(sizes: np.ndarray, up: str) -> np.ndarray:
    """Box sizes [..., 3] along the axes of a z-up frame, in the order of the scan's axes."""
    return np.abs(from_z_up(sizes, up))


def _turned(points: np.ndarray, columns: tuple[tuple[int, int], ...]) -> np.ndarray:
    return np.stack([points[..., column] if sign > 0 else -points[..., column] for column, sign in columns], axis=-1)
