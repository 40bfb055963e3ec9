"""ShapeNetPart: CAD models with part labels, from HDF5 files or the raw text files."""

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from pointclip.datasets.base import Shape, register
from pointclip.datasets.catalog import SHAPENETPART, check_split, missing_data, partial_note, places
from pointclip.datasets.file_per_shape import FilePerShape
from pointclip.datasets.h5 import H5Shapes, listed_files
from pointclip.datasets.shapenetpart_labels import CATEGORIES, FIRST_PART, PART_NAMES
from pointclip.errors import InputError
from pointclip.utils.counts import check_num_points
from pointclip.workers import Wanted

SPLITS = {"train": ("train",), "val": ("val",), "test": ("test",), "trainval": ("train", "val")}
TEXT_FOLDERS = (
    "shapenetcore_partanno_segmentation_benchmark_v0_normal",
    "shapenetcore_partanno_segmentation_benchmark_v0",
)
SYNSETS = {
    "02691156": "airplane",
    "02773838": "bag",
    "02954340": "cap",
    "02958343": "car",
    "03001627": "chair",
    "03261776": "earphone",
    "03467517": "guitar",
    "03624134": "knife",
    "03636649": "lamp",
    "03642806": "laptop",
    "03790512": "motorbike",
    "03797390": "mug",
    "03948459": "pistol",
    "04099429": "rocket",
    "04225987": "skateboard",
    "04379243": "table",
}  # WordNet synset (a folder name of the raw files) -> category


class TextShapes(FilePerShape):
    """The raw files: one text file per shape, in one folder per category; shapes differ in their number of points.

    v0_normal has <synset>/<id>.txt with columns x y z nx ny nz label, labels 0 … 49 over all categories. v0 has
    <synset>/points/<id>.pts with x y z and <synset>/points_label/<id>.seg with labels from 1 within the category.
    Item i is (points [N, 3] float32, labels [N] int64 in 0 … 49, name), as in `H5Shapes`. If a file has more than
    `num_points` points, a seeded random subset is taken, since the order in the files is arbitrary.
    """

    def __init__(self, folder: Path, splits: Sequence[str], num_points: int | None) -> None:
        super().__init__()
        check_num_points(num_points)
        self.folder = folder
        self.num_points = num_points
        listed = [shape for split in splits for shape in _listed_shapes(folder, split)]  # (synset, id)
        self._shapes = [shape for shape in listed if _file_of(folder, *shape).is_file()]
        if not self._shapes:
            raise InputError(f"{_file_of(folder, *listed[0])} and all others listed are missing; unpack them there.")
        there = set(self._shapes)
        missing = ["/".join(shape) for shape in listed if shape not in there]
        self.notes = partial_note(missing, len(listed), "shapes listed")
        self.labels = np.array([CATEGORIES.index(SYNSETS[synset]) for synset, _ in self._shapes], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._shapes)

    def file_of(self, index: int) -> Path:
        """The file of shape `index`."""
        return _file_of(self.folder, *self._shapes[index])

    def wanted(self, index: int) -> Wanted:
        synset, name = self._shapes[index]
        path = self.file_of(index)
        labels = None if path.suffix == ".txt" else self.folder / synset / "points_label" / f"{name}.seg"
        first = FIRST_PART[self.labels[index]]
        return Wanted(index, _read_raw, (path, labels, first, self.num_points, f"{SYNSETS[synset]}/{name}"), path)


def _read_raw(
    path: Path, label_path: Path | None, first: int, num_points: int | None, name: str
) -> tuple[np.ndarray, np.ndarray, str]:
    """A shape's points, part labels and name; labels in a file of their own count from 1, which stands for `first`."""
    if label_path is None:
        table = _table(path, 7)
        points, parts = table[:, :3], table[:, 6]
    else:
        points, parts = _table(path, 3), _table(label_path, 1)[:, 0]
        if len(points) != len(parts):
            raise InputError(f"{label_path} has {len(parts)} labels for {len(points)} points; unpack it again.")
        parts = parts - 1 + first
    if not np.array_equal(parts, np.round(parts)):
        raise InputError(f"{path} has part labels that are not integers; unpack the data set again.")
    keep = _subset(len(points), num_points, path)
    return points[keep].astype(np.float32), parts[keep].astype(np.int64), name


def _subset(count: int, num_points: int | None, path: Path) -> np.ndarray | slice:
    if num_points is None:
        return slice(None)
    if count < num_points:
        raise InputError(f"{path} has {count} points, but DATASET.NUM_POINTS is {num_points}; set a lower number.")
    return np.sort(np.random.default_rng(0).permutation(count)[:num_points])


def _file_of(folder: Path, synset: str, name: str) -> Path:
    flat = folder / synset / f"{name}.txt"
    return flat if flat.is_file() else folder / synset / "points" / f"{name}.pts"


@register("shapenetpart")
class ShapeNetPart:
    """ShapeNetPart as `Shape`s with y up and, for every point, a part label within the category.

    Read from the HDF5 files (hdf5_data; y up, the first `num_points` of 2048 points) if they exist, otherwise from the
    raw text files (also y up; see `TextShapes`). `labels` [n] int64, the categories, is available without reading
    shapes.

    Args:
        root: the folder of the data sets' folders, or the data set's folder itself.
        split: "train", "val", "test" or "trainval".
        num_points: number of points per shape; None for all.

    Raises:
        InputError: if files are missing or invalid, for an unknown split, and, when a shape is read, for a part label
            of another category.
    """

    class_names = CATEGORIES
    part_names = PART_NAMES

    def __init__(self, root: str | Path, split: str = "test", num_points: int | None = None) -> None:
        check_split(split, SPLITS, "ShapeNetPart")
        self._shapes = _open(Path(root), SPLITS[split], num_points)
        self.labels, self.notes = self._shapes.labels, self._shapes.notes

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Shape:
        label = int(self.labels[index])
        points, parts, name = self._shapes[index]
        count = len(PART_NAMES[CATEGORIES[label]])
        assert parts is not None
        local = np.asarray(parts - FIRST_PART[label])  # [N]
        if local.min(initial=0) < 0 or local.max(initial=0) >= count:
            wrong = parts[(local < 0) | (local >= count)][0]
            raise InputError(
                f"{self._shapes.file_of(index)}: {name} is a {CATEGORIES[label]} with part label {wrong}, "
                f"expected {FIRST_PART[label]} to {FIRST_PART[label] + count - 1}."
            )
        return Shape(points=points, label=label, name=name, parts=local)

    def prepare(self, indices: Sequence[int]) -> None:
        """Have these shapes read ahead."""
        if isinstance(self._shapes, FilePerShape):
            self._shapes.prepare(indices)


def _open(root: Path, splits: Sequence[str], num_points: int | None) -> H5Shapes | TextShapes:
    h5_places = places(SHAPENETPART, root)
    for folder in h5_places:
        if any(folder.glob("ply_data_*.h5")):
            found = [listed_files(folder, f"{name}_hdf5_file_list.txt", f"ply_data_{name}*.h5") for name in splits]
            files, notes = zip(*found, strict=True)
            shapes = H5Shapes(list(chain(*files)), len(CATEGORIES), num_points, parts_key="pid")
            shapes.notes = tuple(chain(*notes))
            return shapes
    text_places = [root / name for name in TEXT_FOLDERS] + [root]
    for folder in text_places:
        if (folder / "train_test_split").is_dir():
            return TextShapes(folder, splits, num_points)
    raise missing_data(SHAPENETPART, root, [*h5_places, *text_places[:-1]])


def _listed_shapes(folder: Path, split: str) -> list[tuple[str, str]]:
    """(synset, id) of each shape in a split; the list's entries are shape_data/<synset>/<id>."""
    listing = folder / "train_test_split" / f"shuffled_{split}_file_list.json"
    try:
        shapes = [tuple(entry.split("/")[-2:]) for entry in json.loads(listing.read_text(encoding="utf-8"))]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{listing} is not a readable list of shapes ({error}); unpack the data set again.") from error
    for shape in shapes:
        if len(shape) != 2 or shape[0] not in SYNSETS:
            raise InputError(f"{listing} lists {'/'.join(shape)!r}; expected <synset>/<id> of a known category.")
    return shapes


def _table(path: Path, columns: int) -> np.ndarray:
    """The numbers of a text file as [rows, columns] float64."""
    try:
        table = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a table of numbers ({error}); unpack the data set again."
        ) from error
    if table.shape[1] != columns or not len(table):
        raise InputError(f"{path} has a table of shape {list(table.shape)}; expected rows of {columns} columns.")
    return table
