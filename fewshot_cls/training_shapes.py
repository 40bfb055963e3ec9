"""The labelled shapes that a head learns from: a data set's training split, or own files in a folder a class."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pointclip.datasets.base import Shape, ShapeSet
from pointclip.datasets.shape_files import ShapeFiles
from pointclip.errors import InputError
from pointclip.utils.files import expanded

SCALES, SHIFT = (2 / 3, 3 / 2), 0.2  # of augmented copies, along each axis; the shift in units of the largest side


class FolderShapes:
    """A folder of folders: one a class, named like it, with its shapes' files.

    Args:
        folder: hidden files and folders in it are passed over, and so are files beside the folders.
        num_points, up, seed: see `pointclip.datasets.shape_files.read_shape`.

    Raises:
        InputError: for a folder that cannot be read, fewer than two classes, or an empty class.
    """

    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - it has none, and the protocol asks for a dict

    def __init__(self, folder: str | Path, num_points: int | None = None, up: str = "y", seed: int = 0):
        place = expanded(folder)
        if not place.is_dir():
            raise InputError(
                f"There is no folder {place}; a folder with one folder of shape files a class was expected."
            )
        classes = sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))
        if len(classes) < 2:
            raise InputError(f"{place} has {len(classes)} folder(s); two or more were expected, one a class.")
        files = {path.name: _files_in(path) for path in classes}
        if empty := [name for name, own in files.items() if not own]:
            raise InputError(f"The folder {place / empty[0]} holds no files; put that class's shapes there.")
        self.class_names = tuple(files)
        self.labels = np.repeat(np.arange(len(files)), [len(own) for own in files.values()])
        self.files = ShapeFiles(
            [path for own in files.values() for path in own], num_points, up, self.class_names, seed
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Shape:
        return replace(self.files[index], label=int(self.labels[index]))


class Augmented:
    """A data set followed by scaled and shifted copies of its shapes; shape i of n has copies at i + n, i + 2n …

    A copy is scaled by 2/3 to 3/2 along each axis and shifted, as in the published training. Only the scales can be
    seen: every projection centres its clouds.

    Args:
        shapes: any data set.
        copies: of each shape.
        seed: a copy follows from it and from the copy's place.
    """

    def __init__(self, shapes: ShapeSet, copies: int, seed: int = 0):
        self.class_names, self.part_names = shapes.class_names, shapes.part_names
        self.own_labels = np.asarray(shapes.labels)  # [n], without the copies
        self.labels = np.tile(self.own_labels, copies + 1)
        self.neighbours = getattr(shapes, "copies", 1)  # rows that may show one object, see `draw_shots`
        self.files = getattr(shapes, "files", None)  # of own shapes
        self._shapes, self._seed = shapes, seed

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Shape:
        copy, place = divmod(index, len(self._shapes))
        shape = self._shapes[place]
        if not copy:
            return shape
        rng = np.random.default_rng([self._seed, index])
        scale = np.exp(rng.uniform(*np.log(SCALES), 3))
        shift = rng.uniform(-SHIFT, SHIFT, 3) * np.ptp(shape.points, axis=0).max()
        points = (shape.points * scale + shift).astype(np.float32)
        return replace(shape, points=points, name=f"{shape.name}, copy {copy}", parts=None)

    def with_copies(self, indices: Sequence[int]) -> list[int]:
        """The places of these shapes and of all their copies."""
        n = len(self._shapes)
        return [index + n * copy for copy in range(len(self) // n) for index in indices]


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
