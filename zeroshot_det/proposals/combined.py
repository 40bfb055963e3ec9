"""Proposals without training: connected components and merged superpoints together, ordered by objectness."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zeroshot_det.boxes import SIZE, from_bounds
from zeroshot_det.proposals import clusters, superpoints
from zeroshot_det.proposals.base import Proposals, no_proposals
from zeroshot_det.proposals.objectness import Evidence, objectness_of
from zeroshot_det.proposals.ordering import diverse, overlaps
from zeroshot_det.proposals.structure import VOXEL, Room

LEAST = 8  # voxels in a group
LONGEST, SHORTEST = 3.5, 0.15  # metres: bounds on the longest side of a proposal
STANDS, FLAT_STANDS = 0.35, 1.2  # metres: a group lower than this, or a flat piece, is extended down to the floor
HANGS = 0.8  # metres: a group up to this high may have legs that were not seen
COARSENESS = (0.1, 0.3, 0.8)  # of superpoints
ROUND = 0.01  # metres: boxes that agree this closely are one


PARTS = ("clusters", "superpoints", "extents")


@dataclass(frozen=True)
class Candidates:
    """Boxes of all passes over a room, each once."""

    boxes: np.ndarray  # [n, 7]
    passes: np.ndarray  # [n, P] bool, the passes that propose each; pass 0 is that of connected components
    sizes: np.ndarray  # [n], voxels in the largest of its groups
    superpoints: np.ndarray  # [M], the finest superpoint of each voxel


def propose(
    room: Room, orientation: str = "oriented", max_boxes: int = 128, without: frozenset[str] = frozenset()
) -> Proposals:
    """Boxes around the objects in a room.

    Args:
        room: see `room_of`.
        orientation: "aligned" gives axis-aligned boxes, like ScanNet's; "oriented" the footprint of smallest area.
        max_boxes: upper limit on the number of boxes.
        without: `PARTS` of the method to leave out, to measure what they do.

    Returns:
        Boxes by decreasing objectness (see `objectness_of`), in a diverse order (see `diverse`).
    """
    found = candidates(room, orientation, without)
    if not len(found.boxes):
        return no_proposals()
    overlap = overlaps(found.boxes)
    evidence = Evidence(found.boxes, found.sizes, found.passes, overlap)
    chosen, left = diverse(overlap, objectness_of(room, found.superpoints, evidence), max_boxes)
    return Proposals(found.boxes[chosen], np.sqrt(left))


def candidates(room: Room, orientation: str, without: frozenset[str] = frozenset()) -> Candidates:
    """All boxes that some pass proposes, within bounds on their size."""
    fine, groups = _passes(room, without)
    groups = [(number, group) for number, group in groups if len(group) >= LEAST]
    several = [_boxes(room, group, orientation, without) for _, group in groups]
    groups = [groups[i] for i, own in enumerate(several) for _ in own]
    boxes = np.array([box for own in several for box in own]).reshape(-1, 7)
    longest = boxes[:, SIZE].max(1, initial=0)
    keep = np.flatnonzero((longest >= SHORTEST) & (longest <= LONGEST))
    _, first, owner = np.unique(np.round(boxes[keep] / ROUND), axis=0, return_index=True, return_inverse=True)
    numbers = np.array([groups[i][0] for i in keep], np.int64)
    passes = np.zeros((len(first), numbers.max(initial=0) + 1), bool)
    sizes = np.zeros(len(first), np.int64)
    passes[owner.ravel(), numbers] = True
    np.maximum.at(sizes, owner.ravel(), np.array([len(groups[i][1]) for i in keep], np.int64))
    return Candidates(boxes[keep[first]], passes, sizes, fine)


def _passes(room: Room, without: frozenset[str]) -> tuple[np.ndarray, Iterator[tuple[int, np.ndarray]]]:
    """The finest superpoints, and the groups of voxels of each pass with the pass's number."""
    graphs = [superpoints.graph_of(room.points, room.normals, None)]
    if room.colours is not None:
        graphs.append(superpoints.graph_of(room.points, room.normals, room.colours))
    labels = [superpoints.segments(graph, len(room.points), coarse) for graph in graphs for coarse in COARSENESS]

    def groups() -> Iterator[tuple[int, np.ndarray]]:
        if "clusters" not in without:
            for group in clusters.groups_of(room):
                yield 0, group
        number = 0
        for graph, own in zip((graph for graph in graphs for _ in COARSENESS), labels, strict=True):
            for mask in (room.in_objects, ~room.in_floor):  # without walls, and with them
                number += 1
                if "superpoints" in without:
                    continue
                for group in superpoints.merged(room.points, np.where(mask, own, -1), graph).groups():
                    yield number, group

    return labels[0], groups()


def _boxes(room: Room, group: np.ndarray, orientation: str, without: frozenset[str]) -> list[np.ndarray]:
    """Boxes [7] that a group of voxels may stand for.

    The first goes down to the floor if the group stands on it or is a flat piece, such as a table top. Another takes a
    flat piece for itself, or a group that hangs a little higher down to the floor, such as a seat without its legs.
    """
    low, high = room.low[group].min(0), room.high[group].max(0)
    above = low[2] - room.floor
    flat = high[2] - low[2] < 2 * SHORTEST and np.mean(np.abs(room.normals[group, 2]) > 0.9) > 0.8
    stands, lies = above < STANDS, flat and high[2] - room.floor < FLAT_STANDS
    down = min(low[2], room.floor)
    bounds = [((*low[:2], down if stands or lies else low[2]), high)]
    if "extents" not in without:
        if lies and not stands:
            bounds.append((low, high))
        if STANDS <= above < HANGS and not lies:
            bounds.append(((*low[:2], down), high))
    return [_box(room.points[group], np.array(one), other, orientation) for one, other in bounds]


def _box(points: np.ndarray, low: np.ndarray, high: np.ndarray, orientation: str) -> np.ndarray:
    """The box [7] of points [m, 3] between bounds."""
    high = np.maximum(high, low + ROUND)
    if orientation == "aligned":
        return from_bounds(low, high)
    inside = points[(points >= low - VOXEL).all(1) & (points <= high + VOXEL).all(1), :2]
    centre, sides, heading = clusters.smallest_rectangle(inside if len(inside) > 2 else points[:, :2])
    sides = np.maximum(sides + VOXEL / 2, VOXEL)
    return np.array([*centre, (low[2] + high[2]) / 2, *sides, high[2] - low[2], heading])
