"""Free memory, handed back to the system during long runs."""

import ctypes
import sys
from functools import cache


def hand_back() -> None:
    """Hand free pages of the heap back to the system, in some 25 ms; does nothing without glibc.

    glibc does so itself only at the end of its heap. The small results that a run keeps lie anywhere between the large
    arrays that it frees, so over 50,000 shapes the heap can grow to several times what is in use.
    """
    if trim := _malloc_trim():
        trim(0)


@cache
def _malloc_trim() -> object | None:
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
