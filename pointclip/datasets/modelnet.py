"""ModelNet40 and ModelNet10: CAD models of single objects."""

import zlib
from pathlib import Path

import numpy as np

from pointclip.datasets.base import Shape, register
from pointclip.datasets.catalog import MODELNET40, check_split, missing_data, places
from pointclip.datasets.h5 import H5Shapes, listed_files
from pointclip.datasets.shape_files import read_shape
from pointclip.errors import InputError
from pointclip.projection.points import check_num_points

SPLITS = ("train", "test")
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


class OffShapes:
    """The meshes below FOLDER/<class>/<split>/*.off, sampled as they are read; z up in the files, y up here.

    Item i is (points [N, 3] float32, None, file name), as in `H5Shapes`; the samples of a file are the same each time.
    """

    def __init__(self, folder: Path, split: str, num_points: int) -> None:
        check_num_points(num_points)
        self.num_points = num_points
        self.class_names = tuple(sorted(path.parent.name for path in folder.glob(f"*/{split}") if path.is_dir()))
        self.files: list[Path] = []
        labels = []
        for label, name in enumerate(self.class_names):
            files = sorted((folder / name / split).glob("*.off"))
            self.files += files
            labels += [label] * len(files)
        self.labels = np.array(labels, dtype=np.int64)
        if not self.files:
            raise InputError(f"{folder} has no */{split}/*.off; unpack the data set again.")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[np.ndarray, None, str]:
        path = self.files[index]
        seed = zlib.crc32(path.name.encode())  # each mesh its own, wherever the folder lies
        return read_shape(path, self.num_points, up="z", seed=seed).points, None, path.stem


@register("modelnet40")
class ModelNet40:
    """ModelNet40, one item a `Shape` with y up.

    Read from modelnet40_ply_hdf5_2048 (y up as it lies there, the first `num_points` of 2048 points) or, when that is
    not there, from ModelNet's own ModelNet40/<class>/<split>/*.off (meshes with z up: sampled, then turned to y up).
    `labels` [n] int64 holds all labels without reading a shape.

    Args:
        root: the folder that holds the data sets' folders, or the data set's folder itself.
        split: "train" or "test".
        num_points: points a shape.

    Raises:
        InputError: when the files are not there or not as expected, and for an unknown split.
    """

    title = "ModelNet40"
    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - it has none, and the protocol asks for a dict

    def __init__(self, root: str | Path, split: str = "test", num_points: int = 1024) -> None:
        check_split(split, SPLITS, self.title)
        self.class_names, self._shapes = self._open(Path(root), split, num_points)
        self.labels = self._shapes.labels
        self._rows = np.arange(len(self._shapes))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Shape:
        points, _, name = self._shapes[self._rows[index]]
        return Shape(points=points, label=int(self.labels[index]), name=name)

    def _open(self, root: Path, split: str, num_points: int) -> tuple[tuple[str, ...], H5Shapes | OffShapes]:
        h5_places, off_place = places(MODELNET40, root), root / "ModelNet40"
        folder = next((place for place in h5_places if _is_h5_layout(place)), None)
        if folder is not None:
            return _open_h5_layout(folder, split, num_points)
        if _is_off_layout(off_place):
            return _open_off_layout(off_place, split, num_points)
        raise missing_data(MODELNET40, root, [*self._own_places(root), *h5_places, off_place])

    def _own_places(self, root: Path) -> list[Path]:
        return []  # where to look besides


@register("modelnet10")
class ModelNet10(ModelNet40):
    """ModelNet10, one item a `Shape` with y up; arguments and errors as for `ModelNet40`.

    Read from its own layout ModelNet10/<class>/<split>/*.off (z up, turned) where that is there; else it is ModelNet40
    less the other 30 classes, in ModelNet10's label order.
    """

    title = "ModelNet10"

    def __init__(self, root: str | Path, split: str = "test", num_points: int = 1024) -> None:
        super().__init__(root, split, num_points)
        lacking = [name for name in MODELNET10_CLASSES if name not in self.class_names]
        if lacking:
            raise InputError(f"The data below {root} lack ModelNet10's class {lacking[0]!r}; is it the right data set?")
        renumber = np.array(
            [MODELNET10_CLASSES.index(name) if name in MODELNET10_CLASSES else -1 for name in self.class_names]
        )
        labels = renumber[self.labels]
        self._rows = np.flatnonzero(labels >= 0)
        self.labels = labels[self._rows]
        self.class_names = MODELNET10_CLASSES

    def _open(self, root: Path, split: str, num_points: int) -> tuple[tuple[str, ...], H5Shapes | OffShapes]:
        (own,) = self._own_places(root)
        if _is_off_layout(own):
            return _open_off_layout(own, split, num_points)
        return super()._open(root, split, num_points)

    def _own_places(self, root: Path) -> list[Path]:
        return [root / "ModelNet10"]


def _is_h5_layout(folder: Path) -> bool:
    return (folder / "shape_names.txt").is_file() or any(folder.glob("ply_data_*.h5"))


def _is_off_layout(folder: Path) -> bool:
    return any(path.is_dir() for split in SPLITS for path in folder.glob(f"*/{split}"))


def _open_off_layout(folder: Path, split: str, num_points: int) -> tuple[tuple[str, ...], OffShapes]:
    shapes = OffShapes(folder, split, num_points)
    return shapes.class_names, shapes


def _open_h5_layout(folder: Path, split: str, num_points: int) -> tuple[tuple[str, ...], H5Shapes]:
    names = folder / "shape_names.txt"
    if not names.is_file():
        raise InputError(f"{names} is missing; unpack the data set again.")
    classes = tuple(names.read_text(encoding="utf-8", errors="replace").split())
    if not classes or len(set(classes)) < len(classes):
        raise InputError(f"{names} must name each class once, one a line; unpack the data set again.")
    files = listed_files(folder, f"{split}_files.txt", f"ply_data_{split}*.h5")
    return classes, H5Shapes(files, len(classes), num_points)
