"""SUN RGB-D (v1) as VoteNet prepares it: single views with oriented boxes of ten classes."""

from pathlib import Path

import numpy as np

from pointclip.datasets.found_instead import Hint, found_instead
from pointclip.errors import InputError
from pointclip.utils.files import expanded
from zeroshot_det.boxes import check_boxes, from_sunrgbd
from zeroshot_det.class_names import SUNRGBD
from zeroshot_det.scenes.arrays import load_array
from zeroshot_det.scenes.base import Scene, check_scene

FOLDER = "sunrgbd_pc_bbox_votes_50k_v1_{}"
SPLITS = ("train", "val")
SCENES = {"train": 5285, "val": 5050}
RUN = "run VoteNet's sunrgbd/sunrgbd_data.py --gen_v1_data, which makes sunrgbd_pc_bbox_votes_50k_v1_train and _val"
MISSING = (
    f"download SUNRGBD.zip and its toolbox from https://rgbd.cs.princeton.edu, agreeing to the terms there, and {RUN}"
)
HINTS: tuple[Hint, ...] = (
    ("sunrgbd_pc_bbox_votes_50k_v2_*", "with the boxes of v2, on which no published score is", RUN),
    ("points/*.bin", "points as mmdetection3d keeps them, without VoteNet's boxes", RUN),
    ("sunrgbd_trainval", "the .mat and .txt files that VoteNet prepares", RUN),
    ("SUNRGBDtoolbox", "SUN RGB-D as downloaded", RUN),
    ("OFFICIAL_SUNRGBD", "SUN RGB-D as downloaded", RUN),
)


class SunRgbd:
    """SUN RGB-D v1, z up; 5,285 training and 5,050 validation scenes.

    Args:
        root: the folder that holds `sunrgbd_pc_bbox_votes_50k_v1_train` and `_val`.
        split: "train" or "val".

    Raises:
        InputError: for an unknown split, and where files are missing.
    """

    class_names = SUNRGBD
    has_truth = True

    def __init__(self, root: str | Path, split: str = "val"):
        if split not in SPLITS:
            raise InputError(f"The split is {split!r}, but SUN RGB-D has {' and '.join(SPLITS)}.")
        root = expanded(root)
        name = FOLDER.format(split)
        self.folder = root if root.name == name else root / name
        clouds = {path.name.removesuffix("_pc.npz") for path in self.folder.glob("*_pc.npz")}
        boxes = {path.name.removesuffix("_bbox.npy") for path in self.folder.glob("*_bbox.npy")}
        self.names = sorted(clouds & boxes)
        if not self.names:
            instead = found_instead(root, HINTS, ("sunrgbd",))
            other = next((other for other in SPLITS if (root / FOLDER.format(other)).is_dir()), None)
            if other not in (None, split):
                instead = f"only {FOLDER.format(other)} is there: set DATASET.SPLIT {other}, or copy {name} there"
            raise InputError(
                f"SUN RGB-D cannot be read from {root}: {instead}." if instead else
                f"There is no SUN RGB-D in {self.folder}; {MISSING}, then set DATASET.ROOT to the folder above them."
            )  # fmt: skip
        self.total = SCENES[split]
        half = sorted(clouds ^ boxes)
        self.notes: tuple[str, ...] = ()
        if half:
            self.notes = (f"{len(half)} scene(s) without their points or boxes were passed over, such as {half[0]}.",)
        if len(self.names) < self.total:
            self.notes += (f"{len(self.names)} of the {self.total} scenes of the split are there; they were read.",)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Scene:
        name = self.names[index]
        cloud = load_array(self.folder / f"{name}_pc.npz", "pc")
        points = check_scene(cloud, name)
        boxes, labels = _boxes(load_array(self.folder / f"{name}_bbox.npy"), name)
        colours = (255 * np.clip(cloud[:, 3:6], 0, 1)).astype(np.uint8) if cloud.shape[1] >= 6 else None
        return Scene(name, points, boxes, labels, colours)


def _boxes(rows: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    if rows.size and (rows.ndim != 2 or rows.shape[1] != 8):
        raise InputError(f"{name}_bbox.npy has the shape {list(rows.shape)}; expected [k, 8].")
    boxes, labels = from_sunrgbd(rows)
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(SUNRGBD):
        raise InputError(f"{name}_bbox.npy has classes {labels.min()} to {labels.max()}; expected 0 to 9.")
    return check_boxes(boxes, f"{name}_bbox.npy"), labels
