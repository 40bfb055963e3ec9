"""How much a file may ask for: limits against files that are made to fill the memory, or damaged so that they would.

Each stands where it is checked, as `within(size, most, …)`. The environment variable POINTCLIP_LIMITS raises all of
them: with 10, a file may hold ten times as much.
"""

import os
import stat
from math import isfinite
from pathlib import Path

from pointclip.errors import InputError

VARIABLE = "POINTCLIP_LIMITS"


def factor() -> float:
    """What the limits are multiplied with.

    Raises:
        InputError: when the variable is not a number above 0.
    """
    text = os.environ.get(VARIABLE, "1")
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (isfinite(value) and value > 0):
        raise InputError(f"{VARIABLE} in the environment is {text!r}; a number above 0 was expected, such as 10.")
    return value


def within(size: float, most: float, what: str, unit: str) -> None:
    """Raise an InputError when `size` is above the limit `most`.

    Args:
        what: the beginning of the sentence: "The config a.yaml".
        unit: what is counted: "bytes".
    """
    limit = most * factor()
    if size > limit:
        raise InputError(
            f"{what} has {_number(size)} {unit}, and at most {_number(limit)} are read; give a smaller file, or set "
            f"{VARIABLE}={_number(max(2, -(-size // most)))} in the environment to raise the limits."
        )


def _number(size: float) -> str:
    return f"{size:,.0f}" if size < 1e15 else f"{size:.1e}"


def check_regular(path: Path) -> None:
    """Raise an OSError as `open` does when there is no such file, and for pipes and devices, which need never end."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "Is a directory")
    if not stat.S_ISREG(mode):
        raise OSError(22, "it is no regular file but a pipe or device")
