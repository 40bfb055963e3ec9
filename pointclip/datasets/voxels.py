"""Voxels of a scan: thinning, normals and connected components."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

NEIGHBOURS = 16  # for the estimate of a normal


def voxels_of(points: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the points in each occupied voxel.

    Args:
        points: [N, 3].
        side: of a voxel, in the points' unit.

    Returns:
        Means [M, 3] float64, ordered by cell (x first), and the voxel index of each point [N].
    """
    cells = cells_of(points, side)
    _, owner = np.unique(_keys(cells), return_inverse=True)
    counts = np.bincount(owner)
    means = np.stack([np.bincount(owner, points[:, axis]) for axis in range(3)], axis=1) / counts[:, None]
    return means, owner


def cells_of(points: np.ndarray, side: float) -> np.ndarray:
    """The cell of each point in a grid that starts at the points' minimum: [N, 3] -> [N, 3] int64."""
    return np.floor((points - points.min(0)) / side).astype(np.int64)


def normals_of(points: np.ndarray, tree: cKDTree) -> np.ndarray:
    """Unit normals [M, 3] of points [M, 3], up to sign, from a plane fitted to each point's nearest neighbours."""
    count = min(NEIGHBOURS, len(points))
    _, nearest = tree.query(points, count)
    around = points[nearest.reshape(len(points), count)]  # [M, 16, 3]
    around = around - around.mean(1, keepdims=True)
    _, vectors = np.linalg.eigh(np.einsum("mki,mkj->mij", around, around))
    return vectors[:, :, 0]


def components(points: np.ndarray, side: float, min_cells: int = 1) -> np.ndarray:
    """Connected components of a cloud on a grid; occupied cells are connected if they touch, even at a corner.

    Args:
        points: [N, 3].
        side: of a cell.
        min_cells: a core cell, which may connect others, has at least this many occupied cells among the 27 around and
            including it; with more than 1, components joined by a thin bridge are separated (as in DBSCAN).

    Returns:
        The component of each point [N], numbered from 0; -1 for cells that touch no core cell.
    """
    if not len(points):
        return np.zeros(0, np.int64)
    cells, owner = np.unique(cells_of(points, side), axis=0, return_inverse=True)
    owner = owner.ravel()
    pairs = cKDTree(cells).query_pairs(1, p=np.inf, output_type="ndarray")  # [P, 2]
    core = np.bincount(pairs.ravel(), minlength=len(cells)) + 1 >= min_cells
    both = pairs[core[pairs].all(1)]
    graph = coo_matrix((np.ones(len(both), bool), (both[:, 0], both[:, 1])), shape=(len(cells), len(cells)))
    _, labels = connected_components(graph, directed=False)
    labels = np.where(core, labels, -1)
    for one, other in ((0, 1), (1, 0)):  # a cell on the rim joins its neighbour of highest label
        rim = pairs[core[pairs[:, one]] & ~core[pairs[:, other]]]
        np.maximum.at(labels, rim[:, other], labels[rim[:, one]])
    numbers = np.full(labels.max() + 2, -1, np.int64)
    used = np.unique(labels[labels >= 0])
    numbers[used] = np.arange(len(used))
    return numbers[labels][owner]


def _keys(cells: np.ndarray) -> np.ndarray:
    """One number per cell, in the order of the cells."""
    spans = cells.max(0) + 1
    return (cells[:, 0] * spans[1] + cells[:, 1]) * spans[2] + cells[:, 2]
