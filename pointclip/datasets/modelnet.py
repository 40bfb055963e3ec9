"""ModelNet40 and ModelNet10: CAD models of single objects."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pointclip.datasets.base import Shape, register
from pointclip.datasets.catalog import MODELNET40, check_split, missing_data, partial_note, places
from pointclip.datasets.file_per_shape import FilePerShape
from pointclip.datasets.h5 import H5Shapes, listed_files, read_class_names, read_lines
from pointclip.datasets.shape_files import read_shape
from pointclip.datasets.shape_files.pickled import load_pickled
from pointclip.errors import InputError, first_line
from pointclip.utils.counts import check_num_points
from pointclip.utils.file_errors import check_head
from pointclip.workers import Wanted

SPLITS = ("train", "test")
TEXT_FOLDER = "modelnet40_normal_resampled"
MODELNET10_CLASSES = (
    "bathtub",
    "bed",
    "chair",
    "desk",
    "dresser",
    "monitor",
    "night_stand",
    "sofa",
    "table",
    "toilet",
)  # alphabetical, which is the label order


class OffShapes(FilePerShape):
    """The meshes FOLDER/<class>/<split>/*.off, sampled when they are read, and rotated from z up to y up.

    Item i is (points [N, 3] float32, None, file name), as in `H5Shapes`; sampling is deterministic.
    """

    def __init__(self, folder: Path, split: str, num_points: int) -> None:
        super().__init__()
        check_num_points(num_points)
        self.num_points, self.notes = num_points, ()
        self.class_names = tuple(sorted({path.parent.name for part in SPLITS for path in _class_folders(folder, part)}))
        self.files: list[Path] = []
        labels = []
        for label, name in enumerate(self.class_names):
            files = sorted(path for path in (folder / name / split).glob("*.off") if path.name[0] != ".")
            self.files += files
            labels += [label] * len(files)
        self.labels = np.array(labels, dtype=np.int64)
        if not self.files:
            raise InputError(f"{folder} has no */{split}/*.off; unpack the data set again.")

    def __len__(self) -> int:
        return len(self.files)

    def wanted(self, index: int) -> Wanted:
        path = self.files[index]
        return Wanted(index, _read_off, (path, self.num_points), path)


class TextShapes(FilePerShape):
    """The clouds FOLDER/<class>/<class>_<number>.txt: per line x, y, z and a normal, comma-separated; y up.

    Item i is (points [N, 3] float32, None, name), as in `H5Shapes`: the first `num_points` lines, which are in random
    order. `set_name` is the prefix of the lists, "modelnet40" or "modelnet10"; files are not checked before they are
    read.
    """

    def __init__(self, folder: Path, set_name: str, split: str, num_points: int | None) -> None:
        super().__init__()
        check_num_points(num_points)
        self.folder, self.num_points = folder, num_points
        self.class_names = read_class_names(folder / f"{set_name}_shape_names.txt")
        listing = folder / f"{set_name}_{split}.txt"
        listed = read_lines(listing)
        self.names = [name for name in listed if self._path(name).is_file()]
        if listed and not self.names:
            raise InputError(
                f"{self._path(listed[0])} and all others in {listing.name} are missing; unpack them there."
            )
        there = set(self.names)
        self.notes = partial_note([name for name in listed if name not in there], len(listed), "shapes listed")
        classes = [name.rpartition("_")[0] for name in self.names]
        if unknown := sorted(set(classes) - set(self.class_names)):
            raise InputError(
                f"{listing} has shapes of {unknown[0]!r}, which is not in {set_name}_shape_names.txt; add it there."
            )
        self.labels = np.array([self.class_names.index(name) for name in classes], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.names)

    def wanted(self, index: int) -> Wanted:
        path = self._path(self.names[index])
        return Wanted(index, _read_text, (path, self.num_points), path)

    def _path(self, name: str) -> Path:
        return self.folder / name.rpartition("_")[0] / f"{name}.txt"


def _read_off(path: Path, num_points: int) -> tuple[np.ndarray, None, str]:
    seed = zlib.crc32(path.name.encode())  # differs by mesh, but does not depend on the folder
    return read_shape(path, num_points, up="z", seed=seed).points, None, path.stem


def _read_text(path: Path, num_points: int | None) -> tuple[np.ndarray, None, str]:
    try:
        points = np.loadtxt(path, np.float32, delimiter=",", ndmin=2, max_rows=num_points, usecols=(0, 1, 2))
    except (OSError, ValueError, IndexError) as error:
        check_head(path)
        raise InputError(f"{path} is not a table of x, y, z and normals ({first_line(error)[:120]}).") from error
    if num_points is not None and len(points) < num_points:
        raise InputError(
            f"{path} has {len(points)} points, but DATASET.NUM_POINTS is {num_points}; set a lower number."
        )
    return points, None, path.stem


class PickledShapes:
    """The clouds of modelnet40_{train,test}_8192pts_fps.dat, as Point-BERT and ULIP keep them; y up.

    Item i is (points [N, 3] float32, None, file name and number), as in `H5Shapes`: the first `num_points`, which are
    spread by farthest-point sampling. The file is a pickle of (clouds [P, 6] with normals, labels [1]); it is read at
    once, without executing anything in it, and only the points needed are kept. The classes are in the folder's
    modelnet40_shape_names.txt.
    """

    def __init__(self, folder: Path, split: str, num_points: int | None) -> None:
        check_num_points(num_points)
        self.class_names = read_class_names(folder / "modelnet40_shape_names.txt")
        if not (paths := _pickles(folder, split)):
            raise InputError(
                f"{folder} has no modelnet40_{split}_8192pts_fps.dat; copy it there, or use another split."
            )
        self.path, self.notes = paths[0], ()
        with open(self.path, "rb") as file:
            content: Any = load_pickled(file, self.path)
        try:
            clouds, labels = content
            self._clouds = [np.array(cloud[:num_points, :3], np.float32) for cloud in clouds]
            self.labels = np.array([np.reshape(label, -1)[0] for label in labels], np.int64)
        except (TypeError, ValueError, IndexError) as error:
            what = f"{self.path} is not a list of clouds and a list of labels ({first_line(error)[:120]})"
            raise InputError(f"{what}; get the file again.") from error
        fewest = min((len(cloud) for cloud in self._clouds), default=0)
        if len(self._clouds) != len(self.labels) or not fewest or fewest < (num_points or 0):
            raise InputError(
                f"{self.path} has {len(self._clouds)} clouds of {fewest} points or more and {len(self.labels)} labels; "
                f"expected one label each, and {num_points or 1} points (DATASET.NUM_POINTS)."
            )
        if not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise InputError(f"{self.path} has labels beyond the {len(self.class_names)} classes of its list.")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[np.ndarray, None, str]:
        return self._clouds[index].copy(), None, f"{self.path.stem}/{index}"


def _load(path: Path) -> object:
    with open(path, "rb") as file:
        return load_pickled(file, path)


@register("modelnet40")
class ModelNet40:
    """ModelNet40 as `Shape`s with y up.

    Read from modelnet40_ply_hdf5_2048 (y up, the first `num_points` of 2048 points) if it exists, otherwise from
    modelnet40_normal_resampled (y up, the first `num_points` of 10,000 lines), otherwise from Princeton's
    ModelNet40/<class>/<split>/*.off (z-up meshes, which are sampled and rotated to y up). `labels` [n] int64 is
    available without reading shapes.

    Args:
        root: the folder of the data sets' folders, or the data set's folder itself.
        split: "train" or "test".
        num_points: number of points per shape.

    Raises:
        InputError: if files are missing or invalid, and for an unknown split.
    """

    title = "ModelNet40"
    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - no parts, but the protocol asks for a dict

    def __init__(self, root: str | Path, split: str = "test", num_points: int = 1024) -> None:
        check_split(split, SPLITS, self.title)
        self.class_names, self._shapes = self._open(Path(root), split, num_points)
        self.labels, self.notes = self._shapes.labels, self._shapes.notes
        self._rows = np.arange(len(self._shapes))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Shape:
        points, _, name = self._shapes[self._rows[index]]
        return Shape(points=points, label=int(self.labels[index]), name=name)

    def prepare(self, indices: Sequence[int]) -> None:
        """Have these shapes read ahead."""
        if isinstance(self._shapes, FilePerShape):
            self._shapes.prepare(self._rows[indices].tolist())

    def _open(self, root: Path, split: str, num_points: int) -> tuple[tuple[str, ...], Shapes]:
        h5_places, off_places = places(MODELNET40, root), [root / "ModelNet40", root]
        text_places = [root / TEXT_FOLDER, root / "ModelNet" / TEXT_FOLDER, root]
        if folder := next(filter(_is_h5_layout, h5_places), None):
            return _open_h5_layout(folder, split, num_points)
        if folder := next((place for place in text_places if _is_text_layout(place, "modelnet40")), None):
            return _named(TextShapes(folder, "modelnet40", split, num_points))
        if folder := next((place for place in text_places if _is_pickled_layout(place)), None):
            return _named(PickledShapes(folder, split, num_points))
        if folder := next(filter(_is_off_layout, off_places), None):
            return _named(OffShapes(folder, split, num_points))
        raise missing_data(MODELNET40, root, [*self._extra_places(root), *h5_places, text_places[0], off_places[0]])

    def _extra_places(self, root: Path) -> list[Path]:
        return []  # further places to look


@register("modelnet10")
class ModelNet10(ModelNet40):
    """ModelNet10 as `Shape`s with y up; arguments and errors as for `ModelNet40`.

    Read from ModelNet10/<class>/<split>/*.off (z up, rotated) if it exists, or with ModelNet10's lists from
    modelnet40_normal_resampled; otherwise it is ModelNet40 without the other 30 classes, in ModelNet10's label order.
    """

    title = "ModelNet10"

    def __init__(self, root: str | Path, split: str = "test", num_points: int = 1024) -> None:
        super().__init__(root, split, num_points)
        names = [name.replace(" ", "_") for name in self.class_names]
        missing = [name for name in MODELNET10_CLASSES if name not in names]
        if missing:
            raise InputError(
                f"The data below {root} lack ModelNet10's class {missing[0]!r}; check that they are ModelNet10 or "
                "ModelNet40."
            )
        renumber = np.array([MODELNET10_CLASSES.index(name) if name in MODELNET10_CLASSES else -1 for name in names])
        labels = renumber[self.labels]
        self._rows = np.flatnonzero(labels >= 0)
        self.labels = labels[self._rows]
        self.class_names = MODELNET10_CLASSES

    def _open(self, root: Path, split: str, num_points: int) -> tuple[tuple[str, ...], Shapes]:
        (off_folder,) = self._extra_places(root)
        if _is_off_layout(off_folder):
            return _named(OffShapes(off_folder, split, num_points))
        has_h5 = any(map(_is_h5_layout, places(MODELNET40, root)))
        if not has_h5 and (
            folder := next((p for p in (root / TEXT_FOLDER, root) if _is_text_layout(p, "modelnet10")), None)
        ):
            return _named(TextShapes(folder, "modelnet10", split, num_points))
        return super()._open(root, split, num_points)

    def _extra_places(self, root: Path) -> list[Path]:
        return [root / "ModelNet10"]


def _is_h5_layout(folder: Path) -> bool:
    return (folder / "shape_names.txt").is_file() or any(folder.glob("ply_data_*.h5"))


def _is_text_layout(folder: Path, set_name: str) -> bool:
    """Whether the lists are there, with the folders of classes or nothing else that can be read."""
    listed = folder / f"{set_name}_shape_names.txt"
    return listed.is_file() and (not _is_pickled_layout(folder) or any(folder.glob("*/*_0001.txt")))


def _is_pickled_layout(folder: Path) -> bool:
    return (folder / "modelnet40_shape_names.txt").is_file() and any(_pickles(folder, split) for split in SPLITS)


def _pickles(folder: Path, split: str) -> list[Path]:
    return sorted(folder.glob(f"modelnet40_{split}_*pts_fps.dat"))


def _is_off_layout(folder: Path) -> bool:
    return any(any(place.glob("*.off")) for split in SPLITS for place in _class_folders(folder, split))


def _class_folders(folder: Path, split: str) -> list[Path]:
    """The existing folders <class>/<split>; names that start with a dot are ignored."""
    return [path for path in folder.glob(f"*/{split}") if path.is_dir() and not path.parent.name.startswith(".")]


def _named(shapes: OffShapes | TextShapes | PickledShapes) -> tuple[tuple[str, ...], Shapes]:
    return shapes.class_names, shapes


def _open_h5_layout(folder: Path, split: str, num_points: int) -> tuple[tuple[str, ...], H5Shapes]:
    classes = read_class_names(folder / "shape_names.txt")
    files, notes = listed_files(folder, f"{split}_files.txt", f"ply_data_{split}*.h5")
    shapes = H5Shapes(files, len(classes), num_points, names=folder / "shape_names.txt")
    shapes.notes = notes
    return classes, shapes


Shapes = H5Shapes | OffShapes | TextShapes | PickledShapes
