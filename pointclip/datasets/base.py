"""What a data set is: named classes, perhaps named parts, and shapes that are read one at a time."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from pointclip.errors import InputError


@dataclass(frozen=True)
class Shape:
    """One shape as every reader hands it on."""

    points: np.ndarray  # [N, 3] float32, y up, any position and scale
    label: int  # index into the data set's class_names; -1 where it is not known
    name: str  # where it came from, unique within the data set
    parts: np.ndarray | None = None  # [N] int64, index into part_names[class]; -1 where it is not known


class ShapeSet(Protocol):
    """What the tasks ask of a data set; a `torch.utils.data.Dataset` of `Shape`s fits as it is.

    A reader that has no parts leaves `part_names` empty.
    """

    class_names: tuple[str, ...]
    labels: np.ndarray  # [n] int64, every shape's label, known without reading a shape
    part_names: dict[str, tuple[str, ...]]  # class name -> names of its parts, in label order

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Shape: ...


_READERS: dict[str, Callable[..., ShapeSet]] = {}


def register(name: str) -> Callable:
    """Make a reader known under `name`, as DATASET.NAME in a config and for `open_dataset`."""

    def remember(reader: Callable[..., ShapeSet]) -> Callable[..., ShapeSet]:
        _READERS[name] = reader
        return reader

    return remember


def dataset_names() -> list[str]:
    """The names that `open_dataset` knows, in order."""
    return sorted(_READERS)


def open_dataset(name: str, root: str | Path, split: str = "test", num_points: int | None = None) -> ShapeSet:
    """Open the data set registered as `name` below the folder `root`.

    Args:
        name: a registered name, such as "modelnet40" (see `dataset_names`), or a Python file that registers one.
        root: the folder that holds the data sets' folders (DATASET.ROOT).
        split: "train", "val" or "test", as far as the data set has them.
        num_points: the first so many points of each shape; None takes all.

    Raises:
        InputError: for an unknown name or split, and where the files are not there.
    """
    if name.endswith(".py"):
        name = _register_from(Path(name).expanduser())
    if name not in _READERS:
        raise InputError(f"DATASET.NAME is {name!r}, but the known data sets are {', '.join(dataset_names())}.")
    return _READERS[name](root=root, split=split, num_points=num_points)


def _register_from(path: Path) -> str:
    """Run the Python file and return the name of the data set that it registers."""
    if not path.is_file():
        raise InputError(
            f"DATASET.NAME is {str(path)!r}, but there is no such file; give one that registers a data set."
        )
    before = dict(_READERS)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    new = [name for name, reader in _READERS.items() if before.get(name) is not reader]
    if len(new) != 1:
        raise InputError(f"{path} registers {len(new)} data sets; one was expected, by @register from datasets.base.")
    return new[0]
