"""Synthetic shapes as a scanner might leave them: turned, with holes and noise, beside other things."""

from dataclasses import replace

import numpy as np

from pointclip.datasets.base import Shape

TILT = 0.15  # radians, standard deviation of the tilt
HOLES = (1, 2)  # number of holes
HOLE = (0.05, 0.15)  # share of the points that a hole takes
CLUTTER = (0.04, 0.12)  # share of the points that belong to other things
NOISE = 0.01  # standard deviation of every coordinate, in radii of the shape


def hardened(whole: Shape, other: Shape, num_points: int, rng: np.random.Generator) -> Shape:
    """A shape turned, with holes and noise, and clutter of two kinds: a piece of floor and a piece of another shape.

    Args:
        whole: with at least twice as many points as `num_points`, in random order.
        other: the shape from which a piece is taken.
        rng: draws everything.

    Returns:
        `num_points` points in random order, inside the unit sphere around the centre of their bounding box. Points of
        the clutter have part −1.
    """
    kept = np.arange(len(whole.points))
    for _ in range(rng.integers(HOLES[0], HOLES[1] + 1)):
        distance = _distances(whole.points[kept], rng)
        outside = kept[distance > np.quantile(distance, rng.uniform(*HOLE))]
        kept = outside if len(outside) >= num_points else kept
    clutter = round(num_points * rng.uniform(*CLUTTER))
    kept = kept[: num_points - clutter]
    points = whole.points[kept] @ _rotation(rng).T
    points = points + rng.normal(0, NOISE, points.shape)
    if clutter:
        floor = clutter // 2
        points = np.concatenate([points, _floor(points, floor, rng), _neighbour(points, other, clutter - floor, rng)])
    order = rng.permutation(num_points)
    points = points - (points.max(0) + points.min(0)) / 2
    points /= max(np.sqrt((points**2).sum(1).max()) * (1 + 1e-5), 1e-9)
    points = np.round(points, 5)[order].astype(np.float32)
    if whole.parts is None:
        return replace(whole, points=points, name=f"{whole.name}-hard")
    parts = np.concatenate([whole.parts[kept], np.full(clutter, -1)])[order]
    return replace(whole, points=points, parts=parts, name=f"{whole.name}-hard")


def _rotation(rng: np.random.Generator) -> np.ndarray:
    """Any angle about the up axis, then a tilt about a level axis: [3, 3]."""
    about_up, tilt, direction = rng.uniform(0, 2 * np.pi), rng.normal(0, TILT), rng.uniform(0, 2 * np.pi)
    lean = _about_y(direction) @ _about_x(tilt) @ _about_y(-direction)
    return lean @ _about_y(about_up)


def _floor(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """A round piece of floor below the points, off their middle: [count, 3]."""
    angle, radius = rng.uniform(0, 2 * np.pi, count), 0.6 * np.sqrt(rng.random(count))
    centre = points.mean(0) + rng.normal(0, 0.2, 3)
    x, z = centre[0] + radius * np.cos(angle), centre[2] + radius * np.sin(angle)
    return np.stack([x, np.full(count, points[:, 1].min()), z], 1)


def _neighbour(points: np.ndarray, other: Shape, count: int, rng: np.random.Generator) -> np.ndarray:
    """A piece of another shape that touches the points' bounding box from a side, at a random height: [count, 3]."""
    near = np.argsort(_distances(other.points, rng), kind="stable")[:count]
    piece = 0.8 * other.points[near]
    angle = rng.uniform(0, 2 * np.pi)
    side = np.array([np.cos(angle), 0, np.sin(angle)])
    gap = (points @ side).max() - (piece @ side).min()
    height = rng.uniform(points[:, 1].min(), points[:, 1].max()) - piece[:, 1].mean()
    across = np.array([-side[2], 0, side[0]])
    return piece + gap * side + np.array([0, height, 0]) - (piece.mean(0) @ across) * across


def _distances(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The distance of every point to a random one of them: [N]."""
    return np.linalg.norm(points - points[rng.integers(len(points))], axis=1)


def _about_y(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def _about_x(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
