"""What a data set is: named classes, perhaps named parts, and shapes that are read one at a time."""

import reprlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from pointclip.datasets.own_file import failures_told, run_file
from pointclip.errors import InputError, first_line
from pointclip.utils.files import expanded


@dataclass(frozen=True)
class Shape:
    """One shape as every reader hands it on."""

    points: np.ndarray  # [N, 3] float32, y up, any position and scale
    label: int  # index into the data set's class_names; -1 where it is not known
    name: str  # where it came from, unique within the data set
    parts: np.ndarray | None = None  # [N] int64, index into part_names[class]; -1 where it is not known
    kept: np.ndarray | None = None  # [M] bool, the rows of its file that the N points are; None where that is all
    notes: tuple[str, ...] = ()  # what was done to it on the way that a reader of any result must know
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)  # taken off a file's coordinates, in its own axes


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
        InputError: for an unknown name or split, where the files are not there, for a Python file that fails, and for
            what is no data set (see `check_set`).
    """
    own = name.lower().endswith(".py")
    if not own and name not in _READERS:
        raise InputError(f"DATASET.NAME is {name!r}, but the known data sets are {', '.join(dataset_names())}.")
    path = expanded(name)
    with failures_told(path) if own else nullcontext():
        reader = _reader_in(path) if own else _READERS[name]
        shapes = reader(root=root, split=split, num_points=num_points)
        check_set(shapes, name)
    return shapes


def check_set(shapes: ShapeSet, name: str) -> None:
    """Raise an InputError, naming the data set, unless it has what `ShapeSet` asks for; no shape is read."""
    try:
        count = len(shapes)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{name}: len() of the data set fails ({first_line(error)}); give its class __len__."
        ) from error
    classes = getattr(shapes, "class_names", None)
    if not _are_names(classes):
        raise InputError(f"{name}: class_names is {brief(classes)}; a tuple of different names was expected.")
    labels = getattr(shapes, "labels", None)
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu" or labels.shape != (count,):
        raise InputError(
            f"{name}: labels is {brief(labels)}; a numpy array of {count} integers was expected, one for each shape."
        )
    wrong = labels[(labels < -1) | (labels >= len(classes))]
    if len(wrong):
        raise InputError(f"{name}: labels has {wrong[0]}; 0 to {len(classes) - 1} was expected, or -1 for not known.")
    parts = getattr(shapes, "part_names", None)
    if not isinstance(parts, dict):
        raise InputError(f"{name}: part_names is {brief(parts)}; a dict was expected, {{}} where there are no parts.")
    for key, names in parts.items():
        if not _are_names(names):
            raise InputError(f"{name}: part_names[{key!r}] is {brief(names)}; a tuple of different names was expected.")


def brief(value: object) -> str:
    """A value inside a sentence: a numpy array by type and shape, all else as Python writes it, cut short."""
    if isinstance(value, np.ndarray):
        return f"a numpy array of {value.dtype} in shape {list(value.shape)}"
    return " ".join(reprlib.repr(value).split())


def _reader_in(path: Path) -> Callable[..., ShapeSet]:
    """Run the Python file and return the reader that it registers."""
    before = dict(_READERS)
    run_file(path)
    new = [reader for name, reader in _READERS.items() if before.get(name) is not reader]
    if len(new) != 1:
        raise InputError(f"{path} registers {len(new)} data sets; one was expected, by @register from datasets.base.")
    return new[0]


def _are_names(values: object) -> bool:
    """Whether the values are a list or tuple of different texts with something in them, at least one."""
    return (
        isinstance(values, (tuple, list))
        and len(values) > 0
        and all(isinstance(value, str) and value.strip() for value in values)
        and len(set(values)) == len(values)
    )
