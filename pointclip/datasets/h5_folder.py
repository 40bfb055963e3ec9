"""A folder of HDF5 files with lists beside them, as PointCLIP's code takes data sets of one's own."""

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
    """The shapes of a folder in PointCLIP's layout, one item a `Shape`, y up as they are.

    The folder holds shape_names.txt (a class a line, in label order), .h5 files with `data` [n, P, 3] and `label`, and
    train_files.txt and test_files.txt, which name the files of a split. People copy these lists from other sets: where
    none of a list's files is there, the files whose names say the split are taken, and a note in `notes` tells.

    Args:
        root: the folder itself.
        split: "train" or "test".
        num_points: points a shape, the first ones; None takes all.

    Raises:
        InputError: when the files are not there or not as expected, and for an unknown split.
    """

    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - it has none, and the protocol asks for a dict

    def __init__(self, root: str | Path, split: str = "test", num_points: int | None = None) -> None:
        check_split(split, SPLITS, "a folder of .h5 files")
        folder = Path(root)
        if not (folder / NAMES).is_file():
            raise InputError(
                f"{folder} has no {NAMES}; set DATASET.ROOT to the folder that holds it, the .h5 files and their lists."
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
    """The files of a split, and a note where its list names none that is there."""
    listing = folder / LISTS[split]
    listed = [Path(line.replace("\\", "/")).name for line in read_lines(listing)] if listing.is_file() else []
    if any((folder / name).is_file() for name in listed):
        return listed_files(folder, listing.name, "*.h5"), ()
    found = sorted(path for path in folder.glob(f"*{split}*.h5") if not path.name.startswith("."))
    if not found:
        there = ", ".join(sorted(path.name for path in folder.glob("*.h5"))) or "no .h5 file"
        what = f"names {', '.join(listed[:3])}, none of which is there" if listed else "is missing or empty"
        raise InputError(f"{listing} {what}, and no .h5 file says {split} (there is {there}); list the split's files.")
    names = ", ".join(path.name for path in found)
    if not listing.is_file():
        return found, ()
    return found, (f"{listing.name} names no file that is there, so the {split} split is {names}, by name.",)
