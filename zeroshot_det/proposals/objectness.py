"""How much a box looks like it holds one object, measured on the scan alone: no classes, nothing learned.

A box is likelier to hold one whole object the fewer superpoints it cuts, the more of its sides the scan touches, the
more surface it holds, the less of it is wall, the purer it is (what it holds is what it was made for), the more passes
propose it, and the more plausible its size is for anything in a room.
"""

from dataclasses import dataclass

import numpy as np

from pointclip.utils.compiled import compiled
from zeroshot_det.boxes import SIZE, hulls_of
from zeroshot_det.proposals.structure import VOXEL, Room

SHELL = 0.1  # metres around a box that should be nearly empty
NEAR_SIDE = 0.06  # metres from a side, at most: points there close it
CELLS = 4  # a side is closed if points lie near it in most of CELLS × CELLS parts of it

SAME = 0.7  # boxes with a higher IoU propose the same
OBJECT, FLOOR, WALL = 0, 1, 2


@dataclass(frozen=True)
class Evidence:
    """What is known of n boxes from where they come from."""

    boxes: np.ndarray  # [n, 7]
    sizes: np.ndarray  # [n], voxels in the group that a box was made for
    passes: np.ndarray  # [n, P] bool, the passes that propose each; pass 0 is that of connected components
    overlap: np.ndarray  # [n, n] IoU


def objectness_of(room: Room, labels: np.ndarray, evidence: Evidence) -> np.ndarray:
    """How likely each box holds one whole object, [n] in (0, 1).

    A product of what a box shows, each to a power that was set on the training split of the scanned rooms.

    Args:
        room: the scan.
        labels: [M], the superpoint of each voxel.
        evidence: of the boxes.
    """
    boxes = evidence.boxes
    measured = measure(room, labels, boxes)
    near = (evidence.overlap > SAME).astype(np.float32)
    recurs = (near @ evidence.passes[:, 1:].astype(np.float32) > 0).sum(1)  # passes that propose nearly this box
    components = near @ evidence.passes[:, 0].astype(np.float32)  # connected components that do
    pure = np.minimum(1.5, (evidence.sizes + 1) / (measured.count + 1))
    stands = boxes[:, 2] - boxes[:, 5] / 2 - room.floor < 0.05
    logit = (
        0.5 * np.log(measured.whole + 0.05)
        + 0.3 * np.log(np.clip(measured.surface, 0.02, 1.5))
        + 1.4 * np.log(measured.closed + 0.05)
        - 1.4 * measured.wall
        + 0.6 * np.log(recurs + 1)
        + 0.5 * np.log(components + 1)
        + 0.9 * np.log(pure + 0.05)
        + 0.5 * stands
        + _size(boxes)
    )
    return np.sqrt(1 / (1 + np.exp(-logit)))


def _size(boxes: np.ndarray) -> np.ndarray:
    """How plausible a box's size is for any object of a room, as a logarithm, [n]."""
    sides = boxes[:, SIZE]
    longest, volume = np.log(sides.max(1)), np.log(np.maximum(sides.prod(1), 1e-4))
    return 1.8 * longest - 1.5 * longest**2 - 0.25 * volume - 0.2 * volume**2 + np.log(sides.min(1)) - longest


@dataclass(frozen=True)
class Measures:
    """Measures of n boxes, each [n]."""

    count: np.ndarray  # voxels inside, without the floor's
    isolation: np.ndarray  # of voxels inside and around, those inside, in [0, 1]
    whole: np.ndarray  # 1 minus the share of voxels whose superpoints the box cuts, in [0, 1]
    wall: np.ndarray  # share of the voxels inside that lie in walls
    surface: np.ndarray  # surface inside relative to half the box's surface
    closed: np.ndarray  # mean share of its six sides that voxels are near to, in [0, 1]


def measure(room: Room, labels: np.ndarray, boxes: np.ndarray) -> Measures:
    """Measure boxes.

    Args:
        room: the scan.
        labels: [M], the superpoint of each voxel.
        boxes: [n, 7].
    """
    kind = np.where(room.in_floor, FLOOR, np.where(room.in_wall, WALL, OBJECT)).astype(np.int64)
    order = np.argsort(room.points[:, 0], kind="stable")
    hulls = hulls_of(boxes)
    first = np.searchsorted(room.points[order, 0], hulls[:, 0] - SHELL)
    last = np.searchsorted(room.points[order, 0], hulls[:, 3] + SHELL)
    counts = _measure(
        np.ascontiguousarray(room.points[order]),
        kind[order],
        np.ascontiguousarray(labels[order], np.int64),
        np.bincount(labels[kind != FLOOR], minlength=labels.max() + 1).astype(np.int64),
        np.ascontiguousarray(boxes, np.float64),
        first.astype(np.int64),
        last.astype(np.int64),
    )
    inside, around, wall, _wall_around, cut, closed = counts.T
    dx, dy, dz = boxes[:, SIZE].T
    half = dx * dy + dx * dz + dy * dz
    both = np.maximum(inside + wall, 1)
    return Measures(
        count=inside + wall,
        isolation=inside / np.maximum(inside + around, 1),
        whole=1 - cut / both,
        wall=wall / both,
        surface=(inside + wall) * VOXEL**2 / half,
        closed=closed,
    )


@compiled("float64[:,::1](float64[:,::1], int64[::1], int64[::1], int64[::1], float64[:,::1], int64[::1], int64[::1])")
def _measure(points, kind, labels, sizes, boxes, first, last):  # pragma: no cover - compiled
    result = np.zeros((len(boxes), 6))
    own, used = np.zeros(len(sizes), np.int64), np.empty(len(sizes), np.int64)
    sides = np.zeros((6, CELLS, CELLS), np.bool_)
    where, half = np.empty(3), np.empty(3)
    for b in range(len(boxes)):
        box = boxes[b]
        cos, sin = np.cos(box[6]), np.sin(box[6])
        found = 0
        sides[:] = False
        for axis in range(3):
            half[axis] = box[3 + axis] / 2
        for i in range(first[b], last[b]):
            z = points[i, 2] - box[2]
            if abs(z) > half[2] + SHELL:
                continue
            x, y = points[i, 0] - box[0], points[i, 1] - box[1]
            where[0], where[1], where[2] = cos * x + sin * y, cos * y - sin * x, z
            if abs(where[0]) > half[0] + SHELL or abs(where[1]) > half[1] + SHELL:
                continue
            within = True
            for axis in range(3):
                within &= abs(where[axis]) <= half[axis] + 0.015
            if kind[i] == 1:
                continue
            if not within:
                result[b, 1 if kind[i] == 0 else 3] += 1
                continue
            result[b, 0 if kind[i] == 0 else 2] += 1
            label = labels[i]
            if own[label] == 0:
                used[found] = label
                found += 1
            own[label] += 1
            for axis in range(3):
                one, other = (axis + 1) % 3, (axis + 2) % 3
                u = min(max(int((where[one] / half[one] + 1) / 2 * CELLS), 0), CELLS - 1)
                v = min(max(int((where[other] / half[other] + 1) / 2 * CELLS), 0), CELLS - 1)
                if where[axis] > half[axis] - NEAR_SIDE:
                    sides[2 * axis, u, v] = True
                if where[axis] < NEAR_SIDE - half[axis]:
                    sides[2 * axis + 1, u, v] = True
        cut = 0
        for k in range(found):
            cut += min(own[used[k]], sizes[used[k]] - own[used[k]])
            own[used[k]] = 0
        result[b, 4] = cut
        result[b, 5] = sides.sum() / sides.size
    return result
