"""Voxels of a scan: thinning, normals and connected pieces."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

NEIGHBOURS = 16  # of a normal


def voxels_of(points: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the points in each occupied voxel.

    Args:
        points: [N, 3].
        side: of a voxel, in the points' unit.

    Returns:
        Means [M, 3] float64, in the order of their cells (x first), and the voxel of each point [N].
    """
    cells = cells_of(points, side)
    _, owner = np.unique(_keys(cells), return_inverse=True)
    counts = np.bincount(owner)
    means = np.stack([np.bincount(owner, points[:, axis]) for axis in range(3)], axis=1) / counts[:, None]
    return means, owner


def cells_of(points: np.ndarray, side: float) -> np.ndarray:
    """The cell of each point in a grid whose first corner is the points' lowest: [N, 3] -> [N, 3] int64."""
    return np.floor((points - points.min(0)) / side).astype(np.int64)


def normals_of(points: np.ndarray, tree: cKDTree) -> np.ndarray:
    """Unit normals [M, 3] of points [M, 3], up to their sign, from the plane through their nearest neighbours."""
    count = min(NEIGHBOURS, len(points))
    _, nearest = tree.query(points, count)
    around = points[nearest.reshape(len(points), count)]  # [M, 16, 3]
    around = around - around.mean(1, keepdims=True)
    _, vectors = np.linalg.eigh(np.einsum("mki,mkj->mij", around, around))
    return vectors[:, :, 0]


def pieces(points: np.ndarray, side: float, crowd: int = 1) -> np.ndarray:
    """Connected pieces of a cloud, on a grid: occupied cells that touch, also at a corner, belong together.

    Args:
        points: [N, 3].
        side: of a cell.
        crowd: how many occupied cells among the 27 around a cell, itself included, let it connect others; with more
            than
            1, pieces that only a thin bridge joins fall apart (as in DBSCAN).

    Returns:
        The piece of each point [N], numbered from 0; -1 for what touches no crowded cell.
    """
    if not len(points):
        return np.zeros(0, np.int64)
    cells, owner = np.unique(cells_of(points, side), axis=0, return_inverse=True)
    owner = owner.ravel()
    pairs = cKDTree(cells).query_pairs(1, p=np.inf, output_type="ndarray")  # [P, 2]
    crowded = np.bincount(pairs.ravel(), minlength=len(cells)) + 1 >= crowd
    both = pairs[crowded[pairs].all(1)]
    graph = coo_matrix((np.ones(len(both), bool), (both[:, 0], both[:, 1])), shape=(len(cells), len(cells)))
    _, labels = connected_components(graph, directed=False)
    labels = np.where(crowded, labels, -1)
    for one, other in ((0, 1), (1, 0)):  # the rim of a piece goes to the neighbour of highest number
        rim = pairs[crowded[pairs[:, one]] & ~crowded[pairs[:, other]]]
        np.maximum.at(labels, rim[:, other], labels[rim[:, one]])
    numbers = np.full(labels.max() + 2, -1, np.int64)
    used = np.unique(labels[labels >= 0])
    numbers[used] = np.arange(len(used))
    return numbers[labels][owner]


def _keys(cells: np.ndarray) -> np.ndarray:
    """One number a cell, in the cells' order."""
    spans = cells.max(0) + 1
    return (cells[:, 0] * spans[1] + cells[:, 1]) * spans[2] + cells[:, 2]
