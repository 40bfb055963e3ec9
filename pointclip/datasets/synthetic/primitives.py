"""Triangle mesh primitives to build shapes from, and uniform sampling of their surfaces.

Everything is a loft (connected rings of points) or a sheet (connected rows of points), so that a mesh is two arrays and
a complete shape can be sampled at once. Lengths are in any unit, y is up, angles are in radians.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

TAU = 2 * np.pi
_CUBE = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])  # [8, 3]
_CUBE_FACES = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]),
        *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ]
)  # [12, 3]


class Mesh(NamedTuple):
    """A triangle mesh; degenerate triangles are allowed."""

    vertices: np.ndarray  # [V, 3] float64
    faces: np.ndarray  # [F, 3] int64, indices into vertices


@lru_cache(maxsize=256)
def _grid_faces(rows: int, columns: int, closed: bool, caps: bool) -> np.ndarray:
    """Triangles of a grid of points, row by row; with `caps`, also fans that join the end rows to two extra points."""
    row = np.arange(rows - 1)[:, None] * columns
    here = np.arange(columns if closed else columns - 1)
    there = (here + 1) % columns
    a, b, c, d = row + here, row + there, row + columns + there, row + columns + here  # each [rows - 1, columns]
    faces = [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    if caps:
        last, first = (rows - 1) * columns, rows * columns
        faces.append(np.stack([there, here, np.full_like(here, first)], -1))
        faces.append(np.stack([last + here, last + there, np.full_like(here, first + 1)], -1))
    return np.concatenate(faces)


@lru_cache(maxsize=64)
def circle(count: int, sweep: float = TAU) -> np.ndarray:
    """Points [count, 2] = (cos, sin) on the unit circle starting at angle 0; an arc includes its end point."""
    angles = np.linspace(0, sweep, count, endpoint=sweep != TAU)
    return np.stack([np.cos(angles), np.sin(angles)], -1)


def loft(rings: np.ndarray, caps: bool = True) -> Mesh:
    """The surface through closed rings [R, K, 3] of points, its two ends closed unless `caps` is off."""
    rows, columns, _ = rings.shape
    vertices = rings.reshape(-1, 3)
    if caps:
        vertices = np.concatenate([vertices, rings[[0, -1]].sum(1) / columns])
    return Mesh(vertices, _grid_faces(rows, columns, True, caps))


def sheet(rows: np.ndarray) -> Mesh:
    """The open surface through rows [R, K, 3] of points."""
    return Mesh(rows.reshape(-1, 3), _grid_faces(rows.shape[0], rows.shape[1], False, False))


def box(size, centre=(0, 0, 0)) -> Mesh:
    """A box of `size` (x, y, z) around `centre`."""
    return Mesh(_CUBE * size + centre, _CUBE_FACES)


def revolve(profile, centre=(0, 0, 0), segments: int = 20, axis: str = "y") -> Mesh:
    """The open surface of revolution of a profile [P, 2] of (radius, height) about `axis` through `centre`."""
    profile, ring = np.asarray(profile, float), circle(segments)
    rings = np.empty((len(profile), segments, 3))
    rings[:, :, 0] = profile[:, :1] * ring[:, 0]
    rings[:, :, 1] = profile[:, 1:]
    rings[:, :, 2] = profile[:, :1] * ring[:, 1]
    order = {"x": [1, 2, 0], "y": [0, 1, 2], "z": [2, 0, 1]}[axis]  # the old axis that each new one is
    return loft(rings[:, :, order] + centre, caps=False)


def cylinder(radius: float, height: float, centre=(0, 0, 0), axis: str = "y", top: float | None = None) -> Mesh:
    """A closed cylinder around `centre`, or a frustum if the radius at its upper end, `top`, differs."""
    half, top = height / 2, radius if top is None else top
    return revolve([(0, -half), (radius, -half), (top, half), (0, half)], centre, axis=axis)


def torus(radius: float, thickness: float, centre=(0, 0, 0), axis: str = "y", width: float = 1.0) -> Mesh:
    """A ring of `radius` whose section is an ellipse with half-axes `thickness` (outward) and width · thickness."""
    section = circle(9, TAU * 0.999999) * (thickness, width * thickness) + (radius, 0)
    return revolve(section, centre, axis=axis, segments=24)


def ellipsoid(radii, centre=(0, 0, 0), power: float = 1.0, top_only: bool = False) -> Mesh:
    """An ellipsoid with half-axes `radii`; as `power` approaches 0 it becomes a box with rounded edges."""
    height = np.linspace(0 if top_only else -0.25, 0.25, 6 if top_only else 9) * TAU
    across, up, ring = _signed(np.cos(height), power), _signed(np.sin(height), power), _signed(circle(20), power)
    rings = np.empty((len(height), 20, 3))
    rings[:, :, 0] = across[:, None] * ring[:, 0]
    rings[:, :, 1] = up[:, None]
    rings[:, :, 2] = across[:, None] * ring[:, 1]
    return loft(rings * radii + centre, caps=False)


def _signed(values: np.ndarray, power: float) -> np.ndarray:
    if power == 1.0:
        return values
    return np.sign(values) * np.abs(values) ** power


def tube(path, radius, sides: int = 8, flat: float = 1.0, power: float = 1.0) -> Mesh:
    """A closed tube along a path [P, 3].

    Args:
        radius: half the thickness, a number, or one per point of the path.
        sides: number of corners of the cross section.
        flat: ratio of the thickness across the plane of the path to the thickness within it.
        power: 1 for a round cross section, towards 0 for a square one (with 8 sides or more).
    """
    path = np.asarray(path, float)
    tangent = np.empty_like(path)
    tangent[1:-1] = path[2:] - path[:-2]
    tangent[0], tangent[-1] = path[1] - path[0], path[-1] - path[-2]
    tangent /= np.sqrt((tangent * tangent).sum(1, keepdims=True)) + 1e-12
    normal = int(np.abs(tangent).max(0).argmin())  # the axis that the path follows least
    one, two = (normal + 1) % 3, (normal + 2) % 3
    side = np.zeros_like(tangent)  # tangent × axis, of unit length
    side[:, one], side[:, two] = tangent[:, two], -tangent[:, one]
    side /= np.sqrt((side * side).sum(1, keepdims=True)) + 1e-12
    other = side[:, [1, 2, 0]] * tangent[:, [2, 0, 1]] - side[:, [2, 0, 1]] * tangent[:, [1, 2, 0]]
    ring = _signed(circle(sides), power)
    spread = side[:, None] * ring[:, :1] + other[:, None] * (flat * ring[:, 1:])  # [P, sides, 3]
    return loft(path[:, None] + np.broadcast_to(radius, len(path))[:, None, None] * spread)


def rod(start, end, radius: float, end_radius: float | None = None, square: bool = False) -> Mesh:
    """A straight bar between two points, round or square, optionally tapered."""
    radii = (radius, radius if end_radius is None else end_radius)
    return tube((start, end), radii, power=0.35 if square else 1.0)


def plate(edge, other_edge, thickness) -> Mesh:
    """A closed plate between two polylines [P, 3]; `thickness` is a vector [3], or one for every point [P, 3]."""
    edge, other_edge = np.asarray(edge, float), np.asarray(other_edge, float)
    half = np.broadcast_to(np.asarray(thickness, float) / 2, edge.shape)
    return loft(np.stack([edge + half, other_edge + half, other_edge - half, edge - half], 1))


def bend(points, count: int = 16) -> np.ndarray:
    """A Bézier curve [count, 3] from the first to the last of a few points, with those between as control points."""
    points = np.asarray(points, float)
    t = np.linspace(0, 1, count)[:, None]
    level = np.broadcast_to(points[:, None], (len(points), count, points.shape[-1]))
    while len(level) > 1:
        level = level[:-1] * (1 - t) + level[1:] * t
    return level[0]


def move(mesh: Mesh, shift) -> Mesh:
    """The mesh translated by a vector."""
    return Mesh(mesh.vertices + shift, mesh.faces)


def turn(mesh: Mesh, axis: int, angle: float, about=(0, 0, 0)) -> Mesh:
    """The mesh rotated (right-handed) about an axis (0 x, 1 y, 2 z) through the point `about`."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    rotation = np.eye(3)
    rotation[i, i] = rotation[j, j] = np.cos(angle)
    rotation[j, i] = np.sin(angle)
    rotation[i, j] = -rotation[j, i]
    return Mesh((mesh.vertices - about) @ rotation.T + about, mesh.faces)


def mirror(mesh: Mesh, axis: int = 0) -> Mesh:
    """The mesh mirrored at the plane through the origin perpendicular to an axis."""
    sign = np.ones(3)
    sign[axis] = -1
    return Mesh(mesh.vertices * sign, mesh.faces)


def divide(mesh: Mesh, chosen) -> tuple[Mesh, Mesh]:
    """Split a mesh: the faces for which `chosen(centres [F, 3], normals [F, 3])` is true, and the others."""
    corners = mesh.vertices[mesh.faces]  # [F, 3 corners, 3]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    mask = chosen(corners.mean(1), normals)
    return _loose(corners[mask]), _loose(corners[~mask])


def _loose(corners: np.ndarray) -> Mesh:
    """A mesh of triangles [F, 3 corners, 3] without shared vertices, so that no vertex is left unused."""
    return Mesh(corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3))


def join(meshes: list[Mesh]) -> tuple[Mesh, np.ndarray]:
    """Concatenate meshes; also returns, for each face [F], the index of the mesh it belongs to."""
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    vertices = np.concatenate([mesh.vertices for mesh in meshes])
    faces = np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)])
    return Mesh(vertices, faces), np.repeat(np.arange(len(meshes)), [len(mesh.faces) for mesh in meshes])


def sample(mesh: Mesh, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sample points uniformly from a mesh's surface.

    Points are drawn independently, so a smaller sample is a prefix of a larger one.

    Returns:
        points [count, 3] float64, and the index of the face [count] that each one lies on.
    """
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))  # each [F, 3]
    ab, ac = b - a, c - a
    areas = _lengths_of_cross(ab, ac)
    draw = rng.random((count, 3))
    upto = np.cumsum(areas)
    face = np.minimum(np.searchsorted(upto, draw[:, 0] * upto[-1], side="right"), len(areas) - 1)
    root = np.sqrt(draw[:, 1:2])
    return a[face] + root * ((1 - draw[:, 2:]) * ab[face] + draw[:, 2:] * ac[face]), face


def _lengths_of_cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    x = a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]
    y = a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]
    z = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return np.sqrt(x * x + y * y + z * z)
