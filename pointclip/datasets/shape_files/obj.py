"""OBJ: vertices, polygons, and objects or groups; normals, textures and materials are skipped."""

import re
from collections import Counter
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.geometry import COLOURS, PLAIN, Geometry, Reading, check_whole, fans, unique
from pointclip.datasets.shape_files.numbers import as_numbers, decoded
from pointclip.errors import InputError

CURVED = ("curv", "curv2", "surf")  # free-form geometry


def read_obj(data: bytes, path: Path, reading: Reading = PLAIN) -> Geometry:
    """Read an OBJ file. Corners may count from the end (-1 is the latest vertex); a backslash continues a line.

    Raises:
        InputError: for free-form curves and surfaces without polygons, for rational vertices, and for broken lines.
    """
    text = re.sub(r"\\\r?\n", " ", decoded(data, path))
    coordinates: list[str] = []
    colours: list[str] = []  # behind the coordinates
    sizes: list[int] = []
    corners: list[str] = []
    seen: list[int] = []  # number of vertices before each face, for relative indices
    objects: list[str] = []  # names of `o` lines
    groups: dict[str, int] = {}  # names of `g` lines
    group = -1
    object_of: list[int] = []  # of each face
    group_of: list[int] = []
    curved = ""
    for line in text.splitlines():
        word, *rest = line.split("#")[0].split() or [""]
        if word == "v":
            if len(rest) < 3:
                raise InputError(f"{path} has a vertex of fewer than 3 numbers: {line.strip()[:60]!r}.")
            coordinates += rest[:3]
            colours += rest[3:6] if reading.more and len(rest) >= 6 else []
        elif word == "f":
            sizes.append(len(rest))
            corners += rest
            seen.append(len(coordinates) // 3)
            object_of.append(len(objects) - 1)
            group_of.append(group)
        elif word == "o":
            objects.append(" ".join(rest))
        elif word == "g":
            group = groups.setdefault(" ".join(rest), len(groups))
        elif word in CURVED:
            curved = curved if curved == "surf" else word
    if curved == "surf" or (curved and not sizes):  # a surface would be missing, a curve beside polygons is none
        raise InputError(f"{path} has free-form geometry ({curved}), which is not supported; export it as polygons.")
    points = as_numbers(coordinates, path).reshape(-1, 3)
    fields = {}
    if colours and len(colours) == len(coordinates):
        fields = dict(zip(COLOURS, as_numbers(colours, path).reshape(-1, 3).T, strict=True))
    if not sizes:
        return Geometry(points, fields=fields)
    counts = np.array(sizes, dtype=np.int64)
    numbers = as_numbers([corner.split("/", 1)[0] for corner in corners], path)  # [counts.sum()], from 1
    relative = numbers + np.repeat(np.array(seen), counts)
    check_whole(numbers, path)
    rows = np.where(numbers < 0, relative, numbers - 1)
    wrong = numbers[(numbers == 0) | (rows < 0) | (rows >= len(points))]
    if len(wrong):
        count = f"its {len(points)} vertices count from 1"
        raise InputError(f"{path} has a face with vertex {wrong[0]:.0f}, but {count}; export it again.")
    triangles = fans(counts, rows)
    if not len(triangles):
        return Geometry(points, fields=fields)
    if not objects:
        objects, object_of = list(groups), group_of
    nodes, node_of = _objects(objects, np.repeat(object_of, np.maximum(counts - 2, 0)))
    return Geometry(points, triangles, nodes=nodes, node_of=node_of, fields=fields)


def _objects(names: list[str], object_of: np.ndarray) -> tuple[tuple[str, ...], np.ndarray | None]:
    """The objects that have triangles, and the object of each triangle [T]; faces before the first name have none."""
    used, node_of = np.unique(object_of, return_inverse=True)
    if len(used) < 2:
        return (), None
    given: Counter = Counter()
    return tuple(unique((names[k] if k >= 0 else "") or f"object{k + 1}", given) for k in used), node_of
