"""PLY: vertices and faces; other elements are skipped."""

import re
import tempfile
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.geometry import PLAIN, Geometry, Reading, check_triangles, fans
from pointclip.datasets.shape_files.numbers import as_count
from pointclip.errors import InputError, first_line
from pointclip.utils.file_errors import truncated

SIZES = {
    **dict.fromkeys(("char", "uchar", "int8", "uint8"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "uint16"), 2),
    **dict.fromkeys(("int", "uint", "float", "int32", "uint32", "float32"), 4),
    **dict.fromkeys(("double", "float64"), 8),
}  # bytes of a value in a binary file
FORMATS = ("ascii", "binary_little_endian", "binary_big_endian")
CORNER_LISTS = ("vertex_indices", "vertex_index")
HEADER_BYTES = 1 << 20  # maximum length of a header


def read_ply(data: bytes, path: Path, reading: Reading = PLAIN) -> Geometry:
    """Read a PLY file, text or binary. Lists may differ in length; other elements and properties are skipped."""
    header, body = _split(data, path)
    elements = _elements(header, path)
    is_text = "ascii" in header[1]
    if is_text:
        body = body.lstrip(b"\r\n\t ")  # blank lines before the first row
        if (place := body.find(b"_")) >= 0:  # Python takes 1_0 as a number
            around = body[max(0, place - 20) : place + 20].decode("latin-1")
            raise InputError(f"{path} has {around!r} among its numbers; is it the right file?")
    for name, count, row_bytes, width in elements:
        least = 2 * width if is_text else row_bytes
        if count * least > len(body) + 1:
            raise truncated(path, f"rows of {name}", count, _rows_held(body, elements, name, is_text))
    return _geometry(_parse(header, body, path), reading, path)


def _split(data: bytes, path: Path) -> tuple[list[str], bytes]:
    """The header's lines without comments, and the content after it."""
    found = re.search(rb"^[ \t]*end_header[ \t]*(\r\n|\n|\r)", data[:HEADER_BYTES], re.MULTILINE)
    if not data.lstrip().startswith(b"ply") or not found:
        problem = "its header has no end" if data.startswith(b"ply") else "it does not start with ply"
        raise InputError(f"{path} cannot be read as .ply: {problem}; is it a PLY file?")
    lines = [" ".join(line.split()) for line in data[: found.start()].decode("latin-1").splitlines()]
    header = [line for line in lines if line and not line.startswith(("comment", "obj_info"))]
    if len(header) < 2 or header[1].split()[0] != "format" or len(header[1].split()) < 2:
        raise InputError(f"{path} cannot be read as .ply: its second line has no format.")
    if header[1].split()[1] not in FORMATS:
        raise InputError(f"{path} has the format {header[1].split()[1]!r}; expected one of {', '.join(FORMATS)}.")
    return header, data[found.end() :]


def _elements(header: list[str], path: Path) -> list[tuple[str, int, int, int]]:
    """Each element's name, number of rows, and the minimum bytes and values per row."""
    elements: list[list] = []
    for line in header[2:]:
        words = line.split()
        if words[0] == "element" and len(words) == 3 and as_count(words[2]) is not None:
            elements.append([words[1], as_count(words[2]), 0, 0])
        elif words[0] == "property" and elements and words[1:2] and words[1] in (*SIZES, "list"):
            kind = words[2] if words[1] == "list" and len(words) == 5 else words[1]
            if kind not in SIZES:
                raise InputError(f"{path} cannot be read as .ply: its header has {line[:60]!r}.")
            elements[-1][2] += SIZES[kind]
            elements[-1][3] += 1
        else:
            raise InputError(f"{path} cannot be read as .ply: its header has {line[:60]!r}.")
    return [tuple(element) for element in elements]


def _rows_held(body: bytes, elements: list[tuple[str, int, int, int]], name: str, is_text: bool) -> int:
    """The maximum number of rows of an element in the file, given complete elements before it."""
    rows = sum(1 for line in body.splitlines() if line.strip()) if is_text else 0
    for other, count, row_bytes, _ in elements:
        if other == name:
            return rows if is_text else max(0, len(body)) // max(1, row_bytes)
        rows = max(0, rows - count)
        body = body[count * row_bytes :]
    return 0


def _parse(header: list[str], body: bytes, path: Path):
    """Read with plyfile, first assuming that all faces are triangles, which is many times faster."""
    from plyfile import PlyData, PlyParseError

    names = [line.split()[-1] for line in header if line.startswith("property list")]
    triangles = {"face": {name: 3 for name in names if name in CORNER_LISTS}}
    with tempfile.TemporaryFile() as file:  # plyfile memory-maps files, and reads other streams row by row
        file.write("\n".join([*header, "end_header\n"]).encode("latin-1") + body)
        for lengths in (triangles, {}):
            file.seek(0)
            try:
                return PlyData.read(file, mmap="r", known_list_len=lengths)
            except (PlyParseError, ValueError, KeyError, OverflowError) as error:
                failure = error
    row, element = getattr(failure, "row", None), getattr(failure, "element", None)
    if row is not None and element is not None and "early end" in str(failure):
        raise truncated(path, f"rows of {element.name}", element.count, row) from failure
    raise InputError(f"{path} cannot be read as .ply ({first_line(failure)[:200]}).") from failure


def _geometry(ply, reading: Reading, path: Path) -> Geometry:
    names = {element.name for element in ply.elements}
    if "vertex" not in names:
        raise InputError(f"{path} has no element vertex, only {', '.join(sorted(names)) or 'nothing'}.")
    vertex = ply["vertex"]
    axes = {prop.name.lower(): prop.name for prop in vertex.properties}
    if not {"x", "y", "z"} <= axes.keys():
        raise InputError(f"{path} has no vertex properties x, y, z, only {', '.join(axes) or 'none'}.")
    if lists := [axes[axis] for axis in "xyz" if hasattr(vertex.ply_property(axes[axis]), "len_dtype")]:
        raise InputError(f"{path} has lists as the vertex property {', '.join(lists)}; expected one number each.")
    points = np.stack([np.asarray(vertex[axes[axis]], np.float64) for axis in "xyz"], axis=1)  # [N, 3]
    fields = _fields(vertex, reading)
    if "face" not in names or not ply["face"].count:
        if "tristrips" in names and ply["tristrips"].count:
            raise InputError(f"{path} has triangle strips (tristrips), which are not supported; export triangles.")
        return Geometry(points, fields=fields)
    key = next((prop.name for prop in ply["face"].properties if prop.name in CORNER_LISTS), None)
    if key is None:
        raise InputError(f"{path} has faces without {' or '.join(CORNER_LISTS)}; export it again.")
    polygons = ply["face"][key]  # [F] arrays, or [F, 3] if all are triangles
    if polygons.dtype == object:
        sizes = np.array([len(polygon) for polygon in polygons], dtype=np.int64)
        triangles = fans(sizes, np.concatenate([np.zeros(0, np.int64), *polygons]))
    else:
        triangles = polygons.astype(np.int64)
    check_triangles(triangles, len(points), path)
    return Geometry(points, triangles if len(triangles) else None, fields=fields)


def _fields(vertex, reading: Reading) -> dict[str, np.ndarray]:
    """The vertices' wanted properties of one number, besides x, y and z."""
    names = (prop.name for prop in vertex.properties if not hasattr(prop, "len_dtype") and reading.wants(prop.name))
    return {name: np.array(vertex[name]) for name in names if name.lower() not in ("x", "y", "z")}
