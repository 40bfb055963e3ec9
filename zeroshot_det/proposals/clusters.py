"""Proposals without training: what is left of a room without its floor and walls, in connected pieces at several
scales, and large pieces cut into parts.

Flat pieces above the floor are proposed as well, down to the floor, or tables, desks and counters would only be found
with
all that stands on them. What lies in a wall or flat against it (door, window, picture) goes with the wall and is not
proposed; a curtain is where it hangs more than 6 cm off.
"""

from collections.abc import Iterator

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.spatial import ConvexHull, QhullError, cKDTree

from zeroshot_det.boxes import CENTRE, SIZE, from_bounds, iou
from zeroshot_det.proposals.base import Proposals, none
from zeroshot_det.proposals.structure import VOXEL, Room
from zeroshot_det.voxels import pieces

SCALES = (0.06, 0.09, 0.13, 0.2)  # metres: sides of the cells that must touch
CROWDS = (1, 6)  # see `pieces`
FEWEST = 12  # voxels in a piece
LONGEST, SHORTEST = 3.5, 0.15  # metres: the longest side of what is proposed
SAME = 0.7  # boxes that overlap by more are the same
SPLIT_FROM, PARTS = 1.0, (0.6, 1.2)  # metres: the side from which a piece is also cut, into parts of about this side
STANDS = 0.35  # a piece that ends less than this above the floor stands on it
SHELL = 0.12  # metres around a box, in which little should be
ORIENTATIONS = ("aligned", "oriented")


def propose(room: Room, orientation: str = "oriented", most: int = 128) -> Proposals:
    """Boxes around what stands in a room.

    Args:
        room: see `room_of`.
        orientation: "aligned" gives boxes along the axes, as ScanNet's are; "oriented" the footprint of least area.
        most: how many boxes at most.

    Returns:
        Boxes of falling objectness: how well a box is apart from what surrounds it, how likely its size is, how full of
        surface it is, and at how many of the scales it came up.
    """
    rest = np.flatnonzero(room.rest)
    groups = [group for group in _groups(room, rest) if len(group) >= FEWEST]
    boxes = [_box(room, group, orientation) for group in groups]
    sizes = np.array([box[SIZE].max() for box in boxes])
    keep = np.flatnonzero((sizes >= SHORTEST) & (sizes <= LONGEST)) if boxes else []
    if not len(keep):
        return none()
    boxes = np.array([boxes[i] for i in keep])
    counts = np.array([len(groups[i]) for i in keep])
    overlap = iou(boxes, boxes)
    recurs = np.minimum(1, (overlap > SAME).sum(1) / 4)  # of 8 passes or more
    tree = cKDTree(room.points[rest])
    apart = np.array([_apart(box, room.points[rest], tree) for box in boxes])
    objectness = (apart * _likely_size(boxes) * np.sqrt(_fullness(boxes, counts) * recurs)) ** 0.5
    chosen = _different(overlap, objectness)
    return Proposals(boxes[chosen], objectness[chosen]).best(most)


def _groups(room: Room, rest: np.ndarray) -> Iterator[np.ndarray]:
    """Voxels that may be one thing."""
    on_tops = np.zeros(len(room.points), bool)
    for top in room.tops:
        on_tops[top] = True
        yield top
    for voxels in (rest, rest[~on_tops[rest]]):  # with flat pieces, and without
        for side in SCALES:
            for crowd in CROWDS:
                labels = pieces(room.points[voxels], side, crowd)
                order = np.argsort(labels, kind="stable")
                starts = np.flatnonzero(np.diff(labels[order], prepend=-2))
                for group in np.split(voxels[order], starts[1:]):
                    yield group
                    if side == SCALES[0]:
                        yield from _parts(room.points, group)


def _parts(points: np.ndarray, group: np.ndarray) -> Iterator[np.ndarray]:
    """Parts of a large piece, such as chairs that touch each other: k-means, height counting little."""
    if len(group) < FEWEST or np.ptp(points[group], axis=0)[:2].max() < SPLIT_FROM:
        return
    where = points[group] * (1, 1, 0.3)
    plan = len(np.unique(np.floor(where[:, :2] / 0.1).astype(int), axis=0)) * 0.01  # square metres
    for side in PARTS:
        count = min(round(1.5 * plan / side**2), 40)
        if count >= 2:
            _, labels = kmeans2(where, count, iter=10, minit="++", seed=np.random.default_rng(0), missing="warn")
            for label in range(count):
                yield group[labels == label]


def _box(room: Room, group: np.ndarray, orientation: str) -> np.ndarray:
    """The box [7] of a group of voxels, down to the floor where the group stands on it or is a flat piece."""
    points = room.points[group]
    low, high = points.min(0) - VOXEL / 4, points.max(0) + VOXEL / 4
    flat = high[2] - low[2] < 2 * SHORTEST and np.mean(np.abs(room.normals[group, 2]) > 0.9) > 0.8
    if low[2] - room.floor < STANDS or (flat and high[2] - room.floor < 1.2):
        low[2] = min(low[2], room.floor)
    if orientation == "aligned":
        return from_bounds(low, high)
    centre, sides, heading = smallest_rectangle(points[:, :2])
    sides = np.maximum(sides + VOXEL / 2, VOXEL)
    return np.array([*centre, (low[2] + high[2]) / 2, *sides, high[2] - low[2], heading])


def smallest_rectangle(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The rectangle of least area around points [n, 2]: centre [2], sides [2], heading in [-π/4, π/4).

    One side of it lies along a side of the points' convex hull.
    """
    try:
        hull = points[ConvexHull(points).vertices]
    except QhullError:  # all on one line, or too few: along the axes is as good as any
        hull = points
        angles = np.zeros(1)
    else:
        edges = np.roll(hull, -1, axis=0) - hull
        angles = np.arctan2(edges[:, 1], edges[:, 0])
    angles = np.unique(np.append((angles + np.pi / 4) % (np.pi / 2) - np.pi / 4, 0.0))
    axes = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # [A, 2]
    u, v = hull @ axes.T, hull @ np.stack([-axes[:, 1], axes[:, 0]])  # [h, A]
    areas = np.ptp(u, axis=0) * np.ptp(v, axis=0)
    best = int(np.argmin(np.where(angles == 0, areas * 0.97, areas)))  # along the axes unless turning is worth it
    middle = np.array([u[:, best].max() + u[:, best].min(), v[:, best].max() + v[:, best].min()]) / 2
    x, y = axes[best]
    centre = np.array([x * middle[0] - y * middle[1], y * middle[0] + x * middle[1]])
    return centre, np.array([np.ptp(u[:, best]), np.ptp(v[:, best])]), float(angles[best])


def _apart(box: np.ndarray, points: np.ndarray, tree: cKDTree) -> float:
    """The share of the voxels in a box among those in the box and in a shell around it, in (0, 1]."""
    near = points[tree.query_ball_point(box[CENTRE], np.linalg.norm(box[SIZE]) / 2 + 2 * SHELL)]
    x, y = near[:, 0] - box[0], near[:, 1] - box[1]
    cos, sin = np.cos(box[6]), np.sin(box[6])
    away = np.abs(np.stack([cos * x + sin * y, cos * y - sin * x, near[:, 2] - box[2]], axis=1)) - box[SIZE] / 2
    within = (away <= 0.01).all(1).sum()
    return float(within / max((away <= SHELL).all(1).sum(), 1))


def _likely_size(boxes: np.ndarray) -> np.ndarray:
    """How likely a thing is to have this size: 1 from 0.4 to 2 m of its longest side, less beyond, [n] in (0, 1]."""
    longest, volume = boxes[:, SIZE].max(1), boxes[:, SIZE].prod(1)
    beyond = np.maximum(0, np.log(0.4 / longest)) + np.maximum(0, np.log(longest / 2))
    return np.exp(-2 * beyond**2) * np.exp(-np.maximum(0, np.log(0.01 / volume)) / 4)


def _fullness(boxes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The surface in a box against half of the box's own, at most 1, [n] in (0, 1]."""
    dx, dy, dz = boxes[:, SIZE].T
    return np.minimum(1, counts * VOXEL**2 / (dx * dy + dx * dz + dy * dz))


def _different(overlap: np.ndarray, objectness: np.ndarray) -> np.ndarray:
    """Places of boxes no two of which are the same, the best of each kind."""
    chosen: list[int] = []
    for place in np.argsort(-objectness, kind="stable"):
        if not chosen or overlap[place, chosen].max() <= SAME:
            chosen.append(int(place))
    return np.array(chosen)
