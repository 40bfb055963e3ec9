"""Random rotation of shapes, to measure the effect of a data set's canonical pose."""

from dataclasses import replace

import numpy as np

from pointclip.datasets.base import Shape, ShapeSet
from pointclip.datasets.wrapped import Wrapped
from pointclip.errors import InputError

ROTATIONS = ("none", "vertical", "so3")


def rotated(shapes: ShapeSet, how: str, seed: int = 0) -> ShapeSet:
    """The data set with every shape rotated about the origin.

    Args:
        shapes: any data set, y up.
        how: "none" leaves it unchanged; "vertical" rotates by a random angle about the up axis, "so3" by a uniformly
            random 3-D rotation.
        seed: a shape's rotation only depends on it and on the shape's index in the data set.

    Raises:
        InputError: for an unknown `how`.
    """
    if how not in ROTATIONS:
        raise InputError(f"DATASET.ROTATION is {how!r}; expected one of {', '.join(ROTATIONS)}.")
    return shapes if how == "none" else _Rotated(shapes, how, seed)


class _Rotated(Wrapped):
    def __init__(self, shapes: ShapeSet, how: str, seed: int):
        super().__init__(shapes)
        self._how, self._seed = how, seed

    def changed(self, shape: Shape, index: int) -> Shape:
        rng = np.random.default_rng([self._seed, ROTATIONS.index(self._how), index])
        matrix = about_up(rng.uniform(0, 2 * np.pi)) if self._how == "vertical" else any_rotation(rng)
        return replace(shape, points=(shape.points @ matrix.T).astype(np.float32))


def about_up(angle: float) -> np.ndarray:
    """The rotation by an angle in radians about y: [3, 3]."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def any_rotation(rng: np.random.Generator) -> np.ndarray:
    """A uniformly random rotation: [3, 3], from a random unit quaternion."""
    w, x, y, z = (q := rng.standard_normal(4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
