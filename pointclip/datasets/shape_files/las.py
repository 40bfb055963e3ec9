"""LAS and LAZ: laser scans."""

import io
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.geometry import Geometry
from pointclip.errors import InputError, first_line
from pointclip.utils.causes import cut_short

AT_A_TIME = 1_000_000  # points read at a time, so that memory follows what is there, not what the header says


def read_las(data: bytes, path: Path) -> Geometry:
    """Read a LAS or LAZ file: scaled integers plus the header's offset, as float64."""
    import laspy

    says = _check_header(data, path)
    try:
        with laspy.open(io.BytesIO(data)) as reader:
            chunks = [np.stack((c.x, c.y, c.z), axis=1) for c in reader.chunk_iterator(AT_A_TIME)]
    except BaseException as error:  # laspy's errors are of several kinds; where lazrs panics it is no Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        if "laszip" in str(error).lower() or "lazrs" in str(error).lower():
            raise InputError(f"{path} needs the package lazrs to be read; install requirements.txt.") from error
        raise InputError(f"{path} cannot be read as {path.suffix.lower()} ({first_line(error)[:200]}).") from error
    points = np.concatenate([np.zeros((0, 3)), *map(np.asarray, chunks)])
    if len(points) < says:
        raise cut_short(path, "points", says, len(points))
    return Geometry(points)


def _check_header(data: bytes, path: Path) -> int:
    """The number of points that the header tells, after what it tells was compared with the file's length."""
    if data[:4] != b"LASF" or len(data) < 227:
        raise InputError(f"{path} cannot be read as {path.suffix.lower()}: it has no LAS header; is it the right file?")

    def number(start: int, size: int) -> int:
        return int.from_bytes(data[start : start + size], "little")

    is_new = number(25, 1) >= 4 and len(data) >= 375  # LAS 1.4
    start, form, width = number(96, 4), number(104, 1), number(105, 2)
    count = number(247, 8) if is_new else number(107, 4)
    records, room = number(100, 4), max(0, min(start, len(data)) - number(94, 2))
    if records * 54 > room:  # 54 bytes head each variable length record
        raise cut_short(path, "variable length records", records, room // 54)
    if is_new and number(243, 4) * 60 > len(data):
        raise cut_short(path, "extended records", number(243, 4), max(0, len(data) - number(235, 8)) // 60)
    is_packed = form & 0xC0
    if is_packed:
        _check_chunks(data, start, width, path)
    elif count * width > max(0, len(data) - start):
        raise cut_short(path, "points", count, max(0, len(data) - start) // max(1, width))
    return count


def _check_chunks(data: bytes, start: int, width: int, path: Path) -> None:
    """Compare how many chunks a LAZ file tells with its length: lazrs ends the process where it finds no room for them.

    The points begin with the place of the table of chunks, or −1 where the last 8 bytes tell it; the table begins with
    its version and the number of chunks, of which each holds a whole point at least.
    """
    place = int.from_bytes(data[start : start + 8], "little", signed=True)
    if place == -1:
        place = int.from_bytes(data[-8:], "little", signed=True)
    chunks, most = int.from_bytes(data[place + 4 : place + 8], "little"), len(data) // max(1, width)
    if not start + 8 <= place <= len(data) - 8 or chunks > most:
        raise cut_short(path, "chunks of points", chunks, most)
