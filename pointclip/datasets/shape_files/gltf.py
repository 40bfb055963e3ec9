"""glTF and GLB: the triangles and points of a scene, with its transforms applied."""

import base64
import json
import urllib.parse
from collections import Counter
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.geometry import Geometry, check_triangles, join, unique
from pointclip.errors import InputError, first_line
from pointclip.utils.file_errors import cannot_open, truncated
from pointclip.utils.limits import within

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
HARMLESS = ("KHR_materials_", "KHR_texture_", "KHR_lights_", "EXT_texture_", "KHR_xmp", "KHR_animation_", "EXT_lights_")
DECODED = ("KHR_mesh_quantization",)
POINTS, TRIANGLES, STRIP, FAN = 0, 4, 5, 6
MAX_NODES = 100_000
MAX_ROWS = 20_000_000  # points and triangles of a scene, a mesh's counted for every node that uses it; takes 1 GB


def read_gltf(data: bytes, path: Path) -> Geometry:
    """Read a .gltf or .glb file: triangles, strips, fans and points, sparse and normalised accessors included.

    Raises:
        InputError: for a required extension that is not decoded, a missing side file, or inconsistent data.
    """
    try:
        document, chunk = _split(data, path)
        _check_extensions(document.get("extensionsRequired", []), path)
        scene = _Scene(document, chunk, path)
        return join(scene.parts())
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        what = f"{type(error).__name__}: {first_line(error)[:120]}"
        raise InputError(
            f"{path} cannot be read as {path.suffix.lower()}: it violates the glTF specification ({what})."
        ) from error


def _split(data: bytes, path: Path) -> tuple[dict, bytes | None]:
    """The JSON document, and the binary chunk of a .glb."""
    chunk = None
    text = data
    if data[:4] == b"glTF":
        version, length = (int.from_bytes(data[start : start + 4], "little") for start in (4, 8))
        if version != 2:
            raise InputError(f"{path} is glTF of version {version}, which is not supported; export version 2.")
        if len(data) < max(length, 20):
            raise truncated(path, "bytes", length, len(data))
        end = 20 + int.from_bytes(data[12:16], "little")
        text, size = data[20:end], int.from_bytes(data[end : end + 4], "little")
        chunk = data[end + 8 : end + 8 + size] if data[end + 4 : end + 8] == b"BIN\0" else None
    document = json.loads(text.decode("utf-8-sig"))
    if not isinstance(document, dict) or "asset" not in document:
        raise InputError(f"{path} cannot be read as {path.suffix.lower()}: it has no asset; is it a glTF file?")
    return document, chunk


def _check_extensions(required: list[str], path: Path) -> None:
    unknown = [name for name in required if name not in DECODED and not str(name).startswith(HARMLESS)]
    if unknown:
        raise InputError(
            f"{path} needs the extension {', '.join(map(str, unknown))}, which is not supported; export without it."
        )


class _Scene:
    """One document with its buffers."""

    def __init__(self, document: dict, chunk: bytes | None, path: Path):
        self.document, self.chunk, self.path = document, chunk, path
        self._buffers: dict[int, bytes] = {}

    def parts(self) -> list[tuple[str, Geometry]]:
        """Every primitive of the scene's nodes, with transforms applied, and its node's name, different for each."""
        nodes, scenes = self.document.get("nodes", []), self.document.get("scenes", [])
        roots = scenes[self.document.get("scene", 0)].get("nodes", []) if scenes else range(len(nodes))
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
                primitives = self.document["meshes"][node["mesh"]]["primitives"]
                name = unique(_text(node.get("name")) or f"node{index}", names)
                for primitive in primitives:
                    part = self._primitive(primitive, matrix)
                    parts.append((name, part))
                    rows += len(part.points) + (0 if part.triangles is None else len(part.triangles))
                    within(rows, MAX_ROWS, str(self.path), "points and triangles")
        return parts

    def _primitive(self, primitive: dict, matrix: np.ndarray) -> Geometry:
        _check_extensions([name for name in primitive.get("extensions", {}) if "compression" in name], self.path)
        points = self._accessor(primitive["attributes"]["POSITION"]).astype(np.float64)  # [N, 3]
        points = points @ matrix[:3, :3].T + matrix[:3, 3]
        mode = primitive.get("mode", TRIANGLES)
        if mode not in (TRIANGLES, STRIP, FAN):
            return Geometry(points if mode == POINTS else np.zeros((0, 3)))
        corners = np.arange(len(points))
        if "indices" in primitive:
            corners = self._accessor(primitive["indices"]).reshape(-1).astype(np.int64)
        triangles = _triangles(corners, mode)
        check_triangles(triangles, len(points), self.path)
        return Geometry(points, triangles)

    def _accessor(self, index: int) -> np.ndarray:
        """An accessor's values [count, width]; normalised integers as numbers in [−1, 1]."""
        entry = self.document["accessors"][index]
        kind, width, count = np.dtype(COMPONENTS[entry["componentType"]]), WIDTHS[entry["type"]], entry["count"]
        if "bufferView" in entry:
            values = self._view(entry["bufferView"], entry.get("byteOffset", 0), kind, width, count)
        elif "sparse" in entry and count * width * kind.itemsize <= 1 << 28:
            values = np.zeros((count, width), kind)
        else:
            raise InputError(f"{self.path} has an accessor {index} without data, which is not supported.")
        if sparse := entry.get("sparse"):
            value_spec, index_spec = sparse["values"], sparse["indices"]
            form = np.dtype(COMPONENTS[index_spec["componentType"]])
            rows = self._view(index_spec["bufferView"], index_spec.get("byteOffset", 0), form, 1, sparse["count"])
            values = values.copy()
            values[rows[:, 0]] = self._view(
                value_spec["bufferView"], value_spec.get("byteOffset", 0), kind, width, sparse["count"]
            )
        if entry.get("normalized") and kind.kind in "iu":
            return np.maximum(values.astype(np.float64) / np.iinfo(kind).max, -1)
        return values

    def _view(self, index: int, offset: int, kind: np.dtype, width: int, count: int) -> np.ndarray:
        """[count, width] numbers of a buffer view."""
        view = self.document["bufferViews"][index]
        _check_extensions([name for name in view.get("extensions", {}) if "compression" in name], self.path)
        start, size = view.get("byteOffset", 0), view["byteLength"]
        buffer = self._buffer(view["buffer"])
        if start + size > len(buffer):
            raise truncated(self.path, "bytes of a buffer view", start + size, len(buffer))
        content, row = buffer[start : start + size][offset:], width * kind.itemsize
        stride = view.get("byteStride") or row
        if offset < 0 or count < 0 or stride < row or (count and (count - 1) * stride + row > len(content)):
            raise truncated(self.path, "values of an accessor", count, max(0, len(content) - row + stride) // stride)
        return np.ndarray((count, width), kind, content, strides=(stride, kind.itemsize))

    def _buffer(self, index: int) -> bytes:
        if index not in self._buffers:
            entry = self.document["buffers"][index]
            content = self._content(entry.get("uri"))
            if len(content) < entry["byteLength"]:
                raise truncated(self.path, "bytes of a buffer", entry["byteLength"], len(content))
            self._buffers[index] = content
        return self._buffers[index]

    def _content(self, uri: str | None) -> bytes:
        if uri is None:
            if self.chunk is None:
                raise InputError(
                    f"{self.path} has no binary chunk, which should contain its geometry; download it again."
                )
            return self.chunk
        if uri.startswith("data:"):
            return base64.b64decode(uri.partition(",")[2])
        name = urllib.parse.unquote(uri)
        if "://" in name or name.startswith("/") or ".." in Path(name).parts:
            raise InputError(f"{self.path} refers to {name}, which is outside its folder; move it there.")
        try:
            return (self.path.parent / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise InputError(
                f"{self.path}: its file {name} is missing; put it beside the file, or export as .glb."
            ) from error
        except OSError as error:
            raise cannot_open(self.path.parent / name, error) from error


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
