"""Poses in which a shape may stand, from its principal axes, and data sets whose shapes are turned to one of them."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pointclip.datasets.base import Shape, ShapeSet
from pointclip.datasets.rotated import about_up
from pointclip.datasets.wrapped import Wrapped


def poses_of(points: np.ndarray, how: str) -> np.ndarray:
    """Rotations of a shape to try, the first of which leaves it as it is.

    Args:
        points: [N, 3], y up.
        how: "yaw" turns the longer horizontal principal axis to x; "search" turns each of the principal axes, in both
            directions, up. The axes of a shape with a symmetry, such as a ball or a disc, are partly arbitrary.

    Returns:
        [P, 3, 3] float64, right-handed, applied to columns; P is 2 or 7.
    """
    centred = np.asarray(points, np.float64) - np.mean(points, axis=0, dtype=np.float64)
    if how == "yaw":
        _, axes = np.linalg.eigh(np.cov(centred[:, [0, 2]].T))
        return np.stack([np.eye(3), about_up(np.arctan2(axes[1, 1], axes[0, 1]))])
    _, axes = np.linalg.eigh(np.cov(centred.T))
    axes = axes[:, ::-1]  # longest first
    return np.stack([np.eye(3), *(_standing(axes, axis, sign) for axis in range(3) for sign in (1, -1))])


def _standing(axes: np.ndarray, axis: int, sign: int) -> np.ndarray:
    """The rotation that turns a column of orthonormal axes [3, 3], or its opposite, up, and the next column to z."""
    up, front = sign * axes[:, axis], axes[:, (axis + 1) % 3]
    return np.stack([np.cross(up, front), up, front])


class Posed(Wrapped):
    """A data set with some shapes turned.

    Args:
        shapes: any data set.
        rotations: index -> [3, 3], of the shapes that are turned.
    """

    def __init__(self, shapes: ShapeSet, rotations: Mapping[int, np.ndarray]):
        super().__init__(shapes)
        self._rotations = rotations

    def changed(self, shape: Shape, index: int) -> Shape:
        return turned(shape, self._rotations.get(index))


def turned(shape: Shape, rotation: np.ndarray | None) -> Shape:
    """A shape turned about the origin by a rotation [3, 3], if there is one."""
    if rotation is None:
        return shape
    return replace(shape, points=np.ascontiguousarray(shape.points @ rotation.T, np.float32))
