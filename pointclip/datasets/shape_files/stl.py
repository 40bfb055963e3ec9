"""STL: triangles, binary or as text."""

import re
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.geometry import PLAIN, Geometry, Reading
from pointclip.datasets.shape_files.numbers import as_numbers
from pointclip.errors import InputError
from pointclip.utils.file_errors import truncated

HEADER = 84  # 80 bytes of comment and the number of triangles
TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])  # 50 bytes


def read_stl(data: bytes, path: Path, reading: Reading = PLAIN) -> Geometry:
    """Read an STL file; a binary one may also start with "solid" and is detected by its length."""
    declared = int.from_bytes(data[80:HEADER], "little") if len(data) >= HEADER else -1
    exact = declared >= 0 and len(data) == HEADER + declared * TRIANGLE.itemsize
    if not exact and re.match(rb"\s*solid\b", data, re.IGNORECASE) and b"\0" not in data[:HEADER]:
        return _read_text(data, path)
    if declared < 0:
        raise InputError(f"{path} cannot be read as .stl: it is shorter than a header.")
    actual = (len(data) - HEADER) // TRIANGLE.itemsize
    if actual < declared:
        raise truncated(path, "triangles", declared, actual)
    corners = np.frombuffer(data, TRIANGLE, declared, HEADER)["corners"]
    return _soup(corners.reshape(-1, 3).astype(np.float64))


def _read_text(data: bytes, path: Path) -> Geometry:
    vertices = re.findall(rb"\bvertex\s+(\S+)\s+(\S+)\s+(\S+)", data, re.IGNORECASE)
    facets = len(re.findall(rb"\bfacet\s+normal\b", data, re.IGNORECASE))
    if len(vertices) < 3 * facets:
        raise truncated(path, "triangles", facets, len(vertices) // 3)
    if 0 < 3 * facets < len(vertices):
        raise InputError(
            f"{path} has {len(vertices)} vertices in {facets} facets; expected 3 in each: export it again."
        )
    if not re.search(rb"\bendsolid\b", data, re.IGNORECASE):
        raise InputError(f"{path} ends without endsolid; it is truncated, so download or export it again.")
    tokens = [token.decode("latin-1") for vertex in vertices for token in vertex]
    return _soup(as_numbers(tokens, path).reshape(-1, 3)[: len(vertices) // 3 * 3])


def _soup(corners: np.ndarray) -> Geometry:
    """Triangles of three rows of `corners` each."""
    return Geometry(corners, np.arange(len(corners), dtype=np.int64).reshape(-1, 3) if len(corners) else None)
