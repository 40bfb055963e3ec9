"""Proposals without training: connected components of a room without floor and walls, at several scales.

Large components are also split into parts. Flat pieces above the floor are proposed as well, extended down to the
floor; otherwise tables, desks and counters would only be proposed together with whatever stands on them. Whatever lies
in a wall or flat against it (doors, windows, pictures) is removed with the wall and not proposed; a curtain is proposed
if it hangs more than 6 cm from the wall.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.spatial import ConvexHull, QhullError, cKDTree

from pointclip.datasets.voxels import components
from zeroshot_det.boxes import CENTRE, SIZE, from_bounds, iou
from zeroshot_det.proposals.base import Proposals, no_proposals
from zeroshot_det.proposals.structure import VOXEL, Room

SCALES = (0.06, 0.09, 0.13, 0.2)  # metres: cell sides; cells that touch are connected
MIN_CELLS = (1, 6)  # see `components`
MIN_VOXELS = 12  # in a component
LONGEST, SHORTEST = 3.5, 0.15  # metres: bounds on the longest side of a proposal
SAME = 0.7  # boxes with a higher IoU count as the same
SPLIT_FROM, PARTS = 1.0, (0.6, 1.2)  # metres: components of this side or more are also split, into parts of these sides
STANDS = 0.35  # metres: a component whose lowest point is closer to the floor stands on it
SHELL = 0.12  # metres around a box that should be nearly empty
ORIENTATIONS = ("aligned", "oriented")


def propose(room: Room, orientation: str = "oriented", max_boxes: int = 128) -> Proposals:
    """Boxes around the objects in a room.

    Args:
        room: see `room_of`.
        orientation: "aligned" gives axis-aligned boxes, like ScanNet's; "oriented" the footprint of smallest area.
        max_boxes: upper limit on the number of boxes.

    Returns:
        Boxes by decreasing objectness: how isolated a box is from its surroundings, how plausible its size is, how much
        surface it holds, and at how many scales it recurs.
    """
    objects = np.flatnonzero(room.in_objects)
    groups = [group for group in groups_of(room) if len(group) >= MIN_VOXELS]
    boxes = [_box(room, group, orientation) for group in groups]
    sizes = np.array([box[SIZE].max() for box in boxes])
    keep: Any = np.flatnonzero((sizes >= SHORTEST) & (sizes <= LONGEST)) if boxes else []
    if not len(keep):
        return no_proposals()
    boxes = np.array([boxes[i] for i in keep])
    counts = np.array([len(groups[i]) for i in keep])
    overlap = iou(boxes, boxes)
    recurrence = np.minimum(1, (overlap > SAME).sum(1) / 4)  # of 8 passes or more
    tree = cKDTree(room.points[objects])
    isolation = np.array([_isolation(box, room.points[objects], tree) for box in boxes])
    objectness = (isolation * _size_prior(boxes) * np.sqrt(_fullness(boxes, counts) * recurrence)) ** 0.5
    chosen = _deduplicated(overlap, objectness)
    return Proposals(boxes[chosen], objectness[chosen]).best(max_boxes)


def groups_of(room: Room) -> Iterator[np.ndarray]:
    """Groups of voxels that may be one object: connected components and parts of them; the same one may come twice."""
    objects = np.flatnonzero(room.in_objects)
    on_tops = np.zeros(len(room.points), bool)
    for top in room.tops:
        on_tops[top] = True
        yield top
    for voxels in (objects, objects[~on_tops[objects]]):  # with flat pieces, and without
        for side in SCALES:
            for min_cells in MIN_CELLS:
                labels = components(room.points[voxels], side, min_cells)
                order = np.argsort(labels, kind="stable")
                starts = np.flatnonzero(np.diff(labels[order], prepend=-2))
                for group in np.split(voxels[order], starts[1:]):
                    yield group
                    if side == SCALES[0]:
                        yield from _parts(room.points, group)


def _parts(points: np.ndarray, group: np.ndarray) -> Iterator[np.ndarray]:
    """Parts of a large component, such as touching chairs: k-means with height weighted down."""
    if len(group) < MIN_VOXELS or np.ptp(points[group], axis=0)[:2].max() < SPLIT_FROM:
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
    """The box [7] of a group of voxels, extended to the floor if the group stands on it or is a flat piece."""
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
    """The rectangle of smallest area around points [n, 2]: centre [2], sides [2], heading in [-π/4, π/4).

    One of its sides lies along a side of the convex hull.
    """
    try:
        hull = points[ConvexHull(points).vertices]
    except QhullError:  # collinear, or too few points: axis-aligned is as good as any
        hull = points
        angles = np.zeros(1)
    else:
        edges = np.roll(hull, -1, axis=0) - hull
        angles = np.arctan2(edges[:, 1], edges[:, 0])
    angles = np.unique(np.append((angles + np.pi / 4) % (np.pi / 2) - np.pi / 4, 0.0))
    axes = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # [A, 2]
    u, v = hull @ axes.T, hull @ np.stack([-axes[:, 1], axes[:, 0]])  # [h, A]
    areas = np.ptp(u, axis=0) * np.ptp(v, axis=0)
    best = int(np.argmin(np.where(angles == 0, areas * 0.97, areas)))  # prefers axis-aligned unless clearly larger
    middle = np.array([u[:, best].max() + u[:, best].min(), v[:, best].max() + v[:, best].min()]) / 2
    x, y = axes[best]
    centre = np.array([x * middle[0] - y * middle[1], y * middle[0] + x * middle[1]])
    return centre, np.array([np.ptp(u[:, best]), np.ptp(v[:, best])]), float(angles[best])


def _isolation(box: np.ndarray, points: np.ndarray, tree: cKDTree) -> float:
    """The fraction of voxels inside a box among those inside the box and a shell around it, in (0, 1]."""
    near = points[tree.query_ball_point(box[CENTRE], np.linalg.norm(box[SIZE]) / 2 + 2 * SHELL)]
    x, y = near[:, 0] - box[0], near[:, 1] - box[1]
    cos, sin = np.cos(box[6]), np.sin(box[6])
    away = np.abs(np.stack([cos * x + sin * y, cos * y - sin * x, near[:, 2] - box[2]], axis=1)) - box[SIZE] / 2
    within = (away <= 0.01).all(1).sum()
    return float(within / max((away <= SHELL).all(1).sum(), 1))


def _size_prior(boxes: np.ndarray) -> np.ndarray:
    """How plausible a box's size is: 1 for a longest side of 0.4 to 2 m, less beyond, [n] in (0, 1]."""
    longest, volume = boxes[:, SIZE].max(1), boxes[:, SIZE].prod(1)
    beyond = np.maximum(0, np.log(0.4 / longest)) + np.maximum(0, np.log(longest / 2))
    return np.exp(-2 * beyond**2) * np.exp(-np.maximum(0, np.log(0.01 / volume)) / 4)


def _fullness(boxes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The surface in a box relative to half the box's surface, at most 1, [n] in (0, 1]."""
    dx, dy, dz = boxes[:, SIZE].T
    return np.minimum(1, counts * VOXEL**2 / (dx * dy + dx * dz + dy * dz))


def _deduplicated(overlap: np.ndarray, objectness: np.ndarray) -> np.ndarray:
    """Indices of the boxes without duplicates, keeping the best of each."""
    chosen: list[int] = []
    for i in np.argsort(-objectness, kind="stable"):
        if not chosen or overlap[i, chosen].max() <= SAME:
            chosen.append(int(i))
    return np.array(chosen)
