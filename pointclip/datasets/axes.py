"""Turning shapes to the y-up pose that the views assume."""

import numpy as np

from pointclip.errors import InputError


def check_up(up: str, auto: bool = False) -> None:
    """Raise InputError unless `up` is "x", "y" or "z", or "auto" where that is allowed."""
    if up not in ("x", "y", "z") and not (auto and up == "auto"):
        raise InputError(f"The up axis is {up!r}, but it must be 'x', 'y' or 'z': name the file's axis that points up.")


def to_y_up(points: np.ndarray, up: str) -> np.ndarray:
    """Turn points whose up axis is `up` so that y is up.

    z up becomes y up by (x, y, z) → (x, z, −y), x up by (x, y, z) → (−y, x, z). Those are rotations; merely swapping
    two columns would mirror the shape.

    Args:
        points: [..., 3], any number type; y-up points are handed back as they are.
        up: "x", "y" or "z".

    Raises:
        InputError: for another axis name.
    """
    check_up(up)
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    if up == "y":
        return points
    return np.stack((x, z, -y) if up == "z" else (-y, x, z), axis=-1)
