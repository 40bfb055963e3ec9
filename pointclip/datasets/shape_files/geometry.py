"""What a shape file holds, whatever its format: points, and perhaps triangles between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pointclip.errors import InputError

MESH_POINTS = 2048  # sampled from a mesh when the caller names no number


@dataclass(frozen=True)
class Geometry:
    """A cloud, or a mesh where there are triangles."""

    points: np.ndarray  # [N, 3] float64; a mesh's vertices
    triangles: np.ndarray | None = None  # [T, 3] int64, rows of `points`
    notes: tuple[str, ...] = ()  # what was done to the data on the way


def fans(counts: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Triangles of polygons, as fans around each polygon's first corner.

    Args:
        counts: [F] corners of each polygon.
        corners: [counts.sum()] their vertices, polygon after polygon.

    Returns:
        [T, 3] int64. Polygons of fewer than three corners give none.
    """
    counts = counts.astype(np.int64)
    first = np.repeat(np.cumsum(counts) - counts, np.maximum(counts - 2, 0))  # [T], place of the fan's middle
    ahead = np.maximum(counts - 2, 0)
    step = np.arange(ahead.sum()) - np.repeat(np.cumsum(ahead) - ahead, ahead)  # [T], 0, 1, … in each polygon
    corners = corners.astype(np.int64)
    return np.stack((corners[first], corners[first + step + 1], corners[first + step + 2]), axis=1)


def check_triangles(triangles: np.ndarray, vertices: int, path: Path) -> None:
    """Raise an InputError if a triangle [T, 3] names a vertex that the file has not."""
    wrong = triangles[(triangles < 0) | (triangles >= vertices)]
    if len(wrong):
        raise InputError(
            f"{path} has a face with vertex {wrong[0]}, but its {vertices} vertices count from 0; export it again."
        )


def join(parts: Sequence[Geometry]) -> Geometry:
    """Several geometries as one; loose points and lines are left out where there are triangles."""
    meshes = [part for part in parts if part.triangles is not None and len(part.triangles)]
    if not meshes:
        return Geometry(np.concatenate([np.zeros((0, 3)), *(part.points for part in parts)]))
    starts = np.cumsum([0, *(len(mesh.points) for mesh in meshes)])
    triangles = [mesh.triangles + start for mesh, start in zip(meshes, starts, strict=False)]
    return Geometry(np.concatenate([mesh.points for mesh in meshes]), np.concatenate(triangles))


def sample_surface(mesh: Geometry, count: int, rng: np.random.Generator, path: Path) -> Geometry:
    """Points spread evenly over a mesh's triangles; those with a corner that is NaN are left out and counted."""
    import trimesh  # here, as it is slow to import and many runs need none of it

    bad = np.isnan(mesh.points).any(axis=1)[mesh.triangles].any(axis=1)  # [T]
    notes = mesh.notes
    if bad.any():
        notes += (f"{bad.sum()} of {len(bad)} faces have a corner that is NaN and were left out.",)
    surface = trimesh.Trimesh(mesh.points, mesh.triangles[~bad], process=False)
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        area = surface.area
    if not 0 < area < np.inf:
        raise InputError(f"{path} has faces but no surface to sample: their area is {area}.")
    points, _ = trimesh.sample.sample_surface(surface, count, seed=rng)
    return Geometry(np.asarray(points), notes=notes)
