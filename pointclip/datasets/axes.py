"""Turning shapes to the y-up pose that the views assume."""

import numpy as np

from pointclip.errors import InputError


def check_up(up: str) -> None:
    """Raise InputError unless `up` is "y" or "z"."""
    if up not in ("y", "z"):
        raise InputError(f"The up axis is {up!r}, but it must be 'y' or 'z': name the axis that points up in the file.")


def to_y_up(points: np.ndarray, up: str) -> np.ndarray:
    """Turn points whose up axis is `up` so that y is up.

    z up becomes y up by (x, y, z) → (x, z, −y). That is a rotation; merely swapping two columns would mirror the shape.

    Args:
        points: [..., 3], any number type; y-up points are handed back as they are.
        up: "y" or "z".

    Raises:
        InputError: for another axis name.
    """
    check_up(up)
    if up == "y":
        return points
    return np.stack((points[..., 0], points[..., 2], -points[..., 1]), axis=-1)
