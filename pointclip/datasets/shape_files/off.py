"""OFF: a keyword, three counts, vertices and polygons, as numbers separated by whitespace."""

import re
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.geometry import PLAIN, Geometry, Reading, check_triangles, check_whole, fans
from pointclip.datasets.shape_files.numbers import as_count, as_numbers, decoded
from pointclip.errors import InputError
from pointclip.utils.file_errors import truncated


def read_off(data: bytes, path: Path, reading: Reading = PLAIN) -> Geometry:
    """Read an OFF file, with colours, normals and texture coordinates skipped.

    If every vertex and face has its own line, anything after a line's coordinates or corners is skipped; otherwise
    numbers are read as a stream, as the format defines. The keyword may be missing, in lower case, or joined to the
    counts, as in some of ModelNet40's files.
    """
    lines = [line for raw in decoded(data, path).splitlines() if (line := raw.split("#")[0].strip())]
    keyword = re.match(r"(st)?(c)?(n)?(4)?(n)?off\b|off(?=\d)", lines[0], re.IGNORECASE) if lines else None
    if keyword:
        if keyword[4] or keyword[5]:
            raise InputError(f"{path} has points in 4 or n dimensions ({lines[0]}), which is not supported.")
        lines[0] = lines[0][keyword.end() :].strip()
        if lines[0].lower().startswith("binary"):
            raise InputError(f"{path} is a binary OFF file, which is not supported; export it as text.")
        lines = lines if lines[0] else lines[1:]
    counts = _counts(lines[0].split() if lines else [], path)
    if len(lines[0].split()) > 3:
        tokens = " ".join(lines).split()[3:]
        return _read_tokens(tokens, *counts, path)
    lines = lines[1:]
    rows = [line.split() for line in lines]
    if _line_by_line(rows, *counts):
        return _read_lines(rows, *counts, path)
    return _read_tokens([token for row in rows for token in row], *counts, path)


def _counts(tokens: list[str], path: Path) -> tuple[int, int]:
    counts = [count for token in tokens[:2] if (count := as_count(token)) is not None]
    if len(counts) < 2:
        raise InputError(f"{path} cannot be read as .off: it does not start with the counts of vertices and faces.")
    return counts[0], counts[1]


def _line_by_line(rows: list[list[str]], vertices: int, faces: int) -> bool:
    """Whether each vertex and face has its own line (the faces may be truncated)."""
    if not 0 < vertices <= len(rows) or len(rows[0]) < 3:
        return False
    if any(len(row) != len(rows[0]) for row in rows[:vertices]):
        return False
    return all(_is_polygon(row) for row in rows[vertices : vertices + faces][:-1])


def _is_polygon(row: list[str]) -> bool:
    """Whether a line has as many corners as it says."""
    count = as_count(row[0])
    return count is not None and len(row) > count


def _read_lines(rows: list[list[str]], vertices: int, faces: int, path: Path) -> Geometry:
    points = as_numbers([token for row in rows[:vertices] for token in row[:3]], path).reshape(-1, 3)
    polygons = rows[vertices : vertices + faces]
    if polygons and not _is_polygon(polygons[-1]):
        polygons = polygons[:-1]
    if len(polygons) < faces:
        raise truncated(path, "faces", faces, len(polygons))
    sizes = np.array([int(row[0]) for row in polygons], dtype=np.int64)
    corners = [corner for row, size in zip(polygons, sizes, strict=True) for corner in row[1 : size + 1]]
    return _mesh(points, sizes, as_numbers(corners, path), path)


def _read_tokens(tokens: list[str], vertices: int, faces: int, path: Path) -> Geometry:
    if len(tokens) < 3 * vertices:
        raise truncated(path, "vertices", vertices, len(tokens) // 3)
    points = as_numbers(tokens[: 3 * vertices], path).reshape(-1, 3)
    rest = as_numbers(tokens[3 * vertices :], path)
    sizes, starts, position = list[int](), list[int](), 0
    while len(sizes) < faces and position < len(rest) and rest[position] in range(len(rest) - position):
        sizes.append(int(rest[position]))
        starts.append(position + 1)
        position += int(rest[position]) + 1
    if len(sizes) < faces:
        raise truncated(path, "faces", faces, len(sizes))
    corners = [rest[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    return _mesh(points, np.array(sizes, dtype=np.int64), np.concatenate([np.zeros(0), *corners]), path)


def _mesh(points: np.ndarray, sizes: np.ndarray, corners: np.ndarray, path: Path) -> Geometry:
    check_whole(corners, path)
    with np.errstate(invalid="ignore"):
        triangles = fans(sizes, corners)
    check_triangles(triangles, len(points), path)
    if len(sizes) and not len(triangles):
        raise InputError(f"{path} has {len(sizes)} faces, none of three or more corners; are its counts right?")
    return Geometry(points, triangles if len(triangles) else None)
