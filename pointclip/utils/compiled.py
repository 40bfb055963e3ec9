"""Decorators for compiled loops, kept on disk so that only the first run compiles. Importing this loads numba.

Compiled code is kept beside its module (in __pycache__) or, where that is read-only, in numba's cache in the user's
home; the environment variable NUMBA_CACHE_DIR names another place. Processes that compile at once do no harm: the last
one to write its (equal) result wins.
"""

import warnings
from functools import cache

from numba import njit

# Plain IEEE arithmetic in the written order, no fastmath. nogil lets other threads run meanwhile. What is kept on disk
# is told apart by its source, not by these: who changes them clears it (rm -r pointclip/**/__pycache__).
OPTIONS = {"nogil": True, "error_model": "numpy"}

part = njit(**OPTIONS)  # for functions that only compiled ones of the same module call; kept as parts of those


def compiled(signature: str | None = None):
    """A decorator: compile for one signature at once, or without one for whatever comes at the first call.

    Where no folder can be written, a warning says so once and every process compiles for itself.
    """

    def decorate(function):
        try:
            return njit(signature, cache=True, **OPTIONS)(function)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            _tell_that_nothing_is_kept()
            return njit(signature, **OPTIONS)(function)

    return decorate


@cache
def _tell_that_nothing_is_kept() -> None:
    warnings.warn(
        "Compiled code cannot be kept on disk, so every process compiles anew, which takes some seconds; name a folder "
        "that can be written in the environment variable NUMBA_CACHE_DIR."
    )
