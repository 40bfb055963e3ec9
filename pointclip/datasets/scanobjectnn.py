"""ScanObjectNN: objects cut out of real indoor scans, in six variants and five splits."""

from functools import partial
from pathlib import Path

from pointclip.datasets.base import Shape, register
from pointclip.datasets.catalog import SCANOBJECTNN, check_split, missing_data, places
from pointclip.datasets.h5 import H5Shapes
from pointclip.errors import InputError

CLASSES = (
    "bag",
    "bin",
    "box",
    "cabinet",
    "chair",
    "desk",
    "display",
    "door",
    "shelf",
    "table",
    "bed",
    "pillow",
    "sink",
    "sofa",
    "toilet",
)  # label order, which is not alphabetical

VARIANTS = {
    "obj_only": ("_nobg", ""),  # the object's points only
    "obj_bg": ("", ""),  # with background from the scan
    "pb_t25": ("", "_augmented25_norot"),  # bounding box shifted by up to a quarter of its size
    "pb_t25_r": ("", "_augmented25rot"),  # and rotated
    "pb_t50_r": ("", "_augmentedrot"),  # bounding box shifted by up to half its size, rotated
    "pb_t50_rs": ("", "_augmentedrot_scale75"),  # and scaled: the hardest
}  # name -> suffix of the folder's name, suffix of the file's name

FOLDS = ("main_split", "split1", "split2", "split3", "split4")  # training/test splits of the objects

# PB_T50_RS has up to five augmented copies of each object. Its files do not say which rows show the same object; copies
# are assumed to be consecutive, so rows closer together than this should not end up in different subsets.
COPIES = 5

FILE_SPLITS = {"train": "training", "test": "test"}


class ScanObjectNN:
    """One variant of ScanObjectNN as `Shape`s with y up.

    The files are y up. Their clouds are neither centred nor normalised, and are returned unchanged. `labels` [n] int64
    is available without reading shapes. PB_T50_RS has 11,416 training and 2,882 test shapes, the OBJ variants 2,309 and
    581.

    Args:
        root: the folder of the data sets' folders, or one that contains main_split and main_split_nobg.
        split: "train" or "test".
        num_points: number of points per shape, the first of 2048.
        variant: one of `VARIANTS`.
        fold: one of `FOLDS`; the paper's main results use "main_split".

    Raises:
        InputError: if files are missing or invalid, and for an unknown split or variant.
    """

    class_names = CLASSES
    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - no parts, but the protocol asks for a dict

    def __init__(
        self,
        root: str | Path,
        split: str = "test",
        num_points: int = 1024,
        variant: str = "pb_t50_rs",
        fold: str = "main_split",
    ) -> None:
        if variant not in VARIANTS:
            raise InputError(f"ScanObjectNN has no variant {variant!r}; choose one of {', '.join(VARIANTS)}.")
        if fold not in FOLDS:
            raise InputError(f"ScanObjectNN has no split {fold!r}; choose one of {', '.join(FOLDS)}.")
        check_split(split, FILE_SPLITS, "ScanObjectNN")
        background, ending = VARIANTS[variant]
        name = f"{fold}{background}/{FILE_SPLITS[split]}_objectdataset{ending}.h5"
        candidates = [place / name for place in places(SCANOBJECTNN, root)]
        path = next((path for path in candidates if path.is_file()), None)
        if path is None:
            other = next((file for place in candidates for file in sorted(place.parent.glob("*.h5"))), None)
            if other is not None:
                names = ", ".join(file.name for file in sorted(other.parent.glob("*.h5")))
                raise InputError(
                    f"{other.parent} has no {candidates[0].name}, only {names}; unpack it there, or set DATASET.NAME "
                    "and DATASET.SPLIT to what is there."
                )
            raise missing_data(SCANOBJECTNN, root, candidates)
        self._shapes = H5Shapes([path], len(CLASSES), num_points)
        self.labels = self._shapes.labels
        self.copies = COPIES if variant == "pb_t50_rs" else 1

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, index: int) -> Shape:
        row = range(len(self))[index]
        points, _, name = self._shapes[row]
        return Shape(points=points, label=int(self.labels[row]), name=name)


for _variant in VARIANTS:  # "scanobjectnn_pb_t50_rs", "scanobjectnn_pb_t50_rs_split1", …
    for _fold in FOLDS:
        _ending = "" if _fold == "main_split" else f"_{_fold}"
        register(f"scanobjectnn_{_variant}{_ending}")(partial(ScanObjectNN, variant=_variant, fold=_fold))
