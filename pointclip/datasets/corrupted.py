"""Corruptions of a data set's shapes by kind and strength, as DATASET.CORRUPT names them: "jitter:3".

Kinds and parameters by strength are those of ModelNet-C (Ren et al. 2022: jitter, dropout_global, dropout_local,
add_global) and ModelNet40-C (Sun et al. 2022: the others), which both start from clouds of 1,024 points; counts are
scaled to the number of points. Ours are the implementation, the seeds, and `occlusion`: ModelNet40-C renders meshes,
which data sets of points do not have.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pointclip.datasets.base import Shape, ShapeSet
from pointclip.datasets.wrapped import Wrapped
from pointclip.errors import InputError

STRENGTHS = (1, 2, 3, 4, 5)
BASE = 1024  # points of the published clouds
Kind = Callable[[np.ndarray, int, np.random.Generator], tuple[np.ndarray, np.ndarray]]  # points, rows (-1: added)


def corrupted(shapes: ShapeSet, how: str, seed: int = 0) -> ShapeSet:
    """The data set with every shape corrupted.

    Args:
        how: KIND:STRENGTH, or "none".
        seed: with kind, strength and a shape's index it determines the shape.

    Raises:
        InputError: for an unknown kind or strength.
    """
    if how == "none":
        return shapes
    kind, _, strength = how.partition(":")
    if kind not in KINDS or strength not in map(str, STRENGTHS):
        raise InputError(
            f"DATASET.CORRUPT is {how!r}; expected none, or KIND:STRENGTH such as jitter:3, with a kind out of "
            f"{', '.join(KINDS)} and a strength from 1 to 5."
        )
    return _Corrupted(shapes, kind, int(strength), seed)


class _Corrupted(Wrapped):
    def __init__(self, shapes: ShapeSet, kind: str, strength: int, seed: int):
        super().__init__(shapes)
        self.notes = (*self.notes, f"Every shape was corrupted: {kind}, strength {strength} of 5 (seed {seed}).")
        self._kind, self._strength, self._seed = kind, strength, seed

    def changed(self, shape: Shape, index: int) -> Shape:
        rng = np.random.default_rng([self._seed, list(KINDS).index(self._kind), self._strength, index])
        points, rows = KINDS[self._kind](_unit(shape.points), self._strength - 1, rng)
        parts = None if shape.parts is None else np.where(rows >= 0, shape.parts[rows], -1)
        return replace(shape, points=points.astype(np.float32), parts=parts, kept=None)


def _unit(points: np.ndarray) -> np.ndarray:
    """Points centred, with the largest distance from their mean 1, as both benchmarks start."""
    points = points - points.mean(0, dtype=np.float64)
    return points / max(np.linalg.norm(points, axis=1).max(), 1e-12)


def _same(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return points, np.arange(len(points))


def _added(points: np.ndarray, more: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([points, more]), np.concatenate([np.arange(len(points)), np.full(len(more), -1)])


def _kept(points: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = rows if len(rows) >= 2 else np.arange(min(2, len(points)))
    return points[rows], rows


def _count(count: float, points: np.ndarray) -> int:
    """A number of points published for clouds of 1,024."""
    return max(1, round(count * len(points) / BASE))


def jitter(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return _same(points + rng.normal(0, 0.01 * (level + 1), points.shape))


def gaussian(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    noise = rng.normal(0, (0.01, 0.015, 0.02, 0.025, 0.03)[level], points.shape)
    return _same(np.clip(points + noise, -1, 1))


def uniform(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return _same(points + rng.uniform(-0.01 * (level + 1), 0.01 * (level + 1), points.shape))


def impulse(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    hit = rng.choice(len(points), max(1, len(points) // (30, 25, 20, 15, 10)[level]), replace=False)
    points = np.array(points)
    points[hit] += 0.1 * rng.choice((-1, 1), (len(hit), 3))
    return _same(points)


def background(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return _added(points, rng.uniform(-1, 1, (len(points) // (45, 40, 35, 30, 20)[level], 3)))


def add_global(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    along = rng.standard_normal((_count(10 * (level + 1), points), 3))
    radius = rng.random((len(along), 1)) ** (1 / 3)
    return _added(points, along / np.linalg.norm(along, axis=1, keepdims=True) * radius)


def dropout_global(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    count = int(len(points) * (1 - (0.25, 0.375, 0.5, 0.625, 0.75)[level]))
    return _kept(points, np.sort(rng.choice(len(points), count, replace=False)))


def dropout_local(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    total = _count(100 * (level + 1), points)
    clusters = rng.multinomial(total, np.full(count := rng.integers(1, 8), 1 / count))
    return _holes(points, clusters.tolist(), 1, rng)


def cutout(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return _holes(points, [_count(30, points)] * (2, 3, 5, 7, 10)[level], 1, rng)


def density(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return _holes(points, [_count(100, points)] * (level + 1), 0.75, rng)


def _holes(
    points: np.ndarray, sizes: Sequence[int], share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points without a share of those nearest to random ones, hole after hole."""
    rows = np.arange(len(points))
    for size in sizes:
        if size >= len(rows) - 2:
            break
        near = np.argsort(((points[rows] - points[rng.choice(rows)]) ** 2).sum(1), kind="stable")[:size]
        rows = np.delete(rows, rng.choice(near, int(share * size), replace=False))
    return _kept(points, rows)


def occlusion(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What a camera sees that looks slightly down from a random side: the hidden point removal of Katz et al. (2007).

    The stronger, the fewer points are seen: the radius of their inversion falls from 10^3 to 10^2 times the distance.
    """
    from scipy.spatial import ConvexHull

    side, height = rng.uniform(0, 2 * np.pi), rng.uniform(0, np.pi / 3)
    camera = 3 * np.array([np.cos(height) * np.cos(side), np.sin(height), np.cos(height) * np.sin(side)])
    seen = points - camera
    distance = np.linalg.norm(seen, axis=1, keepdims=True)
    inverted = seen + 2 * (distance.max() * 10 ** (3 - level / 4) - distance) * seen / distance
    corners = ConvexHull(np.concatenate([inverted, np.zeros((1, 3))])).vertices
    return _kept(points, np.sort(corners[corners < len(points)]))


def rotation(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    middle = (2.5, 5, 7.5, 10, 15)[level]
    for axis in range(3):
        angle = np.radians(rng.uniform(middle - 2.5, middle + 2.5)) * rng.choice((-1, 1))
        one, other = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[[one, other], [one, other]] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        points = points @ turn
    return _same(points)


def shear(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    middle = 0.05 * (level + 1)
    matrix = np.eye(3)
    for place in ((0, 2), (1, 0), (1, 2), (2, 0)):
        matrix[place] = rng.uniform(middle - 0.05, middle + 0.05) * rng.choice((-1, 1))
    return _same(points @ matrix)


def scale(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    longer, shorter = rng.permutation(3)[:2]
    factors = np.ones(3)
    factors[longer] += 0.1 * (level + 1)
    factors[shorter] -= 0.1 * (level + 1)
    return _same(points * factors)


def distortion(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Free-form deformation (Sederberg and Parry 1986) by 5 × 5 × 5 control points of the box [-1, 1]³."""
    moves = rng.uniform(-0.1 * (level + 1), 0.1 * (level + 1), (5, 5, 5, 3))
    share = (np.clip(points, -1, 1) + 1) / 2
    choose = np.array([1, 4, 6, 4, 1])
    power = np.arange(5)
    basis = choose * share[..., None] ** power * (1 - share[..., None]) ** (4 - power)  # [N, 3, 5]
    return _same(points + np.einsum("ni,nj,nk,ijkc->nc", *basis.transpose(1, 0, 2), moves))


def distortion_rbf(points: np.ndarray, level: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Control points on a grid of 5 × 5 × 5 moved in random directions, between them a multiquadric of radius 0.5."""
    from scipy.interpolate import RBFInterpolator

    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 5)] * 3), -1).reshape(-1, 3)
    along, about = rng.uniform(-np.pi, np.pi, (2, len(grid)))
    moves = np.stack([np.cos(along) * np.sin(about), np.sin(along) * np.sin(about), np.cos(about)], 1)
    moves *= (0.025, 0.05, 0.075, 0.1, 0.125)[level]
    return _same(points + RBFInterpolator(grid, moves, kernel="multiquadric", epsilon=2.0)(points))


KINDS: dict[str, Kind] = {
    kind.__name__: kind
    for kind in (
        jitter, gaussian, uniform, impulse, background, add_global, dropout_global, dropout_local, density, cutout,
        occlusion, rotation, shear, scale, distortion, distortion_rbf,
    )
}  # fmt: skip
