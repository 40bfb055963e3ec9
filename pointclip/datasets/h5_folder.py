"""A folder of HDF5 files with lists, the layout of user-defined data sets in PointCLIP's code."""

from pathlib import Path

import numpy as np

from pointclip.datasets.base import Shape, register
from pointclip.datasets.catalog import check_split
from pointclip.datasets.h5 import H5Shapes, listed_files, read_class_names, read_lines
from pointclip.errors import InputError

SPLITS = ("train", "test")
NAMES, LISTS = "shape_names.txt", {split: f"{split}_files.txt" for split in SPLITS}


@register("h5_folder")
class H5Folder:
    """The shapes of a folder in PointCLIP's layout, as `Shape`s; the files are y up.

    The folder contains shape_names.txt (one class per line, in label order), .h5 files with `data` [n, P, 3] and
    `label`, and train_files.txt and test_files.txt, which list the files of a split. Such lists are often copied from
    other data sets: if none of a list's files exists, the files with the split in their name are used, with a note in
    `notes`.

    Args:
        root: the folder.
        split: "train" or "test".
        num_points: number of points per shape, from the first; None for all.

    Raises:
        InputError: if files are missing or invalid, and for an unknown split.
    """

    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - no parts, but the protocol asks for a dict

    def __init__(self, root: str | Path, split: str = "test", num_points: int | None = None) -> None:
        check_split(split, SPLITS, "a folder of .h5 files")
        folder = Path(root)
        if not (folder / NAMES).is_file():
            raise InputError(
                f"{folder} has no {NAMES}; set DATASET.ROOT to the folder with it, the .h5 files and their lists."
            )
        self.class_names = read_class_names(folder / NAMES)
        files, self.notes = _files_of(folder, split)
        self._shapes = H5Shapes(files, len(self.class_names), num_points, names=folder / NAMES)
        self.labels: np.ndarray = self._shapes.labels

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, index: int) -> Shape:
        row = range(len(self))[index]
        points, _, name = self._shapes[row]
        return Shape(points=points, label=int(self.labels[row]), name=name)


def _files_of(folder: Path, split: str) -> tuple[list[Path], tuple[str, ...]]:
    """The files of a split, with a note if none of the files in its list exists."""
    listing = folder / LISTS[split]
    listed = [Path(line.replace("\\", "/")).name for line in read_lines(listing)] if listing.is_file() else []
    if any((folder / name).is_file() for name in listed):
        return listed_files(folder, listing.name, "*.h5")
    by_name = sorted(path for path in folder.glob(f"*{split}*.h5") if not path.name.startswith("."))
    if not by_name:
        existing = ", ".join(sorted(path.name for path in folder.glob("*.h5"))) or "no .h5 files"
        problem = f"lists {', '.join(listed[:3])}, none of which exists" if listed else "is missing or empty"
        raise InputError(
            f"{listing} {problem}, and no .h5 file has {split} in its name (there are {existing}); list the split's "
            "files."
        )
    names = ", ".join(path.name for path in by_name)
    if not listing.is_file():
        return by_name, ()
    return by_name, (f"No file listed in {listing.name} exists, so the {split} split is {names}, by name.",)
