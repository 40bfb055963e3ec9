"""Pickled dicts of arrays, read without running what a pickle may ask for."""

import io
import pickle
from pathlib import Path

import numpy as np

from pointclip.errors import InputError, first_line

_CODES = frozenset("biufcSUO")  # kinds of numbers and texts, and the objects that hold the dict


class _Type:
    """Stands for numpy.dtype: keeps its code and byte order, and takes nothing else from its state."""

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
    """Stands for numpy.ndarray until its state comes; `array` is what the state holds."""

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
    """How pickles of protocol 2 write bytes."""
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
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not run")
        return _ALLOWED[module, name]


def read_pickled(data: bytes, path: Path) -> object:
    """What a pickle holds: a numpy array, or a dict of them, perhaps wrapped as np.save does it.

    Raises:
        InputError: for a damaged pickle, and one that asks for more than dicts, lists, numbers, texts and arrays.
    """
    try:
        content = _array_of(_Unpickler(io.BytesIO(data)).load())
        if isinstance(content, np.ndarray) and content.dtype == object and content.size == 1:
            content = content.reshape(-1)[0]
        return {key: _array_of(value) for key, value in content.items()} if isinstance(content, dict) else content
    except Exception as error:  # malformed pickles raise errors of any kind
        raise InputError(
            f"{path} holds pickled objects other than arrays, and was not opened ({first_line(error)[:200]})."
        ) from error


def _array_of(value: object) -> object:
    return value.array if isinstance(value, _Array) else value
