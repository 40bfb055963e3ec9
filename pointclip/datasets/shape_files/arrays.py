"""Numpy arrays: .npy, including dicts as in OpenShape and ULIP, and .npz."""

import io
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pointclip.datasets.shape_files.columns import named_columns, other_columns, wanted_columns
from pointclip.datasets.shape_files.geometry import PLAIN, Geometry, Reading, check_triangles
from pointclip.datasets.shape_files.pickled import read_pickled
from pointclip.datasets.shape_files.unnamed import MAX_COLUMNS, unnamed_columns
from pointclip.errors import InputError, first_line
from pointclip.utils.file_errors import truncated
from pointclip.utils.limits import unpacked_limit, within

KEYS = (
    "points", "pos", "xyz", "data", "coords", "coord", "pc", "point_cloud", "pointcloud", "vertices", "pts", "verts",
)  # fmt: skip  # in order
FACES = ("faces", "face", "triangles", "tri", "f")  # beside points that are vertices
NO_SURFACE = ("occupancies", "occupancy", "sdf", "neg")  # beside points of a volume, on which implicit functions learn
MAX_COORDINATE_ROWS = 9  # an array with at most this many rows and more columns has one coordinate per row
MAX_BYTES = 1 << 30  # of an array in an .npz
HEADER_BYTES = 1 << 14  # from which an array's header is read; numpy takes up to 10,000
_ERRORS = (
    OSError, EOFError, ValueError, KeyError, TypeError, MemoryError, RuntimeError, NotImplementedError,
    SyntaxError, tokenize.TokenError, OverflowError, AttributeError, IndexError, struct.error,
)  # fmt: skip  # numpy parses the header of an array as Python source


def read_npy(data: bytes, path: Path, reading: Reading = PLAIN) -> Geometry:
    """Read an .npy file: [N, 3] or wider, [H, W, 3], fields named x, y, z, or a dict with such an array."""
    try:
        array = _array(data, path)
    except InputError:
        raise
    except _ERRORS as error:
        raise _no_array(path, error) from error
    if isinstance(array, Mapping):
        return _of_arrays(array, array.__getitem__, reading, path)
    return _points(array, reading, path)


def read_npz(data: bytes, path: Path, reading: Reading = PLAIN) -> Geometry:
    """Read an .npz file: the array with the first existing name of `KEYS`, or the only array, or the only [N, 3]."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {
                member.filename.removesuffix(".npy"): member
                for member in archive.infolist()
                if member.filename.endswith(".npy")
            }
            outlines = {name: _outline(archive, member, path) for name, member in members.items()}
            return _of_arrays(outlines, lambda name: _loaded(archive, members[name], path), reading, path)
    except InputError:
        raise
    except (*_ERRORS, zipfile.BadZipFile, zlib.error) as error:
        raise _no_array(path, error) from error


def _of_arrays(
    arrays: Mapping[str, object], load: Callable[[str], np.ndarray], reading: Reading, path: Path
) -> Geometry:
    """The points of one of several arrays; the others of the same length, up to MAX_COLUMNS wide, are its fields.

    Args:
        arrays: by name; they need no content.
        load: gives an array with its content.
    """
    outlines = {key: value for key, value in arrays.items() if isinstance(value, np.ndarray)}
    chosen = _chosen(outlines, path)
    if volume := [key for key in outlines if key.lower() in NO_SURFACE]:
        raise InputError(
            f"{path} contains {', '.join(chosen)} beside {', '.join(volume)}: these are points of a volume, not of a "
            "surface; give a file with points of the surface."
        )
    loaded = [load(key) for key in chosen]
    cloud = _points(loaded[0] if len(loaded) == 1 else np.stack(loaded, axis=1), reading, path)
    fields, count = dict(cloud.fields), len(cloud.points)
    for key, array in outlines.items() if reading.more else ():
        if key in chosen or not reading.wants(key) or array.dtype.kind not in "fiu":
            continue
        if array.ndim not in (1, 2) or len(array) != count:
            continue
        if array.size <= MAX_COLUMNS * count:
            parts = np.atleast_2d(load(key).T)
            fields |= {key if len(parts) == 1 else f"{key}_{k}": part for k, part in enumerate(parts)}
    return replace(cloud, fields=fields, triangles=_triangles(outlines, load, count, path))


def _triangles(
    outlines: Mapping[str, np.ndarray], load: Callable[[str], np.ndarray], count: int, path: Path
) -> np.ndarray | None:
    """The triangles [T, 3] of a mesh with `count` vertices among the arrays, if they use most of them."""
    for key, outline in outlines.items():
        if key.lower() not in FACES or outline.dtype.kind not in "iu" or outline.shape[1:] != (3,):
            continue
        triangles = load(key).astype(np.int64)
        if len(np.unique(triangles)) > count / 2:
            check_triangles(triangles, count, path)
            return triangles
    return None


def _outline(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> np.ndarray | None:
    """An array's type and shape, without its content; None if it has objects, such as labels."""
    with archive.open(member) as file:
        shape, _, dtype, _ = _header(io.BytesIO(file.read(HEADER_BYTES)), path)
    return None if dtype.hasobject else np.broadcast_to(np.zeros((), dtype), shape)


def _loaded(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> np.ndarray:
    within(member.file_size, unpacked_limit(member.compress_size, MAX_BYTES), f"{path}, unpacked,", "bytes")
    with archive.open(member) as file:
        loaded = _array(file.read(member.file_size + 1), path)
    assert isinstance(loaded, np.ndarray)  # `_outline` passes over those of objects
    return loaded


def _header(file: BinaryIO, path: Path) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """An array's shape, whether it is in Fortran's order, its type, and where its numbers start."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if min(shape, default=0) < 0:
        raise InputError(f"{path} has the shape {list(shape)} in its header; export it again.")
    return shape, fortran, dtype, file.tell()


def _array(data: bytes, path: Path) -> np.ndarray | Mapping:
    shape, fortran, dtype, start = _header(io.BytesIO(data), path)
    if dtype.hasobject:
        return _dict(read_pickled(data[start:], path), path)
    count, room = math.prod(shape), len(data) - start
    if count * dtype.itemsize > room:
        raise truncated(path, "numbers", count, room // max(1, dtype.itemsize))
    array = np.frombuffer(data, dtype, count, start)
    return array.reshape(shape, order="F" if fortran else "C")


def _dict(content: object, path: Path) -> Mapping:
    """The arrays by name in an array of objects."""
    if not isinstance(content, dict) or not any(isinstance(value, np.ndarray) for value in content.values()):
        raise InputError(f"{path} contains objects, not numbers; expected a dict of arrays, or an array [N, 3].")
    return {key: value for key, value in content.items() if isinstance(key, str)}


def _chosen(arrays: Mapping[str, np.ndarray], path: Path) -> list[str]:
    """The name of the array with the points, or of those of x, y and z."""
    lower = {key.lower(): key for key in arrays}
    for key in KEYS:
        if key in lower:
            return [lower[key]]
    if {"x", "y", "z"} <= lower.keys():
        axes = [lower[axis] for axis in "xyz"]
        if len({arrays[axis].shape for axis in axes}) == 1 and arrays[axes[0]].ndim == 1:
            return axes
    fitting = [key for key, array in arrays.items() if array.dtype.kind == "f" and _squeezed(array).shape[1:] == (3,)]
    if len(fitting) == 1:
        return fitting
    if len(arrays) == 1:
        return list(arrays)
    raise InputError(
        f"{path} contains the arrays {', '.join(arrays) or '(none)'}; name the points one of {', '.join(KEYS)}."
    )


def _points(array: np.ndarray, reading: Reading, path: Path) -> Geometry:
    """The x, y and z of an array, with a note if it had one coordinate per row, or is an organised cloud."""
    given = _given(array)
    array = _squeezed(array)
    if array.dtype.names:
        return _of_fields(array.reshape(-1), reading, path)
    if array.dtype.kind not in "fiu" or array.ndim not in (2, 3):
        raise _no_points(path, given)
    notes: tuple[str, ...] = ()
    organised = array.ndim == 3
    if organised:
        array, notes = _organised(array, path)
    rows, columns = array.shape
    if 3 <= rows <= MAX_COORDINATE_ROWS < columns:
        array = array.T
        notes = (f"Its array of shape [{rows}, {columns}] was taken as {columns} points, with one coordinate per row.",)
    elif rows == 3 and columns > 3:
        raise InputError(
            f"{path} contains {given}, which is ambiguous: 3 points, or {columns} as columns; store it as [N, 3]."
        )
    if array.shape[1] < 3:
        raise _no_points(path, given)
    wanted = reading.columns
    chosen = wanted_columns(wanted, (), array.shape[1], path) if wanted else unnamed_columns(array, path)
    points = array[:, list(chosen.columns)].astype(np.float64)
    fields = other_columns(array.T, chosen.columns, ()) if reading.more else {}
    return Geometry(points, notes=(*notes, *chosen.notes), fields=fields, organised=organised)


def _of_fields(array: np.ndarray, reading: Reading, path: Path) -> Geometry:
    """The points of a structured array [N] by the names of its fields."""
    fields, wanted = dict(_flat(array, "")), reading.columns
    names, columns = tuple(fields), [_column(field) for field in fields.values()]
    chosen = wanted_columns(wanted, names, len(names), path) if wanted else named_columns(names, path)
    axes = [axis for column in chosen.columns if (axis := columns[column]) is not None]
    if len(axes) < 3:
        raise InputError(f"{path} has fields {', '.join(names)} that are not one number per point; store it as [N, 3].")
    others = other_columns(columns, chosen.columns, names) if reading.more else {}
    return Geometry(np.stack(axes, axis=1).astype(np.float64), notes=chosen.notes, fields=others)


def _flat(array: np.ndarray, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """The fields of a structured array [N] by name; "xyz_0" for one of several numbers, "pose.x" for a field of one."""
    if array.dtype.names:
        for inner in array.dtype.names:
            yield from _flat(array[inner], f"{name}.{inner}" if name else inner)
    elif array.ndim == 2 and 0 < array.shape[1] <= MAX_COLUMNS:
        yield from ((f"{name}_{place}", column) for place, column in enumerate(array.T))
    else:
        yield name, array


def _column(field: np.ndarray) -> np.ndarray | None:
    """A field with one number per point; None for others."""
    return field if field.ndim == 1 and field.dtype.kind in "fiu" else None


def _organised(array: np.ndarray, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """An array [H, W, 3] of the points of a picture's pixels as [H·W, 3], and a note.

    Raises:
        InputError: for another width, for pictures of bytes or such numbers, and for several shapes of the same size.
    """
    rows, columns, width = array.shape
    if width != 3 or array.dtype.itemsize == 1 or not array.size:
        raise _no_points(path, _given(array))
    if _is_picture(array):
        raise _no_points(path, f"{_given(array)} with whole numbers up to 255, such as the colours of a picture")
    centres, sizes = array.mean(axis=1), np.linalg.norm(array, axis=2).max(axis=1)
    if np.abs(centres).max(initial=0) < 0.01 * sizes.max(initial=0) and np.ptp(sizes) <= 0.01 * sizes.max(initial=0):
        raise InputError(
            f"{path} contains {_given(array)}, which is {rows} shapes, each about its own centre; store each of them "
            "as [N, 3] in a file of its own."
        )
    note = f"Its array of shape [{rows}, {columns}, 3] was taken as one cloud of {rows} × {columns} points."
    return array.reshape(-1, 3), (note,)


def _is_picture(array: np.ndarray) -> bool:
    """Whether the numbers are colours of 0 to 255 that are stored as numbers of another type."""
    with np.errstate(invalid="ignore"):
        is_byte = (array == np.floor(array)) & (array >= 0) & (array <= 255)
    return bool(is_byte.all()) and array.max() > 1


def _given(array: np.ndarray) -> str:
    return f"{array.dtype} of shape {list(array.shape)}"


def _no_points(path: Path, given: str) -> InputError:
    return InputError(f"{path} contains {given}; expected numbers of shape [N, 3].")


def _squeezed(array: np.ndarray) -> np.ndarray:
    """[1, …, N, 3] as [N, 3]."""
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    return array


def _no_array(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} cannot be read as {path.suffix.lower()} ({first_line(error)[:200]}).")
