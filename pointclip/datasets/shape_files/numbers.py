"""Text of any common encoding, and its numbers."""

import codecs
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pointclip.errors import InputError

_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decoded(data: bytes, path: Path) -> str:
    """The text of a file: by its byte order mark, else UTF-8, else Latin-1, whose letters only stand in comments.

    Raises:
        InputError: for data that are no text.
    """
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\0" in text[:4096]:
        raise InputError(f"{path} cannot be read as {path.suffix.lower()}: it is not text.")
    return text


def as_numbers(tokens: Sequence[str], path: Path) -> np.ndarray:
    """The tokens as float64, [n]."""
    try:
        return np.array(tokens, dtype=np.float64)
    except ValueError:
        wrong = next(token for token in tokens if not _is_number(token))
        raise InputError(f"{path} has {wrong[:40]!r} where a number was expected; is it the right file?") from None


def _is_number(token: str) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return True
