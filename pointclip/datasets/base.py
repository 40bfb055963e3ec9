"""The interface of data sets: named classes, optionally named parts, and shapes that are read one by one."""

import reprlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pointclip.datasets.own_file import reporting_failures, run_file
from pointclip.errors import InputError, first_line
from pointclip.utils.files import expanded


@dataclass(frozen=True)
class Shape:
    """One shape, as returned by all readers."""

    points: np.ndarray  # [N, 3] float32, y up, any position and scale
    label: int  # index into the data set's class_names; -1 if unknown
    name: str  # its source, unique within the data set
    parts: np.ndarray | None = None  # [N] int64, index into part_names[class]; -1 if unknown
    kept: np.ndarray | None = None  # [M] bool, the rows of its file used for the N points; None for all
    notes: tuple[str, ...] = ()  # notes on its processing for readers of any result
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)  # subtracted from a file's coordinates, in the file's axes
    outliers: int = 0  # points that were moved onto their neighbours; see `pointclip.datasets.outliers`


class Shapes(Protocol):
    """Shapes that are read one by one; files of one's own are no more than that.

    `part_names` is empty for shapes without parts.
    """

    class_names: tuple[str, ...]
    part_names: dict[str, tuple[str, ...]]  # class name -> names of its parts, in label order

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Shape: ...


class ShapeSet(Shapes, Protocol):
    """The interface of data sets; a `torch.utils.data.Dataset` of `Shape`s satisfies it."""

    labels: np.ndarray  # [n] int64, every shape's label, available without reading shapes


_READERS: dict[str, Callable[..., ShapeSet]] = {}


def register(name: str) -> Callable:
    """Register a reader under `name`, for DATASET.NAME and `open_dataset`."""

    def remember(reader: Callable[..., ShapeSet]) -> Callable[..., ShapeSet]:
        _READERS[name] = reader
        return reader

    return remember


def dataset_names() -> list[str]:
    """The names registered for `open_dataset`, sorted."""
    return sorted(_READERS)


def open_dataset(name: str, root: str | Path, split: str = "test", num_points: int | None = None) -> ShapeSet:
    """Open the data set registered as `name` below the folder `root`.

    Args:
        name: a registered name, such as "modelnet40" (see `dataset_names`), or a Python file that registers one.
        root: the folder of the data sets' folders (DATASET.ROOT).
        split: "train", "val" or "test", if the data set has it.
        num_points: number of points per shape, from the first; None for all.

    Raises:
        InputError: for an unknown name or split, missing files, a Python file that fails, or an invalid data set
            (see `check_set`).
    """
    is_file = name.lower().endswith(".py")
    if not is_file and name not in _READERS:
        raise InputError(f"Unknown data set {name!r} (DATASET.NAME); choose one of {', '.join(dataset_names())}.")
    path = expanded(name)
    with reporting_failures(path) if is_file else nullcontext():
        reader = _reader_in(path) if is_file else _READERS[name]
        shapes = reader(root=root, split=split, num_points=num_points)
        check_set(shapes, name)
    return shapes


def check_set(shapes: ShapeSet, name: str) -> None:
    """Raise an InputError, naming the data set, unless it satisfies `ShapeSet`; no shape is read."""
    try:
        count = len(shapes)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{name}: len() of the data set fails ({first_line(error)}); give its class __len__."
        ) from error
    classes: Any = getattr(shapes, "class_names", None)
    if not _are_names(classes):
        raise InputError(f"{name}: class_names is {brief(classes)}; expected a tuple of unique names.")
    labels = getattr(shapes, "labels", None)
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu" or labels.shape != (count,):
        raise InputError(
            f"{name}: labels is {brief(labels)}; expected a numpy array of {count} integers, one per shape."
        )
    wrong = labels[(labels < -1) | (labels >= len(classes))]
    if len(wrong):
        raise InputError(f"{name}: labels has {wrong[0]}; expected 0 to {len(classes) - 1}, or -1 for unknown.")
    parts = getattr(shapes, "part_names", None)
    if not isinstance(parts, dict):
        raise InputError(f"{name}: part_names is {brief(parts)}; expected a dict, {{}} if there are no parts.")
    for key, names in parts.items():
        if not _are_names(names):
            raise InputError(f"{name}: part_names[{key!r}] is {brief(names)}; expected a tuple of unique names.")


def brief(value: object) -> str:
    """A value for a message: a numpy array as type and shape, anything else as its shortened repr."""
    if isinstance(value, np.ndarray):
        return f"a numpy array of {value.dtype} in shape {list(value.shape)}"
    return " ".join(reprlib.repr(value).split())


def _reader_in(path: Path) -> Callable[..., ShapeSet]:
    """Execute the Python file and return the reader that it registers."""
    before = dict(_READERS)
    run_file(path)
    new = [reader for name, reader in _READERS.items() if before.get(name) is not reader]
    if len(new) != 1:
        raise InputError(f"{path} registers {len(new)} data sets; expected one, by @register from datasets.base.")
    return new[0]


def _are_names(values: object) -> bool:
    """Whether the values are a non-empty list or tuple of unique, non-blank strings."""
    return (
        isinstance(values, (tuple, list))
        and len(values) > 0
        and all(isinstance(value, str) and value.strip() for value in values)
        and len(set(values)) == len(values)
    )
