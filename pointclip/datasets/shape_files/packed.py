"""Shapes inside .gz and .zip files."""

import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from pointclip.errors import InputError, first_line
from pointclip.utils.limits import factor, unpacked_limit, within

ENDINGS = (".gz", ".zip")
MAX_BYTES = 1 << 30  # of an unpacked file


def unpacked(data: bytes, path: Path, known: Collection[str]) -> tuple[bytes, Path]:
    """The one shape in a .gz or .zip file, and its path: "a.zip/b.ply".

    Args:
        known: the extensions of shape files.

    Raises:
        InputError: for a damaged file, none or several shapes in it, or more than `MAX_BYTES`.
    """
    try:
        return _from_gzip(data, path) if path.suffix.lower() == ".gz" else _from_zip(data, path, known)
    except InputError:
        raise
    except (
        OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, struct.error,
        IndexError, lzma.LZMAError, OverflowError,
    ) as error:  # fmt: skip
        reason = first_line(error)[:200]
        raise InputError(f"{path} cannot be unpacked ({reason}); download it again.") from error


def _from_gzip(data: bytes, path: Path) -> tuple[bytes, Path]:
    most = unpacked_limit(len(data), MAX_BYTES)
    with gzip.open(io.BytesIO(data)) as file:
        inside = file.read(int(most * factor()) + 1)
    within(len(inside), most, f"{path}, unpacked,", "bytes or more")
    return inside, path.with_suffix("")


def _from_zip(data: bytes, path: Path, known: Collection[str]) -> tuple[bytes, Path]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [member for member in archive.infolist() if _is_shape(member.filename, known)]
        if len(members) != 1:
            names = ", ".join(member.filename for member in members[:3])
            raise InputError(
                f"{path} holds {len(members)} shape files{f' ({names})' if names else ''}; expected one, "
                "so unpack it and give the file to read."
            )
        most = unpacked_limit(members[0].compress_size, MAX_BYTES)
        within(members[0].file_size, most, f"{path}, unpacked,", "bytes")
        with archive.open(members[0]) as file:
            inside = file.read(int(most * factor()) + 1)
    within(len(inside), most, f"{path}, unpacked,", "bytes or more")
    return inside, path / PurePosixPath(members[0].filename).name


def _is_shape(name: str, known: Collection[str]) -> bool:
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return bool(parts) and not hidden and not name.endswith("/") and PurePosixPath(name).suffix.lower() in known
