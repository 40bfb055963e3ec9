"""glTF and GLB: the triangles and points of a scene, with its transforms applied."""

from collections import Counter
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.geometry import Geometry, check_triangles, join, unique
from pointclip.datasets.shape_files.gltf_document import Document, check_extensions
from pointclip.errors import InputError, first_line
from pointclip.utils.limits import within

POINTS, TRIANGLES, STRIP, FAN = 0, 4, 5, 6
MAX_NODES = 100_000
MAX_ROWS = 20_000_000  # points and triangles of a scene, a mesh's counted for every node that uses it; takes 1 GB


def read_gltf(data: bytes, path: Path) -> Geometry:
    """Read a .gltf or .glb file: triangles, strips, fans and points, sparse and normalised accessors included.

    Raises:
        InputError: for a required extension that is not decoded, a missing side file, or inconsistent data.
    """
    try:
        return join(_Scene(Document(data, path)).parts())
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        what = f"{type(error).__name__}: {first_line(error)[:120]}"
        raise InputError(
            f"{path} cannot be read as {path.suffix.lower()}: it violates the glTF specification ({what})."
        ) from error


class _Scene:
    """The nodes and meshes of one document."""

    def __init__(self, document: Document):
        self.document, self.content, self.path = document, document.content, document.path

    def parts(self) -> list[tuple[str, Geometry]]:
        """Every primitive of the scene's nodes, with transforms applied, and its node's name, different for each."""
        nodes, scenes = self.content.get("nodes", []), self.content.get("scenes", [])
        roots = scenes[self.content.get("scene", 0)].get("nodes", []) if scenes else range(len(nodes))
        waiting = [(index, np.eye(4), 0) for index in reversed(roots)]
        parts, names, visited, rows = [], Counter(), 0, 0
        while waiting:
            index, above, depth = waiting.pop()
            visited += 1
            if depth > 1000:
                raise InputError(f"{self.path} has circular nodes; export it again.")
            within(visited, MAX_NODES, str(self.path), "nodes")
            node = nodes[index]
            matrix = above @ _transform(node)
            waiting += [(child, matrix, depth + 1) for child in reversed(node.get("children", []))]
            if "mesh" in node:
                primitives = self.content["meshes"][node["mesh"]]["primitives"]
                name = unique(_text(node.get("name")) or f"node{index}", names)
                for primitive in primitives:
                    part = self._primitive(primitive, matrix)
                    parts.append((name, part))
                    rows += len(part.points) + (0 if part.triangles is None else len(part.triangles))
                    within(rows, MAX_ROWS, str(self.path), "points and triangles")
        return parts

    def _primitive(self, primitive: dict, matrix: np.ndarray) -> Geometry:
        check_extensions([name for name in primitive.get("extensions", {}) if "compression" in name], self.path)
        points = self.document.accessor(primitive["attributes"]["POSITION"]).astype(np.float64)  # [N, 3]
        points = points @ matrix[:3, :3].T + matrix[:3, 3]
        mode = primitive.get("mode", TRIANGLES)
        if mode not in (TRIANGLES, STRIP, FAN):
            return Geometry(points if mode == POINTS else np.zeros((0, 3)))
        corners = np.arange(len(points))
        if "indices" in primitive:
            corners = self.document.accessor(primitive["indices"]).reshape(-1).astype(np.int64)
        triangles = _triangles(corners, mode)
        check_triangles(triangles, len(points), self.path)
        return Geometry(points, triangles)


def _text(name: object) -> str:
    """A node's name that can be written as UTF-8: JSON's escapes may give half of a character."""
    return str(name or "").encode("utf-8", "replace").decode()


def _triangles(corners: np.ndarray, mode: int) -> np.ndarray:
    """Corners [n] as triangles [T, 3]."""
    if mode == TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if len(corners) < 3:
        return np.zeros((0, 3), np.int64)
    first = corners[:-2] if mode == STRIP else np.full(len(corners) - 2, corners[0])
    return np.stack((first, corners[1:-1], corners[2:]), axis=1)


def _transform(node: dict) -> np.ndarray:
    """A node's matrix [4, 4], if need be from its translation, rotation (unit quaternion x, y, z, w) and scale."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T  # stored column by column
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    turn = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(turn) * np.array(node.get("scale", (1, 1, 1)), np.float64)
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix
