"""Reasons why a file cannot be read: another type than its name suggests, or truncation."""

import os
from pathlib import Path

from pointclip.errors import InputError
from pointclip.utils.limits import check_regular

HEAD_BYTES = 512  # number of first bytes that `check_not_placeholder` needs


def check_not_placeholder(path: str | Path, head: bytes) -> None:
    """Raise an InputError if the first bytes show that another file was downloaded instead."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"version https://git-lfs.github.com/spec"):
        raise InputError(f"{path} is a Git LFS pointer, not the file; run `git lfs pull`.")
    if text.startswith((b"<!doctype html", b"<html")):
        raise InputError(
            f"{path} is an HTML page, such as a login or error page, not the file; download it again in a browser."
        )
    if head.startswith((b"\x00\x05\x16\x07", b"\x00\x05\x16\x00")):
        raise InputError(f"{path} is macOS metadata (AppleDouble), not the file; give the file itself.")


def check_head(path: str | Path) -> None:
    """As `check_not_placeholder`, for a file on disk; also when it cannot be opened."""
    try:
        check_regular(Path(path))
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise cannot_open(path, error) from error
    check_not_placeholder(path, head)


def cannot_open(path: str | Path, error: OSError) -> InputError:
    """The error for a file that cannot be opened."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return InputError(f"{path} does not exist; check the path.")
    if isinstance(error, PermissionError):
        return InputError(f"{path} cannot be read (permission denied); check its permissions.")
    if isinstance(error, IsADirectoryError):
        return InputError(f"{path} is a folder; give a file.")
    reason = error.strerror or (os.strerror(error.errno) if error.errno else type(error).__name__)
    return InputError(f"{path} cannot be read ({reason}); check the path and the disk.")


def truncated(path: str | Path, what: str, declared: int, actual: int) -> InputError:
    """The error for a file with less content than its header declares."""
    return InputError(
        f"{path} declares {declared} {what}, but has {actual}; it is truncated, so download or export it again."
    )
