"""PCD of the Point Cloud Library: text, binary, and compressed."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.geometry import COLOURS, PLAIN, Geometry, Reading, unique
from pointclip.datasets.shape_files.numbers import as_count, as_numbers, decoded
from pointclip.errors import InputError
from pointclip.utils.file_errors import truncated

TYPES = {"F": (2, 4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}  # type -> possible sizes in bytes
PACKED = ("rgb", "rgba")  # fields with a colour's bytes in one number
MAX_RATIO = 100  # LZF expands 3 bytes to 264 at most
HEADER_BYTES = 1 << 16


def read_pcd(data: bytes, path: Path, reading: Reading = PLAIN) -> Geometry:
    """Read a PCD file; of its fields, x, y and z unless others are wanted, a packed rgb as red, green and blue."""
    header, body = _split(data, path)
    kind = _words(header, "DATA", path)[0].lower()
    row = _row_type(header, path)
    count = _number_of_points(header, path)
    readers = {"ascii": _read_text, "binary": _read_binary, "binary_compressed": _read_compressed}
    if kind not in readers:
        raise InputError(f"{path} has DATA {kind}; expected one of {', '.join(readers)}.")
    names = tuple(name for name in row.names or () if name in ("x", "y", "z") or reading.wants(name))
    columns = readers[kind](body, row, names, count, path)
    points = np.stack([np.asarray(columns[axis], np.float64).reshape(-1) for axis in "xyz"], axis=1)  # [N, 3]
    fields = _fields(columns)
    return Geometry(points, organised=_is_organised(header), fields=fields)


def _is_organised(header: dict[str, list[str]]) -> bool:
    """Whether the points are an image in the camera's own frame."""
    view = header.get("VIEWPOINT") or ["0", "0", "0", "1", "0", "0", "0"]
    try:
        in_own_frame = [float(word) for word in view] == [0, 0, 0, 1, 0, 0, 0]
    except ValueError:
        return False
    sides = [as_count((header.get(key) or ["1"])[0]) for key in ("WIDTH", "HEIGHT")]
    return in_own_frame and all((side or 0) > 1 for side in sides)


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
    """The numbers of one point: a field "x", "y", "z", and others by their names."""
    names = _words(header, "FIELDS" if "FIELDS" in header else "COLUMNS", path)
    sizes, kinds = _words(header, "SIZE", path), _words(header, "TYPE", path)
    counts = header.get("COUNT") or ["1"] * len(names)
    if not len(names) == len(sizes) == len(kinds) == len(counts) or None in map(as_count, [*sizes, *counts]):
        raise InputError(f"{path} cannot be read as .pcd: FIELDS, SIZE, TYPE and COUNT have different lengths.")
    fields, taken = [], Counter[str]()
    for name, size, kind, count in zip(names, sizes, kinds, counts, strict=True):
        if int(size) not in TYPES.get(kind.upper(), ()):
            raise InputError(f"{path} has the field {name} of TYPE {kind} and SIZE {size}, which is not supported.")
        axis = unique(name.lower() if name.lower() in ("x", "y", "z") else name, taken)
        if axis in ("x", "y", "z") and int(count) != 1:
            raise InputError(f"{path} has COUNT {count} for {name}; expected 1.")
        if int(count) * int(size) > 1 << 20:
            raise InputError(f"{path} has COUNT {count} for {name}: a point of many MB is not plausible.")
        if int(count):
            fields.append((axis, f"<{kind.lower()}{size}", (int(count),)))
    if not {"x", "y", "z"} <= taken.keys():
        raise InputError(f"{path} has no fields x, y, z, only {', '.join(names)}.")
    return np.dtype(fields)


def _number_of_points(header: dict[str, list[str]], path: Path) -> int:
    size = [(header.get(key) or ["1"])[0] for key in ("WIDTH", "HEIGHT")]
    count = header["POINTS"][0] if header.get("POINTS") else None
    if None in map(as_count, size if count is None else [count]):
        raise InputError(f"{path} cannot be read as .pcd: its number of points is not a number.")
    return int(size[0]) * int(size[1]) if count is None else int(count)


def _read_text(body: bytes, row: np.dtype, names: Sequence[str], count: int, path: Path) -> dict[str, np.ndarray]:
    lines = [line.split() for line in decoded(body, path).splitlines() if line.strip()]
    if len(lines) < count:
        raise truncated(path, "points", count, len(lines))
    offsets, width = {}, 0
    for name in row.names or ():
        offsets[name] = width
        width += row[name].shape[0]
    for number, line in enumerate(lines[:count], 1):
        if len(line) != width:
            raise InputError(f"{path} has {len(line)} numbers for point {number}; expected {width}.")
    columns = {}
    for name in names:
        size, start = row[name].shape[0], offsets[name]
        tokens = [token for line in lines[:count] for token in line[start : start + size]]
        columns[name] = as_numbers(tokens, path).reshape(-1, size)
        if name not in ("x", "y", "z"):
            with np.errstate(invalid="ignore", over="ignore"):
                columns[name] = columns[name].astype(row[name].base)
    return columns


def _read_binary(body: bytes, row: np.dtype, names: Sequence[str], count: int, path: Path) -> dict[str, np.ndarray]:
    if len(body) < count * row.itemsize:
        raise truncated(path, "points", count, len(body) // row.itemsize)
    rows = np.frombuffer(body, row, count)
    return {name: rows[name] for name in names}


def _read_compressed(body: bytes, row: np.dtype, names: Sequence[str], count: int, path: Path) -> dict[str, np.ndarray]:
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
    for name in row.names or ():
        field = row[name]
        if name in names:
            columns[name] = np.frombuffer(body, field.base, count * field.shape[0], start).reshape(-1, field.shape[0])
        start += count * field.itemsize
    return columns


def _fields(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The fields besides x, y and z, one number per point each; those named _ are padding."""
    fields: dict[str, np.ndarray] = {}
    for name, values in columns.items():
        if name in PACKED and values.dtype.itemsize == 4:
            packed = np.ascontiguousarray(values).view(np.uint32)[:, 0]
            channels = (packed >> shift & 255 for shift in (16, 8, 0, 24))
            colours = dict(zip((*COLOURS, "alpha"), (channel.astype(np.uint8) for channel in channels), strict=True))
            fields |= {colour: colours[colour] for colour in (*COLOURS, "alpha")[: len(name)]}
        elif name not in ("x", "y", "z") and not name.startswith("_"):
            parts = np.array(values).T
            fields |= {name if len(parts) == 1 else f"{name}_{k}": part for k, part in enumerate(parts)}
    return fields
