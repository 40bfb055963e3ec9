"""Objects through a pipe. Large arrays travel beside the pickle, as their own bytes, and are copied nowhere else."""

import pickle
import struct
from typing import Any, BinaryIO

import numpy as np

_HEAD = struct.Struct("<QI")  # bytes of the pickle, number of arrays
_SIZE = struct.Struct("<Q")


def send(file: BinaryIO, message: object) -> None:
    """Write an object. Nothing is written if it cannot be pickled."""
    arrays: list[pickle.PickleBuffer] = []
    body = pickle.dumps(message, protocol=5, buffer_callback=arrays.append)
    views = [array.raw() for array in arrays]
    file.write(_HEAD.pack(len(body), len(views)) + b"".join(_SIZE.pack(view.nbytes) for view in views) + body)
    for view in views:
        file.write(view)
    file.flush()


def receive(file: BinaryIO) -> Any:
    """Read an object.

    Raises:
        EOFError: if the other end is closed or has died.
    """
    length, count = _HEAD.unpack(_exactly(file, _HEAD.size))
    sizes = [_SIZE.unpack(_exactly(file, _SIZE.size))[0] for _ in range(count)]
    body = _exactly(file, length)
    return pickle.loads(body, buffers=[_exactly(file, size) for size in sizes])


def _exactly(file: BinaryIO, size: int) -> memoryview:
    data = np.empty(size, np.uint8).data  # which is not filled with zeros first
    filled = 0
    while filled < size:
        more = file.readinto(data[filled:])  # type: ignore[attr-defined]
        if not more:
            raise EOFError
        filled += more
    return data
