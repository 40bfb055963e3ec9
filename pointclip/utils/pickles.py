"""Checks of a pickle before it is read."""

import pickle
import pickletools
from typing import BinaryIO


def check_memo(stream: BinaryIO) -> None:
    """Raise an error for a pickle that numbers its objects beyond their count, for which Python would make room."""
    start = stream.tell()
    for count, (code, number, _) in enumerate(pickletools.genops(stream)):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and (number or 0) > count:
            raise pickle.UnpicklingError(f"it numbers an object {number}, which is beyond their count")
    stream.seek(start)
