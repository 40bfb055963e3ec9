"""Text of any common encoding, and its numbers."""

import codecs
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pointclip.errors import InputError

MISSING = ("", "nan", "na", "n/a", "#n/a", "null", "none", "-", "-nan", "nan(ind)", "-nan(ind)", "nan(snan)")
COUNT_DIGITS = 18
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def decoded(data: bytes, path: Path) -> str:
    """The text of a file: by its byte order mark, else UTF-8, else Latin-1, whose letters only occur in comments.

    Raises:
        InputError: for data that are not text.
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
    """The tokens as float64, [n]; words for missing values are NaN.

    Raises:
        InputError: for anything else than numbers; Python's underscores between digits are none of a file's.
    """
    try:
        if "_" not in "".join(tokens):
            return np.array(tokens, dtype=np.float64)
    except ValueError:  # found below
        pass
    numbers = [as_number(token) for token in tokens]
    if None in numbers:
        wrong = tokens[numbers.index(None)]
        raise InputError(f"{path} has {wrong[:40]!r} instead of a number; is it the right file?")
    return np.array(numbers, dtype=np.float64)


def as_number(token: str) -> float | None:
    """The token as a number, NaN for an empty one or a word for a missing value; None for anything else."""
    if token.lower() in MISSING:
        return float("nan")
    try:
        return None if "_" in token else float(token)
    except ValueError:
        return None


def as_count(token: str) -> int | None:
    """The token as a count; None for anything else, and for more digits than a count has."""
    return int(token) if token.isdecimal() and len(token) <= COUNT_DIGITS else None
