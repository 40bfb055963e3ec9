"""Writing files so that an interruption leaves either the old file or the new one, never half of one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pointclip.errors import InputError


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes `path`'s place only when the block ends well.

    Missing folders are made. The temporary name keeps the suffix, which many writers go by.

    Raises:
        InputError: when the folder cannot be made or written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror}; choose a folder that you may write to.") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp's 0600 would hide the file from the group
        try:
            os.replace(temporary, path)
        except OSError as error:
            raise InputError(f"Cannot write {path}: {error.strerror}; choose another place.") from error
    finally:
        temporary.unlink(missing_ok=True)
