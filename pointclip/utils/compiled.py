"""Decorators for compiled loops, cached on disk so that only the first run compiles. Importing this loads numba.

Compiled code is cached beside its module (in __pycache__) or, if that is read-only, in numba's cache in the user's
home; the environment variable NUMBA_CACHE_DIR overrides both. Processes may compile at the same time: the last one to
write its (identical) result wins.
"""

import warnings
from functools import cache
from typing import Any

from numba import njit

# Plain IEEE arithmetic in the order written, no fastmath. nogil lets other threads run in the meantime. The cache is
# keyed by the source, not by these options: clear it after changing them (rm -r pointclip/**/__pycache__).
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}

part = njit(**OPTIONS)  # for helpers called only by compiled functions of the same module, cached as part of those


def compiled(signature: str | None = None):
    """A decorator: compile at once for the given signature, or lazily for the types of the first call.

    If no cache folder is writable, every process compiles again and one warning says so.
    """

    def decorate(function):
        try:
            return njit(signature, cache=True, **OPTIONS)(function)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            _warn_not_cached()
            return njit(signature, **OPTIONS)(function)

    return decorate


@cache
def _warn_not_cached() -> None:
    warnings.warn(
        "Compiled code cannot be cached on disk, so every process compiles it again, which takes some seconds; set the "
        "environment variable NUMBA_CACHE_DIR to a writable folder."
    )
