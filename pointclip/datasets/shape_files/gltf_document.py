"""The document of a glTF or GLB file: its JSON, accessors and buffers."""

import base64
import json
import re
import urllib.parse
from pathlib import Path

import numpy as np

from pointclip.errors import InputError
from pointclip.utils.file_errors import cannot_open, truncated
from pointclip.utils.limits import within

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
HARMLESS = re.compile(
    r"material|texture|light|xmp|animation|camera|audio|image_based|environment|packing|techniques|outline"
    r"|metadata|mesh_features|instance_features|physics|collider|interactivity|draw_order|VRM|articulations|manifold"
    r"|hoverability|selectability|edge_visibility"
)  # extensions that leave the geometry as it is
DECODED = ("KHR_mesh_quantization", "EXT_mesh_gpu_instancing", "KHR_node_visibility")
MAX_ZEROS = 2_000_000  # rows of an accessor without data of its own


class Document:
    """A file's JSON as `content`, and the numbers of its accessors.

    Raises:
        InputError: for another version or format, and for a required extension that is not decoded.
    """

    def __init__(self, data: bytes, path: Path):
        self.content, self.chunk = _split(data, path)
        self.path = path
        self._buffers: dict[int, bytes] = {}
        self.bytes_read = len(data)  # of the file, and the files that it refers to
        check_extensions(self.content.get("extensionsRequired", []), path)

    def accessor(self, index: int) -> np.ndarray:
        """An accessor's values [count, width]; normalised integers as numbers in [−1, 1]."""
        entry = self.content["accessors"][index]
        kind, width, count = np.dtype(COMPONENTS[entry["componentType"]]), WIDTHS[entry["type"]], entry["count"]
        if "bufferView" in entry:
            values = self._view(entry["bufferView"], entry.get("byteOffset", 0), kind, width, count)
        elif "sparse" in entry:
            within(count, MAX_ZEROS, str(self.path), f"rows in the accessor {index}, which has no data of its own,")
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
        view = self.content["bufferViews"][index]
        check_extensions([name for name in view.get("extensions", {}) if "compression" in name], self.path)
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
            entry = self.content["buffers"][index]
            content = self._bytes_of(entry.get("uri"))
            if len(content) < entry["byteLength"]:
                raise truncated(self.path, "bytes of a buffer", entry["byteLength"], len(content))
            self._buffers[index] = content
        return self._buffers[index]

    def _bytes_of(self, uri: str | None) -> bytes:
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
            content = (self.path.parent / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise InputError(
                f"{self.path}: its file {name} is missing; put it beside the file, or export as .glb."
            ) from error
        except OSError as error:
            raise cannot_open(self.path.parent / name, error) from error
        self.bytes_read += len(content)
        return content


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
    version = document["asset"].get("version", "2.0")
    if not str(version).startswith("2."):
        raise InputError(f"{path} is glTF of version {str(version)[:20]}, which is not supported; export version 2.")
    return document, chunk


def check_extensions(required: list[str], path: Path) -> None:
    """Raise an InputError that names the extensions that are not decoded and not harmless."""
    unknown = [name for name in required if name not in DECODED and not HARMLESS.search(str(name))]
    if unknown:
        raise InputError(
            f"{path} needs the extension {', '.join(map(str, unknown))}, which is not supported; export without it."
        )
