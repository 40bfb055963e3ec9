"""Pieces of a file with several objects: the nodes of a scene, or what is connected."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from pointclip.datasets.shape_files.geometry import Geometry
from pointclip.errors import InputError

MIN_POINTS = 16  # of a cloud's piece
GAP = 8.0  # between pieces of a cloud, in distances of neighbouring points
SPACING_POINTS = 10_000  # from which that distance is estimated


@dataclass(frozen=True)
class Split:
    """How a file is split, and which pieces are read."""

    by: str  # "nodes" of a scene, connected "parts", or "auto": nodes if there are several, otherwise parts
    max_pieces: int = 100  # of a file, the largest
    min_extent: float = 0.02  # extent of a piece, as a share of the largest one's


@dataclass(frozen=True)
class Piece:
    """One piece, in the file's own frame."""

    name: str  # unique in its file; "" for the whole file
    geometry: Geometry | None  # None if it is left out
    reason: str = ""  # why it is left out


def pieces_of(geometry: Geometry, split: Split) -> list[Piece]:
    """The pieces of a file's content in order; one that is too small or beyond `split.max_pieces` has a reason instead.

    Nodes keep their order; connected parts are "part1", "part2" … from the largest on. Triangles are connected by
    vertices at the same place, points by distances of at most `GAP` times that of neighbours.

    Raises:
        InputError: for nodes of a file that has none.
    """
    if split.by == "nodes" and not geometry.nodes:
        raise InputError("It has no nodes to split it by; use --split parts.")
    if split.by == "nodes" or (split.by == "auto" and len(geometry.nodes) > 1):
        names, numbers = geometry.nodes, geometry.node_of
    else:
        names, numbers = (), _connected(geometry)
    assert numbers is not None  # nodes have them
    geometries = [_subset(geometry, rows) for rows in _groups(numbers)]
    if len(geometries) < 2:
        return [Piece("", geometry)]
    extents = np.array([_extent(piece.points) for piece in geometries])
    order = np.argsort(-extents, kind="stable")
    if not names:
        geometries, extents, order = [geometries[i] for i in order], extents[order], np.arange(len(order))
        names = [f"part{number}" for number in range(1, len(geometries) + 1)]
    chosen = set(order[: split.max_pieces].tolist())
    return [
        _piece(name, piece, extent / max(extents.max(), 1e-300), i in chosen, split)
        for i, (name, piece, extent) in enumerate(zip(names, geometries, extents, strict=True))
    ]


def _piece(name: str, geometry: Geometry, share: float, chosen: bool, split: Split) -> Piece:
    reason = ""
    if share < split.min_extent:
        reason = f"its extent is {100 * share:.3g} % of the largest piece's; SPLIT.MIN_EXTENT is {split.min_extent:g}"
    elif geometry.triangles is None and len(geometry.points) < MIN_POINTS:
        reason = f"it has {len(geometry.points)} point(s); a piece of a cloud needs {MIN_POINTS}"
    elif not chosen:
        reason = f"it is not among the {split.max_pieces} largest pieces; raise SPLIT.MAX_PIECES to read it"
    return Piece(name, None if reason else geometry, reason)


def _groups(numbers: np.ndarray) -> list[np.ndarray]:
    """The rows of each number, in the order of numbers; negative ones are left out."""
    order = np.argsort(numbers, kind="stable")
    order = order[np.count_nonzero(numbers < 0) :]
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)


def _subset(geometry: Geometry, rows: np.ndarray) -> Geometry:
    """Some triangles with their vertices, or some points."""
    if geometry.triangles is None:
        fields = {name: values[rows] for name, values in geometry.fields.items()}
        return Geometry(geometry.points[rows], notes=geometry.notes, fields=fields, rows=rows)
    used, triangles = np.unique(geometry.triangles[rows], return_inverse=True)
    fields = {name: values[used] for name, values in geometry.fields.items()}
    return Geometry(geometry.points[used], triangles.reshape(-1, 3), notes=geometry.notes, fields=fields)


def _extent(points: np.ndarray) -> float:
    """The diagonal of the bounding box of points [N, 3]; NaN is ignored."""
    sound = points[np.isfinite(points).all(axis=1)]
    return float(np.linalg.norm(np.ptp(sound, axis=0))) if len(sound) else 0.0


def _connected(geometry: Geometry) -> np.ndarray:
    """The connected component of each triangle [T], or of each point [N] of a cloud; -1 for points with NaN."""
    if geometry.triangles is None:
        return _connected_points(geometry.points)
    _, place = np.unique(geometry.points, axis=0, return_inverse=True)
    corners = place.reshape(-1)[geometry.triangles]
    edges = np.concatenate([corners[:, :2], corners[:, 1:]])
    return _components(edges, int(corners.max()) + 1)[corners[:, 0]]


def _connected_points(points: np.ndarray) -> np.ndarray:
    """Points are connected through cells of a grid that touch; a cell's side is `GAP` distances of neighbours."""
    sound = np.isfinite(points).all(axis=1)
    known = points[sound]
    numbers = np.full(len(points), -1)
    if len(known) < 2:
        return numbers
    apart = _distances(known)
    if not apart.any():  # every point is there twice, as in scans that were merged with themselves
        apart = _distances(np.unique(known, axis=0))
    spacing = np.median(apart[apart > 0]) if apart.any() else 0.0
    side = max(GAP * spacing, _extent(known) / 1e6, 1e-300) / 2  # points of cells that touch are about two sides apart
    cells, place = np.unique(np.floor((known - known.min(axis=0)) / side).astype(np.int64), axis=0, return_inverse=True)
    pairs = cKDTree(cells).query_pairs(1.5, p=np.inf, output_type="ndarray")
    numbers[sound] = _components(pairs, len(cells))[place.reshape(-1)]
    return numbers


def _distances(points: np.ndarray) -> np.ndarray:
    """The distances of some points to their nearest neighbours; 0 for points that are there twice."""
    if len(points) < 2:
        return np.zeros(0)
    sample = points[np.unique(np.linspace(0, len(points) - 1, min(len(points), SPACING_POINTS)).astype(int))]
    return cKDTree(points, balanced_tree=False, compact_nodes=False).query(sample, k=2)[0][:, 1]


def _components(edges: np.ndarray, count: int) -> np.ndarray:
    """The component [count] of each of the things that edges [E, 2] connect."""
    graph = coo_array((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]
