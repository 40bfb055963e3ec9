"""Resource limits against malicious or damaged files that would exhaust the memory.

Limits are defined where they are checked, by `within(size, limit, …)`. The environment variable POINTCLIP_LIMITS
multiplies all of them: with 10, a file may be ten times as large.
"""

import os
import stat
from math import isfinite
from pathlib import Path

from pointclip.errors import InputError

VARIABLE = "POINTCLIP_LIMITS"
MAX_RATIO = 100  # of unpacked to packed bytes; numbers and text have 2 to 30
LEAST_UNPACKED = 16 << 20  # bytes that may be unpacked whatever their ratio


def factor() -> float:
    """The factor for all limits.

    Raises:
        InputError: if the variable is not a positive number.
    """
    text = os.environ.get(VARIABLE, "1")
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (isfinite(value) and value > 0):
        raise InputError(f"{VARIABLE} in the environment is {text!r}; expected a positive number, such as 10.")
    return value


def within(size: float, limit: float, what: str, unit: str) -> None:
    """Raise an InputError if `size` exceeds the limit.

    Args:
        what: the beginning of the sentence: "The config a.yaml".
        unit: what is counted: "bytes".
    """
    if size > limit * factor():
        raise InputError(
            f"{what} has {_number(size)} {unit}, more than the limit of {_number(limit * factor())}; give a smaller "
            f"file, or set {VARIABLE}={_number(max(2, -(-size // limit)))} in the environment to raise the limits."
        )


def unpacked_limit(packed: int, most: int, ratio: int = MAX_RATIO) -> int:
    """The largest size in bytes to which `packed` bytes may be unpacked; `most` however many these are."""
    return min(most, max(LEAST_UNPACKED, ratio * packed))


def _number(size: float) -> str:
    return f"{size:,.0f}" if size < 1e15 else f"{size:.1e}"


def check_regular(path: Path) -> None:
    """Raise an OSError as `open` does if the file does not exist, and for pipes and devices, which may never end."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "Is a directory")
    if not stat.S_ISREG(mode):
        raise OSError(22, "not a regular file but a pipe or device")
