"""Why a file cannot be read: what it is instead of what its name says, and whether it is all there."""

import os
from pathlib import Path

from pointclip.errors import InputError
from pointclip.utils.limits import check_regular

HEAD_BYTES = 512  # as many of a file's first bytes as `check_is_no_stand_in` looks at


def check_is_no_stand_in(path: str | Path, head: bytes) -> None:
    """Raise an InputError if the first bytes show a file that came in the place of the wanted one."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"version https://git-lfs.github.com/spec"):
        raise InputError(f"{path} is a pointer of Git LFS, not the file; fetch it with `git lfs pull`.")
    if text.startswith((b"<!doctype html", b"<html")):
        raise InputError(
            f"{path} is an HTML page, such as a login or error page, not the file; download it again in a browser."
        )
    if head.startswith((b"\x00\x05\x16\x07", b"\x00\x05\x16\x00")):
        raise InputError(f"{path} holds macOS's notes on a file, not the file (AppleDouble); name the file itself.")


def check_head(path: str | Path) -> None:
    """As `check_is_no_stand_in`, for a file on disk; also when it cannot be opened."""
    try:
        check_regular(Path(path))
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise cannot_open(path, error) from error
    check_is_no_stand_in(path, head)


def cannot_open(path: str | Path, error: OSError) -> InputError:
    """The error for a file that the system does not hand out."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return InputError(f"{path} does not exist; check the path.")
    if isinstance(error, PermissionError):
        return InputError(f"{path} may not be read (permission denied); check its permissions.")
    if isinstance(error, IsADirectoryError):
        return InputError(f"{path} is a folder; name a file.")
    reason = error.strerror or (os.strerror(error.errno) if error.errno else type(error).__name__)
    return InputError(f"{path} cannot be read ({reason}); check the path and the disk.")


def cut_short(path: str | Path, what: str, says: int, holds: int) -> InputError:
    """The error for a file whose header promises more than follows."""
    return InputError(f"{path} says {says} {what}, holds {holds}; it was cut short, so fetch or export it again.")
