"""The content of a shape file of any format: points, and optionally triangles."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.colours import is_colour
from pointclip.errors import InputError

COLOURS = ("red", "green", "blue")  # fields of a point
MESH_POINTS = 2048  # sampled from a mesh by default


@dataclass(frozen=True)
class Reading:
    """How files are read."""

    columns: tuple[str, ...] = ()  # of x, y and z in tables; see `parse_columns`
    fields: bool = False  # whether the points' other fields are read too
    colours: bool = False  # whether of those their colours are

    @property
    def more(self) -> bool:
        """Whether anything besides x, y and z is read."""
        return self.fields or self.colours

    def wants(self, name: str) -> bool:
        """Whether a point's field of this name is read."""
        return self.fields or (self.colours and is_colour(name))


PLAIN = Reading()


@dataclass(frozen=True)
class Geometry:
    """A cloud, or a mesh if there are triangles."""

    points: np.ndarray  # [N, 3] float64; a mesh's vertices
    triangles: np.ndarray | None = None  # [T, 3] int64, rows of `points`
    notes: tuple[str, ...] = ()  # on changes made to the data
    nodes: tuple[str, ...] = ()  # names of the objects in a scene; () if there is no more than the shape itself
    node_of: np.ndarray | None = None  # [T] or of a cloud [N] int, index into `nodes`
    organised: bool = False  # whether a cloud's points are the pixels of a depth camera
    fields: Mapping[str, np.ndarray] = field(default_factory=dict)  # name -> [N], if they were asked for
    rows: np.ndarray | None = None  # [N] int, of a piece of a cloud, the file's points; None for all


def fans(counts: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Triangles of polygons, as fans around each polygon's first corner.

    Args:
        counts: [F] corners of each polygon.
        corners: [counts.sum()] their vertices, polygon after polygon.

    Returns:
        [T, 3] int64. Polygons with fewer than three corners are skipped.
    """
    counts = counts.astype(np.int64)
    first = np.repeat(np.cumsum(counts) - counts, np.maximum(counts - 2, 0))  # [T], place of the fan's middle
    ahead = np.maximum(counts - 2, 0)
    step = np.arange(ahead.sum()) - np.repeat(np.cumsum(ahead) - ahead, ahead)  # [T], 0, 1, … in each polygon
    corners = corners.astype(np.int64)
    return np.stack((corners[first], corners[first + step + 1], corners[first + step + 2]), axis=1)


def check_whole(corners: np.ndarray, path: Path) -> None:
    """Raise an InputError if the corners of faces, as numbers in a file, are not whole."""
    wrong = corners[~(np.isfinite(corners) & (corners == np.floor(corners)))]
    if len(wrong):
        raise InputError(f"{path} has a face with the corner {wrong[0]:g}, which is not an integer; export it again.")


def check_triangles(triangles: np.ndarray, vertices: int, path: Path) -> None:
    """Raise an InputError if a triangle [T, 3] refers to a missing vertex."""
    wrong = triangles[(triangles < 0) | (triangles >= vertices)]
    if len(wrong):
        raise InputError(
            f"{path} has a face with vertex {wrong[0]}, but its {vertices} vertices count from 0; export it again."
        )


def join(parts: Sequence[tuple[str, Geometry]]) -> Geometry:
    """Merge the geometries of nodes by name; loose points and lines are dropped if there are triangles."""
    meshes = [(name, part) for name, part in parts if part.triangles is not None and len(part.triangles)]
    chosen = meshes or [(name, part) for name, part in parts if len(part.points)]
    names = list(dict.fromkeys(name for name, _ in chosen))
    sizes = [len(part.points) if part.triangles is None or not meshes else len(part.triangles) for _, part in chosen]
    node_of = np.repeat(np.array([names.index(name) for name, _ in chosen], np.int64), sizes)
    points = np.concatenate([np.zeros((0, 3)), *(part.points for _, part in chosen)])
    if not meshes:
        return Geometry(points, nodes=tuple(names), node_of=node_of)
    starts = np.cumsum([0, *(len(mesh.points) for _, mesh in meshes)])
    triangles = [mesh.triangles + start for (_, mesh), start in zip(meshes, starts, strict=False)]
    return Geometry(points, np.concatenate(triangles), nodes=tuple(names), node_of=node_of)


def unique(name: str, given: Counter) -> str:
    """The name, with a number if it has been `given` before."""
    own = name
    while own in given:
        given[name] += 1
        own = f"{name}_{given[name]}"
    given[own] = 1
    return own


def sample_surface(mesh: Geometry, count: int, rng: np.random.Generator, name: str) -> tuple[Geometry, np.ndarray]:
    """Sample points uniformly from a mesh's triangles; those with NaN corners are dropped and counted.

    `name` is the shape's, for messages.

    Returns:
        The points, and the triangle [count] on which each lies.
    """
    import trimesh  # imported here since it is slow and often not needed

    assert mesh.triangles is not None
    infinite = np.isinf(mesh.points).any(axis=1)
    if infinite.any() and (faces := infinite[mesh.triangles].any(axis=1).sum()):
        raise InputError(f"{name} has infinite coordinates in {faces} of {len(mesh.triangles)} faces; export it again.")
    bad = np.isnan(mesh.points).any(axis=1)[mesh.triangles].any(axis=1)  # [T]
    notes = mesh.notes
    if bad.any():
        notes += (f"{bad.sum()} of {len(bad)} faces have NaN corners and were dropped.",)
    surface = trimesh.Trimesh(mesh.points, mesh.triangles[~bad], process=False)
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        area = surface.area
    if not 0 < area < np.inf:
        raise InputError(f"{name} has faces but no surface to sample: their area is {area}.")
    points, faces = trimesh.sample.sample_surface(surface, count, seed=rng)
    return Geometry(np.asarray(points), notes=notes), np.flatnonzero(~bad)[faces]
