"""Free memory, handed back to the system during long runs."""

import ctypes
import sys
from collections.abc import Callable
from functools import cache


def hand_back() -> None:
    """Hand free pages of the heap back to the system, in some 25 ms; does nothing without glibc.

    glibc itself does so only at the end of its heap. Small blocks that a run keeps lie anywhere between the large
    arrays that it frees, and glibc before 2.38 often cannot use such gaps again for aligned arrays, so that the heap
    can grow to many times what is in use.
    """
    if trim := _malloc_trim():
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
