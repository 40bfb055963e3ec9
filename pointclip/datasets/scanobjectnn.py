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
    "obj_only": ("_nobg", ""),  # the object's points alone
    "obj_bg": ("", ""),  # with what surrounds it in the scan
    "pb_t25": ("", "_augmented25_norot"),  # box moved by up to a quarter of its size
    "pb_t25_r": ("", "_augmented25rot"),  # and turned
    "pb_t50_r": ("", "_augmentedrot"),  # box moved by up to half its size, turned
    "pb_t50_rs": ("", "_augmentedrot_scale75"),  # and scaled: the hardest
}  # name -> end of the folder's name, end of the file's name

FOLDS = ("main_split", "split1", "split2", "split3", "split4")  # ways to part the objects into training and test

# PB_T50_RS has up to five augmented copies of each object. Its files do not say which rows show the same one; copies
# are assumed to be neighbours, so a split should keep rows that are closer than this on one side.
COPIES = 5

FILE_SPLITS = {"train": "training", "test": "test"}


class ScanObjectNN:
    """One variant of ScanObjectNN, one item a `Shape` with y up.

    The files are y up as they are. Their clouds are neither centred nor of unit size, and are handed on like that.
    `labels` [n] int64 holds all labels without reading a shape. PB_T50_RS has 11,416 training and 2,882 test shapes,
    the OBJ variants 2,309 and 581.

    Args:
        root: the folder that holds the data sets' folders, or one that holds main_split and main_split_nobg.
        split: "train" or "test".
        num_points: points a shape, the first ones of 2048.
        variant: one of `VARIANTS`.
        fold: one of `FOLDS`; the paper's main figures are of "main_split".

    Raises:
        InputError: when the files are not there or not as expected, and for an unknown split or variant.
    """

    class_names = CLASSES
    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - it has none, and the protocol asks for a dict

    def __init__(
        self,
        root: str | Path,
        split: str = "test",
        num_points: int = 1024,
        variant: str = "pb_t50_rs",
        fold: str = "main_split",
    ) -> None:
        if variant not in VARIANTS:
            raise InputError(f"ScanObjectNN's variant is {variant!r}, but it has {', '.join(VARIANTS)}.")
        if fold not in FOLDS:
            raise InputError(f"ScanObjectNN's split is {fold!r}, but it has {', '.join(FOLDS)}.")
        check_split(split, FILE_SPLITS, "ScanObjectNN")
        background, ending = VARIANTS[variant]
        name = f"{fold}{background}/{FILE_SPLITS[split]}_objectdataset{ending}.h5"
        candidates = [place / name for place in places(SCANOBJECTNN, root)]
        path = next((path for path in candidates if path.is_file()), None)
        if path is None:
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
