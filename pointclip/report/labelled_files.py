"""Labelled shapes as .ply, .glb and .las, in the frame and unit of their own file."""

import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from plyfile import PlyData, PlyElement

from pointclip.datasets.shape_files.geometry import COLOURS, unique
from pointclip.report.pictures import part_colours
from pointclip.utils.files import atomic_path

MAX_RECORD = 65_535  # bytes of a record of a LAS file


def write_ply(
    path: Path,
    points: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    triangles: np.ndarray | None = None,
    triangle_labels: np.ndarray | None = None,
    fields: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write a .ply: x, y, z, the label's colour and the label of every vertex, and of every triangle.

    Coordinates are doubles if floats would round them. The names are comments. Fields that came with the points follow;
    those of a name that is taken, such as their own colours, are called original_red …

    Args:
        points: [N, 3].
        labels: [N] int, index into the K `names`; -1 is unknown.
        triangles: [T, 3] int; None for a cloud.
        triangle_labels: [T] int.
        fields: name -> [N], other fields of the points.
    """
    with np.errstate(over="ignore"):
        single = np.array_equal(points.astype(np.float32), points, equal_nan=True)
    fields = _named(fields or {}, {*"xyz", *COLOURS, "label"})
    own = [(name, _ply_type(values)) for name, values in fields.items()]
    vertices = _rows([(axis, "f4" if single else "f8") for axis in "xyz"], labels, own)
    for name, values in fields.items():
        vertices[name] = values
    for axis, column in zip("xyz", points.T, strict=True):
        vertices[axis] = column
    elements = [PlyElement.describe(vertices, "vertex")]
    if triangles is not None and triangle_labels is not None:
        faces = _rows([("vertex_indices", "i4", (3,))], triangle_labels)
        faces["vertex_indices"] = triangles
        elements.append(PlyElement.describe(faces, "face"))
    comments = [f"label {number}: {' '.join(name.split())}" for number, name in enumerate(names)]
    with atomic_path(path) as temporary:
        PlyData(elements, comments=[_ascii(comment) for comment in comments]).write(str(temporary))


def write_glb(
    path: Path,
    points: np.ndarray,
    labels: np.ndarray,
    triangles: np.ndarray | None = None,
    triangle_labels: np.ndarray | None = None,
) -> None:
    """Write a .glb in the colours of the labels, a mesh with the labels as the attribute _LABEL too; see `write_ply`.

    Each vertex is written once for every label of its triangles, so that colours end at a part's border. Points with
    NaN are left out. Coordinates far from the origin are kept by a node's translation.
    """
    import trimesh  # imported here since it is slow and often not needed

    if triangles is None or triangle_labels is None:
        sound = np.isfinite(points).all(axis=1)
        points, labels = points[sound], labels[sound]
    else:
        known = triangle_labels >= 0
        triangles, triangle_labels = triangles[known], triangle_labels[known].astype(np.int64)
        width = triangle_labels.max(initial=0) + 1
        pairs = triangles.astype(np.int64) * width + triangle_labels[:, None]  # of a vertex and a label
        used, corners = np.unique(pairs, return_inverse=True)
        points, labels, triangles = points[used // width], used % width, corners.reshape(-1, 3)
    centre = (points.max(axis=0) + points.min(axis=0)) / 2
    if np.abs(centre).max() <= 1000 * np.ptp(points, axis=0).max():
        centre = np.zeros(3)  # floats hold the coordinates as they are
    colours = np.column_stack([part_colours(labels), np.full(len(labels), 255, np.uint8)])
    if triangles is None:
        shape = trimesh.PointCloud(points - centre, colors=colours)
    else:
        shape = trimesh.Trimesh(points - centre, triangles, vertex_colors=colours, process=False)
        shape.vertex_attributes["_label"] = labels.astype(np.float32)
    scene = trimesh.Scene()
    scene.add_geometry(shape, transform=trimesh.transformations.translation_matrix(centre))
    with atomic_path(path) as temporary:
        Path(temporary).write_bytes(scene.export(file_type="glb"))


def write_las(
    path: Path, data: bytes, labels: np.ndarray, names: Sequence[str], rows: np.ndarray | None = None
) -> None:
    """Write a LAS or LAZ file again, with all that it had and its points' labels as the extra dimension `label`.

    If there is a `label` already, this one is `label_2`. The names are in a record of the user "pointclip".

    Args:
        path: the file to write; its extension says whether it is compressed.
        data: the content of the file that was read.
        labels: [N] int, index into the names; -1 is unknown.
        rows: [N] int, the points of the file that are written; None for all.
    """
    import laspy

    scan = laspy.read(io.BytesIO(data))
    if rows is not None:
        scan.points = scan.points[rows]
    given = Counter(scan.point_format.dimension_names)
    name = unique("label", given)
    scan.add_extra_dim(laspy.ExtraBytesParams(name, "int16", "index of the part, -1: none"))
    scan[name] = labels.astype(np.int16)
    listed = "\n".join(f"{number}: {' '.join(part.split())}" for number, part in enumerate(names))
    scan.vlrs.append(laspy.VLR("pointclip", 1, "names of the labels", listed.encode()[:MAX_RECORD]))
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        scan.write(file, do_compress=path.suffix.lower() == ".laz")


def _named(fields: Mapping[str, np.ndarray], taken: set[str]) -> dict[str, np.ndarray]:
    """The fields of one number under names that a .ply can have, different from those taken."""
    given = Counter(taken)
    named = {}
    for name, values in fields.items():
        plain = re.sub(r"[^0-9A-Za-z_.-]+", "_", name).strip("_") or "field"
        named[unique(f"original_{plain}" if plain.lower() in taken else plain, given)] = values
    return named


def _ply_type(values: np.ndarray) -> str:
    """The type of a .ply's property that holds the values."""
    if values.dtype.kind == "b":
        return "u1"
    if values.dtype.kind == "f":
        return "f4" if values.dtype.itemsize <= 4 else "f8"
    return values.dtype.str[1:] if values.dtype.itemsize <= 4 else "f8"


def _rows(fields: list[tuple], labels: np.ndarray, more: Sequence[tuple] = ()) -> np.ndarray:
    rows = np.empty(len(labels), dtype=[*fields, *((colour, "u1") for colour in COLOURS), ("label", "i4"), *more])
    for colour, column in zip(COLOURS, part_colours(labels).T, strict=True):
        rows[colour] = column
    rows["label"] = labels
    return rows


def _ascii(text: str) -> str:
    """The text as .ply's comments have it, which are ASCII."""
    return text.encode("ascii", "backslashreplace").decode()
