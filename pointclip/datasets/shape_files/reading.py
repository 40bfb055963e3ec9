"""One shape from a file of any known format."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pointclip.datasets.axes import check_up, to_y_up
from pointclip.datasets.base import Shape
from pointclip.datasets.outliers import gathered, in_words
from pointclip.datasets.shape_files import packed
from pointclip.datasets.shape_files.arrays import read_npy, read_npz
from pointclip.datasets.shape_files.colours import colours_of
from pointclip.datasets.shape_files.columns import parse_columns
from pointclip.datasets.shape_files.geometry import MESH_POINTS, PLAIN, Geometry, Reading, sample_surface
from pointclip.datasets.shape_files.gltf import read_gltf
from pointclip.datasets.shape_files.las import read_las
from pointclip.datasets.shape_files.obj import read_obj
from pointclip.datasets.shape_files.off import read_off
from pointclip.datasets.shape_files.pcd import read_pcd
from pointclip.datasets.shape_files.ply import read_ply
from pointclip.datasets.shape_files.standing import guess_of, near_origin
from pointclip.datasets.shape_files.stl import read_stl
from pointclip.datasets.shape_files.text import read_text
from pointclip.errors import InputError
from pointclip.utils.counts import check_num_points
from pointclip.utils.file_errors import HEAD_BYTES, cannot_open, check_not_placeholder

_READERS: dict[str, Callable[[bytes, Path, Reading], Geometry]] = {
    ".ply": read_ply,
    ".obj": read_obj,
    ".off": read_off,
    ".stl": read_stl,
    ".glb": read_gltf,
    ".gltf": read_gltf,
    ".pcd": read_pcd,
    ".las": read_las,
    ".laz": read_las,
    ".npy": read_npy,
    ".npz": read_npz,
    **dict.fromkeys((".xyz", ".txt", ".csv", ".pts", ".asc"), read_text),
}


def read_shape(
    path: str | Path, num_points: int | None = None, up: str = "y", seed: int = 0, columns: str = ""
) -> Shape:
    """Read one shape.

    Meshes and scenes (.ply .obj .off .stl .glb .gltf) are sampled uniformly over their surface, with polygons as
    fans and scene transforms applied; in a scene with meshes, loose points and lines are dropped. Clouds (.ply .pcd
    .las .laz .npy .npz, and as text .xyz .txt .csv .pts .asc) are read unchanged; if there are more points than
    `num_points`, a random subset is drawn. Tables without names have x, y, z in their first three columns. A .gz or
    .zip file with one shape is unpacked. Coordinates too large for float32 precision (as in surveys) are shifted
    towards the origin first.

    Rows with NaN are dropped, with a note; `kept` marks the others unless a subset is drawn.

    Args:
        path: the file; its extension determines the format.
        num_points: number of points to sample, or maximum number; None for a full cloud, or 2048 from a mesh.
        up: the axis that points up in the file, such as "z" or "-y"; the shape is rotated to y up. "auto" guesses it
            (see `pointclip.datasets.up_axis`), with a note.
        seed: for sampling; the result is deterministic for a file and seed.
        columns: of x, y and z in text files and arrays, as numbers from 1 or as names, such as "2,3,4"; by default
            those with such names, or the first three.

    Returns:
        A `Shape` with label -1, named by its path. Infinite values are kept.

    Raises:
        InputError: if the file is missing, empty, truncated, damaged, not supported, or has no points.
    """
    path = Path(path)
    check_up(up, auto=True)
    check_num_points(num_points)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"The seed is {seed!r}; expected an integer of at least 0.")
    geometry = read_geometry(path, Reading(parse_columns(columns)))
    shape = take(geometry, printable(path), num_points, seed).shape
    if up != "auto":
        return stand(shape, up)
    guess = guess_of(geometry, ending_of(path))
    return replace(stand(shape, guess.axis), notes=(*shape.notes, guess.words))


@dataclass(frozen=True)
class Taken:
    """A shape, and where its points are in its file."""

    shape: Shape  # with the file's axes
    geometry: Geometry  # the content of the file in its own frame
    rows: np.ndarray | None  # [N] int, the file's point (vertex) that each point is; -1 for none, None for the same
    faces: np.ndarray | None  # [N] int, the triangle on which each point lies; -1 for none, None for a cloud


def take(
    geometry: Geometry,
    name: str,
    num_points: int | None = None,
    seed: int = 0,
    every_vertex: bool = False,
    outliers: str = "off",
) -> Taken:
    """Make a shape of a file's content; see `read_shape`.

    Args:
        name: the shape's, also for messages.
        every_vertex: whether a mesh's points are, besides those sampled, the centres of its triangles and its vertices.
        outliers: which outliers of a cloud are moved onto their neighbours, see `pointclip.datasets.outliers.gathered`;
            a mesh has no stray points.

    Raises:
        InputError: for content without valid points.
    """
    rng = np.random.default_rng(seed)
    own, faces = geometry, None
    if geometry.triangles is not None and len(geometry.triangles):
        geometry, faces = sample_surface(own, num_points or MESH_POINTS, rng, name)
        rows, kept = np.full(len(faces), -1), None
        if every_vertex:
            geometry, rows, faces = _with_vertices(own, geometry, faces)
    else:
        geometry, kept = _without_nan(geometry)
        rows = None if kept is None else np.flatnonzero(kept)
    points = geometry.points  # [M, 3]
    if np.isnan(points).any():
        raise InputError(f"{name} has no valid points: all its {len(points)} rows have NaN.")
    if not len(points):
        raise InputError(f"{name} has no points; is it the right file?")
    if faces is None and num_points is not None and len(points) > num_points:
        chosen = np.sort(rng.choice(len(points), num_points, replace=False))
        points, rows, kept = points[chosen], chosen if rows is None else rows[chosen], None
    points, stray = gathered(points, outliers) if faces is None else (points, 0)
    with np.errstate(over="ignore"):  # values too large for float32 become inf, which callers check
        points, offset, notes = near_origin(points)
        points = points.astype(np.float32)
    notes = (*geometry.notes, *([in_words(stray, len(points))] if stray else []), *notes)
    points, x_y_z = np.ascontiguousarray(points), tuple(offset.tolist())
    shape = Shape(points, -1, name, kept=kept, notes=notes, offset=x_y_z, outliers=stray)
    return Taken(shape, own, rows, faces)


def colours_of_points(taken: Taken) -> np.ndarray | None:
    """The colours [N, 3] uint8 of a shape's points, where its file was read with them and has them.

    A point sampled from a mesh has that of the nearest corner of its triangle.
    """
    geometry, points = taken.geometry, taken.shape.points
    colours = colours_of(geometry.fields)
    if colours is None or taken.faces is None:
        return colours if colours is None or taken.rows is None else colours[taken.rows]
    assert geometry.triangles is not None
    corners = geometry.triangles[taken.faces]  # [N, 3]
    away = geometry.points[corners] - np.asarray(taken.shape.offset) - points[:, None]
    nearest = np.square(away).sum(axis=2).argmin(axis=1)
    return colours[corners[np.arange(len(corners)), nearest]]


def stand(shape: Shape, up: str) -> Shape:
    """A shape with its file's axes, turned so that the axis `up` becomes y."""
    return shape if up == "y" else replace(shape, points=np.ascontiguousarray(to_y_up(shape.points, up)))


def ending_of(path: Path) -> str:
    """A file's extension in lower case, of a packed file that of its content: ".las" of "a.las.gz"."""
    return Path(path.stem if path.suffix.lower() in packed.ENDINGS else path.name).suffix.lower()


def _with_vertices(mesh: Geometry, sampled: Geometry, faces: np.ndarray) -> tuple[Geometry, np.ndarray, np.ndarray]:
    """The sampled points, the centres of all triangles without NaN, and their vertices, with their rows and faces."""
    sound = np.flatnonzero(~np.isnan(mesh.points).any(axis=1)[mesh.triangles].any(axis=1))
    assert mesh.triangles is not None
    used = np.unique(mesh.triangles[sound])
    points = np.concatenate([sampled.points, mesh.points[mesh.triangles[sound]].mean(axis=1), mesh.points[used]])
    rows = np.concatenate([np.full(len(faces) + len(sound), -1), used])
    faces = np.concatenate([faces, sound, np.full(len(used), -1)])
    return Geometry(points, notes=sampled.notes), rows, faces


ENDINGS = (*_READERS, *packed.ENDINGS)  # extensions supported by `read_shape`


def printable(path: Path) -> str:
    """The path as printable text, even if its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", errors="replace")


def read_geometry(path: Path, reading: Reading = PLAIN) -> Geometry:
    """The content of the file, after checking its type."""
    data, path = read_bytes(path)
    return _READERS[path.suffix.lower()](data, path, reading)


def read_bytes(path: Path) -> tuple[bytes, Path]:
    """The bytes of a shape file, unpacked if need be, and its path, in an archive the shape's: "a.zip/b.ply"."""
    if os.path.isdir(path):  # Path.is_dir raises for names that are too long
        raise InputError(f"{path} is not a file; give a file with one shape.")
    if path.suffix.lower() not in (*_READERS, *packed.ENDINGS):
        known = " ".join((*_READERS, *packed.ENDINGS))
        raise InputError(f"{path} has the unknown extension {path.suffix!r}; supported are {known}.")
    data = _content(path)
    check_not_placeholder(path, data[:HEAD_BYTES])
    if path.suffix.lower() in packed.ENDINGS:
        data, path = packed.unpacked(data, path, _READERS)
        if path.suffix.lower() not in _READERS:
            raise InputError(
                f"{path}.gz has the unknown inner extension {path.suffix!r}; supported are {' '.join(_READERS)}."
            )
        check_not_placeholder(path, data[:HEAD_BYTES])
    return data, path


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path} is not a file; give a file with one shape.")
        if status.st_size == 0:
            raise InputError(f"{path} is empty.")
        return path.read_bytes()
    except OSError as error:  # including inaccessible folders and names that are too long
        raise cannot_open(path, error) from error


def _without_nan(cloud: Geometry) -> tuple[Geometry, np.ndarray | None]:
    """Drop rows with NaN from a cloud; also returns which rows [N] were kept, None for all."""
    sound = ~np.isnan(cloud.points).any(axis=1)
    if sound.all() or not sound.any():  # read_shape refuses files without valid rows
        return cloud, None
    note = f"{len(sound) - sound.sum()} of {len(sound)} rows have NaN and were dropped."
    return Geometry(cloud.points[sound], notes=(*cloud.notes, note)), sound
