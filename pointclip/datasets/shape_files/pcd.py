"""PCD of the Point Cloud Library: text, binary, and compressed."""

import re
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.geometry import Geometry
from pointclip.datasets.shape_files.numbers import as_numbers, decoded
from pointclip.errors import InputError
from pointclip.utils.file_errors import truncated

TYPES = {"F": (2, 4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}  # type -> possible sizes in bytes
MAX_RATIO = 100  # LZF expands 3 bytes to 264 at most
HEADER_BYTES = 1 << 16


def read_pcd(data: bytes, path: Path) -> Geometry:
    """Read a PCD file's x, y and z."""
    header, body = _split(data, path)
    kind = _words(header, "DATA", path)[0].lower()
    row = _row_type(header, path)
    count = _number_of_points(header, path)
    readers = {"ascii": _read_text, "binary": _read_binary, "binary_compressed": _read_compressed}
    if kind not in readers:
        raise InputError(f"{path} has DATA {kind}; one of {', '.join(readers)} was expected.")
    return Geometry(readers[kind](body, row, count, path), organised=_is_organised(header))


def _is_organised(header: dict[str, list[str]]) -> bool:
    """Whether the points are an image in the camera's own frame."""
    view = header.get("VIEWPOINT") or ["0", "0", "0", "1", "0", "0", "0"]
    try:
        in_own_frame = [float(word) for word in view] == [0, 0, 0, 1, 0, 0, 0]
    except ValueError:
        return False
    sides = [(header.get(key) or ["1"])[0] for key in ("WIDTH", "HEIGHT")]
    return in_own_frame and all(side.isdecimal() and int(side) > 1 for side in sides)


def _split(data: bytes, path: Path) -> tuple[dict[str, list[str]], bytes]:
    """The header's words by keyword, and the content after its last line, DATA."""
    end = re.search(rb"^[ \t]*DATA[ \t]+\S+[ \t]*(\r\n|\n|\r|$)", data[:HEADER_BYTES], re.MULTILINE | re.IGNORECASE)
    if not end:
        raise InputError(f"{path} cannot be read as .pcd: it has no line DATA; is it a PCD file?")
    lines = decoded(data[: end.end()], path).splitlines()
    rows = [line.split() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return {row[0].upper(): row[1:] for row in rows}, data[end.end() :]


def _words(header: dict[str, list[str]], key: str, path: Path) -> list[str]:
    if not header.get(key):
        raise InputError(f"{path} cannot be read as .pcd: its header has no {key}.")
    return header[key]


def _row_type(header: dict[str, list[str]], path: Path) -> np.dtype:
    """The numbers of one point: a field "x", "y", "z", and others by their positions."""
    names = _words(header, "FIELDS" if "FIELDS" in header else "COLUMNS", path)
    sizes, kinds = _words(header, "SIZE", path), _words(header, "TYPE", path)
    counts = header.get("COUNT") or ["1"] * len(names)
    if not len(names) == len(sizes) == len(kinds) == len(counts) or not all(map(str.isdecimal, [*sizes, *counts])):
        raise InputError(f"{path} cannot be read as .pcd: FIELDS, SIZE, TYPE and COUNT have different lengths.")
    fields, taken = [], set()
    for position, (name, size, kind, count) in enumerate(zip(names, sizes, kinds, counts, strict=True)):
        if int(size) not in TYPES.get(kind.upper(), ()):
            raise InputError(f"{path} has the field {name} of TYPE {kind} and SIZE {size}, which is not supported.")
        axis = name.lower() if name.lower() in ("x", "y", "z") and name.lower() not in taken else f"field {position}"
        taken.add(axis)
        if axis in ("x", "y", "z") and int(count) != 1:
            raise InputError(f"{path} has COUNT {count} for {name}; 1 was expected.")
        if int(count) * int(size) > 1 << 20:
            raise InputError(f"{path} has COUNT {count} for {name}: a point of many MB is not plausible.")
        if int(count):
            fields.append((axis, f"<{kind.lower()}{size}", (int(count),)))
    if not {"x", "y", "z"} <= taken:
        raise InputError(f"{path} has no fields x, y, z, only {', '.join(names)}.")
    return np.dtype(fields)


def _number_of_points(header: dict[str, list[str]], path: Path) -> int:
    size = [(header.get(key) or ["1"])[0] for key in ("WIDTH", "HEIGHT")]
    count = header["POINTS"][0] if header.get("POINTS") else None
    if not all(map(str.isdecimal, size if count is None else [count])):
        raise InputError(f"{path} cannot be read as .pcd: its number of points is not a number.")
    return int(size[0]) * int(size[1]) if count is None else int(count)


def _read_text(body: bytes, row: np.dtype, count: int, path: Path) -> np.ndarray:
    lines = [line.split() for line in decoded(body, path).splitlines() if line.strip()]
    if len(lines) < count:
        raise truncated(path, "points", count, len(lines))
    offsets, width = {}, 0
    for name in row.names:
        offsets[name] = width
        width += row[name].shape[0]
    for number, line in enumerate(lines[:count], 1):
        if len(line) != width:
            raise InputError(f"{path} has {len(line)} numbers for point {number}; expected {width}.")
    return as_numbers([line[offsets[axis]] for line in lines[:count] for axis in "xyz"], path).reshape(-1, 3)


def _read_binary(body: bytes, row: np.dtype, count: int, path: Path) -> np.ndarray:
    if len(body) < count * row.itemsize:
        raise truncated(path, "points", count, len(body) // row.itemsize)
    return _columns(np.frombuffer(body, row, count))


def _read_compressed(body: bytes, row: np.dtype, count: int, path: Path) -> np.ndarray:
    """An LZF block, or a plain one if both sizes are equal: the numbers of each field, field by field."""
    if len(body) < 8:
        raise truncated(path, "bytes of sizes", 8, len(body))
    packed, unpacked = (int.from_bytes(body[start : start + 4], "little") for start in (0, 4))
    body = body[8:]
    if len(body) < packed:
        raise truncated(path, "compressed bytes", packed, len(body))
    if unpacked < count * row.itemsize or unpacked > MAX_RATIO * packed:
        raise truncated(path, "points", count, min(unpacked, MAX_RATIO * packed) // row.itemsize)
    if packed != unpacked:
        import lzf

        try:
            body = lzf.decompress(body[:packed], unpacked)
        except ValueError:
            body = None
        if body is None or len(body) < count * row.itemsize:
            raise InputError(f"{path} has a compressed block that cannot be unpacked; download it again.")
    columns, start = {}, 0
    for name in row.names:
        field = row[name]
        columns[name] = np.frombuffer(body, field.base, count * field.shape[0], start)
        start += count * field.itemsize
    return _columns(columns)


def _columns(fields) -> np.ndarray:
    return np.stack([np.asarray(fields[axis], np.float64).reshape(-1) for axis in "xyz"], axis=1)  # [N, 3]
