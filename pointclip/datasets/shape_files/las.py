"""LAS and LAZ: laser scans."""

import contextlib
import io
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.geometry import PLAIN, Geometry, Reading
from pointclip.errors import InputError, first_line
from pointclip.utils.file_errors import truncated
from pointclip.utils.limits import unpacked_limit, within

SCANS = (".las", ".laz")
MAX_BYTES = 1 << 34  # of a LAZ file's points, unpacked
MAX_RATIO = 1000  # of unpacked to packed bytes of a LAZ file; scans have 5 to 20, made grids hundreds
MAX_CHUNK = 1 << 27  # bytes of a LAZ file's chunk of points, unpacked, for which lazrs makes room
VARIABLE_CHUNKS = 2**32 - 1  # points of a chunk, where each chunk has its own number
CHUNK_BYTES = 1 << 26
CHUNK_POINTS = 1_000_000  # points read at a time, so that memory depends on the actual data, not on the header


def read_las(data: bytes, path: Path, reading: Reading = PLAIN) -> Geometry:
    """Read a LAS or LAZ file: scaled integers plus the header's offset, as float64."""
    import laspy

    declared = _check_header(data, path)
    try:
        with laspy.open(io.BytesIO(data)) as reader:
            chunks, others = [], []
            for chunk in reader.chunk_iterator(
                max(1, min(CHUNK_POINTS, CHUNK_BYTES // reader.header.point_format.size))
            ):
                chunks.append(np.stack((chunk.x, chunk.y, chunk.z), axis=1))
                others += [_fields(chunk, reading)] if reading.more else []
    except BaseException as error:  # laspy raises various errors; a panic in lazrs is not an Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise InputError(f"{path} cannot be read as {path.suffix.lower()} ({first_line(error)[:200]}).") from error
    points = np.concatenate([np.zeros((0, 3)), *map(np.asarray, chunks)])
    if len(points) < declared:
        raise truncated(path, "points", declared, len(points))
    names = others[0] if others else ()
    return Geometry(points, fields={name: np.concatenate([other[name] for other in others]) for name in names})


def _fields(points, reading: Reading) -> dict[str, np.ndarray]:
    """The wanted dimensions of one number besides the coordinates: intensity, classification, colours, own ones …"""
    names = (name for name in points.point_format.dimension_names if name not in ("X", "Y", "Z"))
    arrays = ((name, np.array(points[name])) for name in names if reading.wants(name))
    return {name: array for name, array in arrays if array.ndim == 1}


def _check_header(data: bytes, path: Path) -> int:
    """The number of points in the header, after checking the header against the file's length."""
    if data[:4] != b"LASF" or len(data) < 227:
        raise InputError(f"{path} cannot be read as {path.suffix.lower()}: it has no LAS header; is it a LAS file?")

    def number(start: int, size: int) -> int:
        return int.from_bytes(data[start : start + size], "little")

    is_new = number(25, 1) >= 4 and len(data) >= 375  # LAS 1.4
    start, form, width = number(96, 4), number(104, 1), number(105, 2)
    count = number(247, 8) if is_new else number(107, 4)
    records, room = number(100, 4), max(0, min(start, len(data)) - number(94, 2))
    if records * 54 > room:  # a variable length record has a header of 54 bytes
        raise truncated(path, "variable length records", records, room // 54)
    if is_new and number(243, 4) * 60 > len(data):
        raise truncated(path, "extended records", number(243, 4), max(0, len(data) - number(235, 8)) // 60)
    is_packed = form & 0xC0
    if is_packed:
        within(count * width, unpacked_limit(len(data), MAX_BYTES, MAX_RATIO), f"{path}, unpacked,", "bytes")
        _check_chunks(data, start, width, path)
        _check_packing(data, number(94, 2), records, start, width, count, path)
    elif count * width > max(0, len(data) - start):
        raise truncated(path, "points", count, max(0, len(data) - start) // max(1, width))
    return count


def _check_packing(data: bytes, place: int, records: int, start: int, width: int, count: int, path: Path) -> None:
    """Check how a LAZ file says that points are packed: lazrs prints a stack trace if this is impossible.

    Args:
        place, records: where the variable length records are, and how many.
        start: of the points.
        width: of a point in bytes.
        count: of points.
    """
    for _ in range(records):
        size = int.from_bytes(data[place + 20 : place + 22], "little")
        if data[place + 2 : place + 18].rstrip(b"\0") == b"laszip encoded":
            packing = data[place + 54 : place + 54 + size]
            items = packing[34 : 34 + 6 * int.from_bytes(packing[32:34], "little")]  # type, size, version of each
            packed = sum(int.from_bytes(items[i + 2 : i + 4], "little") for i in range(0, len(items), 6))
            if packed != width:
                raise _damaged(path, f"points of {packed} bytes, but declares {width}")
            points = int.from_bytes(packing[12:16], "little")
            if not points:
                raise _damaged(path, "chunks without points")
            if points != VARIABLE_CHUNKS and points * width > MAX_CHUNK:
                raise _damaged(path, f"chunks of {points:,} points, for which there would be no memory")
            _check_sizes(data, start, packing, count, path)
        place += 54 + size


def _check_sizes(data: bytes, start: int, packing: bytes, count: int, path: Path) -> None:
    """Check that the packed chunks fit into the file and have no more points than it.

    lazrs reports anything else that is wrong with their table.
    """
    try:
        import lazrs
    except ModuleNotFoundError as error:
        raise InputError(f"{path} needs the package lazrs; install requirements.txt.") from error
    source = io.BytesIO(data)
    source.seek(start)
    with contextlib.suppress(lazrs.LazrsError):
        chunks = lazrs.read_chunk_table(source, lazrs.LazVlr(packing)) or ()
        total = sum(size for _, size in chunks)
        if total > len(data):
            raise _damaged(path, f"chunks of {total:,} bytes in all, but is {len(data):,} bytes long")
        points = max((points for points, _ in chunks), default=0)
        if packing[12:16] == VARIABLE_CHUNKS.to_bytes(4, "little") and points > count:
            raise _damaged(path, f"a chunk of {points:,} points, but {count:,} in all")


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(f"{path} has {reason}; it is damaged, so download or export it again.")


def _check_chunks(data: bytes, start: int, width: int, path: Path) -> None:
    """Check a LAZ file's number of chunks against its length: lazrs kills the process if it cannot allocate them.

    The point data starts with the position of the chunk table, or −1 if that is in the last 8 bytes; the table starts
    with its version and the number of chunks, each of which contains at least one whole point.
    """
    table = int.from_bytes(data[start : start + 8], "little", signed=True)
    if table == -1:
        table = int.from_bytes(data[-8:], "little", signed=True)
    chunks, possible = int.from_bytes(data[table + 4 : table + 8], "little"), len(data) // max(1, width)
    if not start + 8 <= table <= len(data) - 8 or chunks > possible:
        raise truncated(path, "chunks of points", chunks, possible)
