"""Superpoints, and the tree of their merges: a second kind of groups beside connected components.

A superpoint is a smooth patch: Felzenszwalb and Huttenlocher's graph segmentation over neighbouring voxels, whose edges
cost more the more their normals, and their colours where a scan has them, differ. Touching superpoints are then merged
one pair at a time until nothing touches; every merge is a group that may be one object.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pointclip.utils.compiled import compiled, part

REACH = 0.085  # metres: voxels closer than this are neighbours
COARSE = 0.3  # how different a patch's voxels may be, in units of an edge's cost; see `segments`
LEAST = 10  # voxels in a superpoint; smaller ones join a neighbour
COLOUR_WEIGHT = 0.5  # of a difference of 1 (black and white) beside a difference of 1 between normals (a right angle)


@dataclass(frozen=True)
class Graph:
    """Neighbouring voxels."""

    pairs: np.ndarray  # [E, 2] int64
    cost: np.ndarray  # [E], in [0, ~1.5]


def graph_of(points: np.ndarray, normals: np.ndarray, colours: np.ndarray | None) -> Graph:
    """The neighbours of each voxel: points [M, 3], unit normals [M, 3], colours [M, 3] in [0, 1] or None."""
    pairs = cKDTree(points).query_pairs(REACH, output_type="ndarray").astype(np.int64)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]  # the tree's order is its own affair
    first, second = pairs.T
    cost = 1 - np.abs((normals[first] * normals[second]).sum(1))
    if colours is not None:
        cost = cost + COLOUR_WEIGHT * np.linalg.norm(colours[first] - colours[second], axis=1) / np.sqrt(3)
    return Graph(pairs, cost)


def segments(graph: Graph, count: int, coarse: float = COARSE, least: int = LEAST) -> np.ndarray:
    """The superpoint of each of `count` voxels, numbered from 0 by first voxel, [count] int64."""
    order = np.argsort(graph.cost, kind="stable")
    return _segments(np.ascontiguousarray(graph.pairs[order]), graph.cost[order], count, coarse, least)


@dataclass(frozen=True)
class Tree:
    """A hierarchy of groups: each is a contiguous part of `voxels`."""

    voxels: np.ndarray  # [m] indices, those of a group side by side
    starts: np.ndarray  # [g], of each group in `voxels`
    ends: np.ndarray  # [g]

    def groups(self) -> list[np.ndarray]:
        """The voxel indices of each group."""
        return [self.voxels[start:end] for start, end in zip(self.starts, self.ends, strict=True)]


def merged(points: np.ndarray, labels: np.ndarray, graph: Graph, smooth: float = 1.0, longest: float = 3.5) -> Tree:
    """Merge touching superpoints, the best pair first.

    A pair is better the more of the smaller one's size touches, the better the two fill their common bounding box, and
    the smaller the smaller one is.

    Args:
        points: [M, 3].
        labels: [M], the superpoint of each voxel; -1 for voxels to leave out.
        graph: see `graph_of`.
        smooth: weight of how alike (in normals and colours) the two are where they touch.
        longest: metres; larger groups are not listed.
    """
    inside = np.flatnonzero(labels >= 0)
    if not len(inside):
        return Tree(inside, np.zeros(0, np.int64), np.zeros(0, np.int64))
    used, own = np.unique(labels[inside], return_inverse=True)
    full = np.full(len(points), -1)
    full[inside] = own
    count = len(used)
    first, second = full[graph.pairs[:, 0]], full[graph.pairs[:, 1]]
    touching = (first != second) & (first >= 0) & (second >= 0)
    contact, alike = np.zeros((count, count)), np.zeros((count, count))
    for one, other in ((first[touching], second[touching]), (second[touching], first[touching])):
        np.add.at(contact, (one, other), 1.0)
        np.add.at(alike, (one, other), 1 - np.minimum(graph.cost[touching], 1))
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    np.minimum.at(low, own, points[inside])
    np.maximum.at(high, own, points[inside])
    sizes = np.bincount(own, minlength=count).astype(np.float64)
    joins = _joins(contact, alike, sizes, low - 0.02, high + 0.02, smooth)
    return _tree(inside, own, joins, count, points, longest)


def _tree(
    inside: np.ndarray, own: np.ndarray, joins: np.ndarray, count: int, points: np.ndarray, longest: float
) -> Tree:
    """Order the leaves so that every node's are side by side; joins [j, 2] hold nodes, join i makes node count + i."""
    order = np.argsort(own, kind="stable")
    leaf_starts = np.searchsorted(own[order], np.arange(count + 1))
    parents = np.full(count + len(joins), -1)
    for number, pair in enumerate(joins):
        parents[pair] = count + number
    starts, ends = np.zeros(count + len(joins), np.int64), np.zeros(count + len(joins), np.int64)
    sizes = np.concatenate([np.diff(leaf_starts), np.zeros(len(joins), np.int64)])
    for number, (a, b) in enumerate(joins):
        sizes[count + number] = sizes[a] + sizes[b]
    place = 0
    voxels = np.empty(len(inside), np.int64)
    for root in np.flatnonzero(parents < 0):
        starts[root], ends[root] = place, place + sizes[root]
        place = ends[root]
    for number in range(count + len(joins) - 1, count - 1, -1):
        a, b = joins[number - count]
        starts[a], ends[a] = starts[number], starts[number] + sizes[a]
        starts[b], ends[b] = ends[a], ends[number]
    for leaf in range(count):
        voxels[starts[leaf] : ends[leaf]] = inside[order[leaf_starts[leaf] : leaf_starts[leaf + 1]]]
    low, high = np.empty((len(starts), 3)), np.empty((len(starts), 3))
    ordered = points[voxels]
    for leaf in range(count):
        low[leaf], high[leaf] = ordered[starts[leaf] : ends[leaf]].min(0), ordered[starts[leaf] : ends[leaf]].max(0)
    for number, (a, b) in enumerate(joins):
        low[count + number], high[count + number] = np.minimum(low[a], low[b]), np.maximum(high[a], high[b])
    keep = (high - low).max(1) <= longest
    return Tree(voxels, starts[keep], ends[keep])


@part
def _root(parent, node):  # pragma: no cover - compiled
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled("int64[::1](int64[:,::1], float64[::1], int64, float64, int64)")
def _segments(pairs, cost, count, coarse, least):  # pragma: no cover - compiled
    parent, size, limit = np.arange(count), np.ones(count, np.int64), np.full(count, coarse)
    for e in range(len(pairs)):
        i, j = _root(parent, pairs[e, 0]), _root(parent, pairs[e, 1])
        if i != j and cost[e] <= limit[i] and cost[e] <= limit[j]:
            parent[j] = i
            size[i] += size[j]
            limit[i] = cost[e] + coarse / size[i]
    for e in range(len(pairs)):
        i, j = _root(parent, pairs[e, 0]), _root(parent, pairs[e, 1])
        if i != j and (size[i] < least or size[j] < least):
            parent[j] = i
            size[i] += size[j]
    number, labels, found = np.full(count, -1), np.empty(count, np.int64), 0
    for i in range(count):
        root = _root(parent, i)
        if number[root] < 0:
            number[root] = found
            found += 1
        labels[i] = number[root]
    return labels


@part
def _merit(i, j, contact, alike, sizes, low, high, smooth):  # pragma: no cover - compiled
    small = min(sizes[i], sizes[j])
    one, other, both = 1.0, 1.0, 1.0
    for axis in range(3):
        one *= high[i, axis] - low[i, axis]
        other *= high[j, axis] - low[j, axis]
        both *= max(high[i, axis], high[j, axis]) - min(low[i, axis], low[j, axis])
    fill = min((one + other) / both, 1.2)
    return (
        0.25 * contact[i, j] / np.sqrt(small)
        + fill
        + min(1.0, 5.0 / small)
        + smooth * alike[i, j] / max(contact[i, j], 1.0)
    )


@compiled("int64[:,::1](float64[:,::1], float64[:,::1], float64[::1], float64[:,::1], float64[:,::1], float64)")
def _joins(contact, alike, sizes, low, high, smooth):  # pragma: no cover - compiled
    count = len(sizes)
    node, alive = np.arange(count), np.ones(count, np.bool_)
    best, merit = np.full(count, -1), np.full(count, -1.0)
    joins, made = np.empty((max(count - 1, 0), 2), np.int64), 0
    stale = np.ones(count, np.bool_)
    while True:
        top = -1
        for i in range(count):
            if not alive[i]:
                continue
            if stale[i]:
                best[i], merit[i], stale[i] = -1, -1.0, False
                for j in range(count):
                    if j != i and alive[j] and contact[i, j] > 0:
                        value = _merit(i, j, contact, alike, sizes, low, high, smooth)
                        if value > merit[i]:
                            best[i], merit[i] = j, value
            if best[i] >= 0 and (top < 0 or merit[i] > merit[top]):
                top = i
        if top < 0:
            return joins[:made]
        i, j = min(top, best[top]), max(top, best[top])
        joins[made, 0], joins[made, 1] = node[i], node[j]
        node[i] = count + made
        made += 1
        alive[j] = False
        sizes[i] += sizes[j]
        for axis in range(3):
            low[i, axis], high[i, axis] = min(low[i, axis], low[j, axis]), max(high[i, axis], high[j, axis])
        for k in range(count):
            if alive[k] and k != i and (contact[i, k] > 0 or contact[j, k] > 0):
                contact[i, k] += contact[j, k]
                contact[k, i] = contact[i, k]
                alike[i, k] += alike[j, k]
                alike[k, i] = alike[i, k]
                stale[k] = True
        stale[i] = True
