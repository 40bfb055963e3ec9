"""TorchScript archives, as OpenAI publishes CLIP: reading their tensors without executing or compiling their code.

`torch.jit.load` builds the module and therefore executes any `__setstate__` in the archive. Here its pickle creates
only stand-ins, and its code is only searched for the lists of parameters and buffers at the start of each class.
"""

import io
import math
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from pointclip.errors import InputError
from pointclip.utils.pickles import check_memo

DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
MAX_NAMES = 100_000  # modules and tensors, since modules may refer to each other many times
MAX_PICKLE = 1 << 24  # bytes; ViT-B/16's has 0.2 MB
MAX_DEPTH = 100  # of nested modules


@dataclass(frozen=True)
class _Storage:
    dtype: torch.dtype
    key: str
    count: int  # number of elements


@dataclass(frozen=True)
class _View:
    """A tensor that has not been read yet."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Object:
    """A stand-in for an object of one of the archive's classes, with only the names and values of its state."""

    class_name: tuple[str, str]  # module and name of its class
    state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


def is_archive(path: Path) -> bool:
    """Whether a file is a TorchScript archive: a zip with code beside its data, unlike a pickled state dict."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(PurePosixPath(name).name == "constants.pkl" for name in archive.namelist())


def read_archive(path: Path) -> dict[str, Tensor]:
    """The tensors that `torch.jit.load(path).state_dict()` would give, under the same names and in the same order.

    Raises:
        InputError: for an archive whose pickle contains more than tensors and plain values, whose classes define
            `__setstate__`, or whose records do not match the pickle.
    """
    with zipfile.ZipFile(path) as file:
        return _Archive(file, path).state_dict()


class _Archive:
    def __init__(self, file: zipfile.ZipFile, path: Path):
        self.file, self.path = file, path
        self.names = set(file.namelist())
        found = [name for name in self.names if PurePosixPath(name).name == "data.pkl" and name.count("/") <= 1]
        if len(found) != 1:
            raise InputError(f"The weights file {path} has no data.pkl; it is truncated, or not an archive of a model.")
        self.folder = found[0].removesuffix("data.pkl")
        order = f"{self.folder}byteorder"
        if order in self.names and file.read(order).strip() != b"little":
            raise InputError(f"The weights file {path} was written on a big-endian machine, which is not supported.")
        self._visited = 0
        self._storages: dict[str, tuple[_Storage, Tensor]] = {}
        self._texts: dict[str, str] = {}
        self._lists: dict[tuple[str, str], tuple[list[str], list[str]] | None] = {}

    def state_dict(self) -> dict[str, Tensor]:
        stream = io.BytesIO(self._pickle())
        check_memo(stream)
        root = _Unpickler(stream).load()
        if not isinstance(root, _Object):
            raise InputError(f"The weights file {self.path} is an archive, but not of a model.")
        weights: dict[str, Tensor] = {}
        for name, view in self._tensors(root, "", 0):
            weights[name] = self._read(view)
        return weights

    def _pickle(self) -> bytes:
        info = self.file.getinfo(f"{self.folder}data.pkl")
        if info.file_size > MAX_PICKLE:
            raise InputError(f"The weights file {self.path} describes its tensors in many MB; is it a CLIP model's?")
        return self.file.read(info)

    def _tensors(self, module: _Object, prefix: str, depth: int) -> Iterator[tuple[str, _View]]:
        """Parameters, buffers, and those of the modules within: the order of `state_dict`."""
        lists = self._lists_of(module)
        self._visited += 1 + sum(map(len, lists or ()))
        if self._visited > MAX_NAMES:
            raise InputError(f"The weights file {self.path} has more than {MAX_NAMES} tensors; is it a CLIP model's?")
        if lists is None or depth > MAX_DEPTH or not isinstance(module.state, dict):
            raise InputError(f"The weights file {self.path} has a module that is not in TorchScript's format.")
        for names in lists:
            for name in names:
                if isinstance(value := module.state.get(name), _View):
                    yield prefix + name, value
        for name, value in module.state.items():
            if isinstance(value, _Object) and self._lists_of(value) is not None:
                yield from self._tensors(value, f"{prefix}{name}.", depth + 1)

    def _lists_of(self, item: _Object) -> tuple[list[str], list[str]] | None:
        """The names of a module's parameters and buffers, as listed by its class; None if it is not a module."""
        class_name = item.class_name
        if class_name not in self._lists:
            self._lists[class_name] = self._search(*class_name)
        return self._lists[class_name]

    def _search(self, module: str, name: str) -> tuple[list[str], list[str]] | None:
        text = self._text(f"{self.folder}code/{module.replace('.', '/')}.py")
        head = re.search(rf"^class {re.escape(name)}\((\w*)\):\n((?:[ \t].*\n?|\n)*)", text, re.MULTILINE)
        if head is None or head[1] != "Module":
            return None
        if re.search(r"^[ \t]*def __setstate__\b", head[2], re.MULTILINE):
            raise InputError(
                f"The weights file {self.path} restores its {name} by code (__setstate__), which is not executed; "
                "if you trust it, save its state_dict() instead."
            )
        lists = []
        for key in ("__parameters__", "__buffers__"):
            found = re.search(rf"^  {key} = \[(.*)\]$", head[2], re.MULTILINE)
            lists.append(re.findall(r'"([^"]*)"', found[1]) if found else [])
        return lists[0], lists[1]

    def _text(self, name: str) -> str:
        if name not in self._texts:
            if name in self.names and self.file.getinfo(name).file_size > 1 << 24:
                raise InputError(f"The weights file {self.path} has code of many MB; is it a CLIP model's?")
            self._texts[name] = self.file.read(name).decode("utf-8", "replace") if name in self.names else ""
        return self._texts[name]

    def _read(self, view: _View) -> Tensor:
        count = math.prod(view.size)
        last = view.offset + sum((n - 1) * step for n, step in zip(view.size, view.stride, strict=True))
        fits = min((view.offset, *view.size, *view.stride)) >= 0 and count <= view.storage.count
        if not fits or (count and last >= view.storage.count):
            raise InputError(
                f"The weights file {self.path} has a tensor that is larger than its record; download it again."
            )
        return self._storage(view.storage).as_strided(view.size, view.stride, view.offset)

    def _storage(self, storage: _Storage) -> Tensor:
        """The values of a record, [count]."""
        kept, numbers = self._storages.get(storage.key, (None, None))
        if kept is None:
            record = f"{self.folder}data/{storage.key}"
            size = storage.count * storage.dtype.itemsize
            if record not in self.names:
                raise InputError(f"The weights file {self.path} lacks the record {record}; download it again.")
            info = self.file.getinfo(record)
            if info.file_size != size or info.compress_type != zipfile.ZIP_STORED:
                raise InputError(
                    f"The weights file {self.path} declares {size} bytes for {record}, which has {info.file_size}; "
                    "download it again."
                )
            content = bytearray(self.file.read(record))
            numbers = torch.frombuffer(content, dtype=storage.dtype) if size else torch.empty(0, dtype=storage.dtype)
            self._storages[storage.key] = storage, numbers
        elif kept != storage:
            raise InputError(
                f"The weights file {self.path} uses its record {storage.key} with two types; download it again."
            )
        assert numbers is not None
        return numbers


def _rebuild_tensor(storage: _Storage, offset: int, size: tuple, stride: tuple, *_: object) -> _View:
    numbers = (offset, *size, *stride)
    if not isinstance(storage, _Storage) or not all(type(n) is int for n in numbers) or len(size) != len(stride):
        raise pickle.UnpicklingError("a tensor of another form")
    return _View(storage, offset, tuple(size), tuple(stride))


def _first(value: object, *_: object) -> object:
    return value


_ALLOWED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _first,
    ("torch", "device"): _first,
    ("torch.jit._pickle", "restore_type_tag"): _first,
    **{
        ("torch.jit._pickle", f"build_{kind}list"): _first
        for kind in ("int", "tensor", "double", "bool", "complexdouble")
    },
    **{("torch", name): dtype for name, dtype in DTYPES.items()},
}


class _Unpickler(pickle.Unpickler):
    """Creates stand-ins, tensors that have not been read yet, and plain values."""

    def __init__(self, stream):
        super().__init__(stream)
        self._classes: dict[tuple[str, str], type[_Object]] = {}

    def find_class(self, module: str, name: str) -> object:
        class_name = (module, name)
        if class_name in _ALLOWED:
            return _ALLOWED[class_name]
        if module.split(".")[0] != "__torch__":
            raise pickle.UnpicklingError(f"it refers to {module}.{name}")
        return self._classes.setdefault(class_name, type("_Of", (_Object,), {"class_name": class_name}))

    def persistent_load(self, reference: tuple) -> _Storage:
        kind, dtype, key, _, count = reference
        if kind != "storage" or not isinstance(dtype, torch.dtype) or type(count) is not int or count < 0:
            raise pickle.UnpicklingError("a record of another kind")
        return _Storage(dtype, str(key), count)
