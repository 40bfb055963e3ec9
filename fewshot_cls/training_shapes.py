"""Labelled training shapes: your files in one folder per class, and augmented copies of any data set."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from fewshot_cls.augmentation import SCALES, SHIFT, augment
from pointclip.datasets.base import Shape, ShapeSet
from pointclip.datasets.shape_files import ENDINGS, ShapeFiles
from pointclip.errors import InputError
from pointclip.prompts import key_of
from pointclip.utils.files import expanded
from pointclip.utils.shape_folders import Found, class_folders, shapes_of_class
from zeroshot_cls.perspective_projection import to_unit_sphere


class LabelledFiles:
    """Shape files of known classes.

    Args:
        files: n shapes.
        labels: [n] int64, indices into the files' `class_names`.
    """

    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - no parts, but the protocol asks for a dict

    def __init__(self, files: ShapeFiles, labels: np.ndarray):
        self.files, self.labels, self.class_names = files, labels, files.class_names

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Shape:
        return replace(self.files[index], label=int(self.labels[index]))

    def prepare(self, indices: Sequence[int]) -> None:
        """Have these shapes read ahead."""
        self.files.prepare(indices)


class FolderShapes(LabelledFiles):
    """A folder with one subfolder of shape files per class, named after the class.

    Args:
        folder: a class's shapes may lie deeper, as CLASS/train/*.off (its other splits are then left alone) or
            CLASS/ID/models/*.obj; hidden files and folders, and files beside the subfolders, are ignored.
        num_points, up, seed, columns: see `pointclip.datasets.shape_files.read_shape`.
        outliers: which outliers of clouds are left out; see `pointclip.datasets.outliers.gathered`.
        split: the subfolder of a class that is read where it has several splits.

    Raises:
        InputError: for a folder that cannot be read, fewer than two classes, or an empty class.
    """

    def __init__(
        self,
        folder: str | Path,
        num_points: int | None = None,
        up: str = "y",
        seed: int = 0,
        columns: str = "",
        split: str = "train",
        outliers: str = "off",
    ):
        root = expanded(folder)
        if not root.is_dir():
            raise InputError(f"There is no folder {root}; expected a folder with one subfolder of shapes per class.")
        classes = class_folders(root)
        if len(classes) < 2:
            raise InputError(f"{root} has {len(classes)} subfolder(s); expected two or more, one per class.")
        found = {path.name: shapes_of_class(path, ENDINGS, split) for path in classes}
        for name, of_class in found.items():
            if not of_class.files:
                others = f" ({of_class.words} cannot be read)" if of_class.unread else ""
                raise InputError(f"The folder {root / name} has no shapes{others}; put that class's shapes there.")
        files = {name: of_class.files for name, of_class in found.items()}
        unread = sum((of_class.unread for of_class in found.values()), Counter())
        labels = np.repeat(np.arange(len(files)), [len(paths) for paths in files.values()])
        paths = [path for paths in files.values() for path in paths]
        read = ShapeFiles(paths, num_points, up, tuple(files), seed, columns=columns, outliers=outliers)
        super().__init__(read, labels)
        if unread:
            self.files.notes = (f"{Found(unread=unread).words} among the training files were passed over.",)


class TestFolder(FolderShapes):
    """A folder as `FolderShapes`, whose labels are those of a head's classes.

    Args:
        class_names: of the head; those without a subfolder have no shapes.
        rest: see `FolderShapes`.

    Raises:
        InputError: as `FolderShapes`, and for a class that the head lacks.
    """

    def __init__(self, folder: str | Path, class_names: Sequence[str], **rest):
        super().__init__(folder, split="test", **rest)
        numbers = {key_of(name): number for number, name in enumerate(class_names)}
        if unknown := [name for name in self.class_names if key_of(name) not in numbers]:
            raise InputError(
                f"{expanded(folder)} has the class {unknown[0]!r}, which is not among {', '.join(class_names)}; leave "
                "it out, or train with it."
            )
        self.labels = np.array([numbers[key_of(name)] for name in self.class_names])[self.labels]
        self.class_names = tuple(class_names)


class Augmented:
    """A data set followed by scaled and shifted copies of its shapes; shape i of n has copies at i + n, i + 2n …

    Copies are scaled and shifted as in PointCLIP V1's training (see `fewshot_cls.augmentation`), which augments anew in
    every epoch and never shows the shape itself. The shift has no effect on projections that centre clouds.

    Args:
        shapes: any data set.
        copies: of each shape.
        seed: with a copy's index it determines the copy.
        unit_sphere: whether the shapes themselves are put in the unit sphere, for a projection that takes clouds as
            they are.
    """

    def __init__(self, shapes: ShapeSet, copies: int, seed: int = 0, unit_sphere: bool = False):
        self.class_names, self.part_names = shapes.class_names, shapes.part_names
        self.original_labels = np.asarray(shapes.labels)  # [n], without the copies
        self.labels = np.tile(self.original_labels, copies + 1)
        self.rows_per_object = getattr(shapes, "copies", 1)  # see `draw_shots`
        self.files: ShapeFiles | None = getattr(shapes, "files", None)  # of --train
        self._shapes, self._seed, self._unit_sphere = shapes, seed, unit_sphere

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Shape:
        copy, original = divmod(index, len(self._shapes))
        shape = self._shapes[original]
        points = torch.from_numpy(shape.points)[None]
        if not copy:
            return replace(shape, points=to_unit_sphere(points)[0].numpy()) if self._unit_sphere else shape
        rng = np.random.default_rng([self._seed, index])
        factors = torch.from_numpy(np.stack([rng.uniform(*SCALES, 3), rng.uniform(-SHIFT, SHIFT, 3)])[:, None])
        return replace(
            shape, points=augment(points, *factors)[0].numpy(), name=f"{shape.name}, copy {copy}", parts=None
        )

    def prepare(self, indices: Sequence[int]) -> None:
        """Have these shapes read ahead."""
        if hasattr(self._shapes, "prepare"):
            self._shapes.prepare([index % len(self._shapes) for index in indices])

    def with_copies(self, indices: Sequence[int]) -> list[int]:
        """The indices of these shapes and of all their copies."""
        n = len(self._shapes)
        return [index + n * copy for copy in range(len(self) // n) for index in indices]
