"""Pickled dicts of arrays, read without executing anything in the pickle."""

import io
import pickle
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pointclip.errors import InputError, first_line
from pointclip.utils.pickles import check_memo

_CODES = frozenset("biufcSUO")  # type codes of numbers and strings, and of objects, for the dict


class _Type:
    """A stand-in for numpy.dtype with its code and byte order only."""

    def __init__(self, code: str, *_: object):
        if not isinstance(code, str) or code[:1] not in _CODES or not code[1:].isdecimal():
            raise pickle.UnpicklingError(f"an array of {str(code)[:40]!r}")
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple) -> None:
        if len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.order = state[1]

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(object if self.code.startswith("O") else self.order.replace("|", "=") + self.code)


class _Array:
    """A stand-in for numpy.ndarray; `array` is set from its state."""

    def __init__(self, *_: object):
        self.array = np.zeros(0)

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, fortran, content = state
        if isinstance(content, list):
            array = np.empty(len(content), dtype=object)
            array[:] = content
        else:
            array = np.frombuffer(bytes(content), kind.dtype)
        self.array = array.reshape(shape, order="F" if fortran else "C")


def _of_buffer(content: bytes, kind: _Type, shape: tuple, order: str) -> _Array:
    result = _Array()
    result.array = np.frombuffer(bytes(content), kind.dtype).reshape(shape, order="F" if order == "F" else "C")
    return result


def _scalar(kind: _Type, content: bytes) -> object:
    return np.frombuffer(content, kind.dtype)[0]


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    """Bytes in pickles of protocol 2."""
    return text.encode("latin1")


_ALLOWED = {
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): _Array,
    ("_codecs", "encode"): _encoded,
    **{
        (f"{package}.{module}", name): stand_in
        for package in ("numpy.core", "numpy._core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _Array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _of_buffer),
        )
    },
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which is not executed")
        return _ALLOWED[module, name]


def read_pickled(data: bytes, path: Path) -> object:
    """The content of a pickle: a numpy array, or a dict of them, possibly wrapped by np.save.

    Raises:
        InputError: for a damaged pickle, or one with more than dicts, lists, numbers, strings and arrays.
    """
    return load_pickled(io.BytesIO(data), path)


def load_pickled(stream: BinaryIO, path: Path) -> object:
    """The content of an open pickle, see `read_pickled`; lists and tuples are lists, of arrays or of such lists."""
    try:
        check_memo(stream)
        content = _array_of(_Unpickler(stream).load())
        if isinstance(content, np.ndarray) and content.dtype == object and content.size == 1:
            content = content.reshape(-1)[0]
        return {key: _array_of(value) for key, value in content.items()} if isinstance(content, dict) else content
    except Exception as error:  # malformed pickles raise errors of any kind
        raise InputError(
            f"{path} contains pickled objects other than arrays, and was not loaded ({first_line(error)[:200]})."
        ) from error


def _array_of(value: object, depth: int = 3) -> object:
    if isinstance(value, list | tuple) and depth:
        return [_array_of(entry, depth - 1) for entry in value]
    return value.array if isinstance(value, _Array) else value
