"""ScanNet V2 as VoteNet and 3DETR prepare it: axis-aligned scans with axis-aligned boxes of 18 classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pointclip.errors import InputError
from pointclip.utils.files import expanded
from zeroshot_det.boxes import check_boxes, from_scannet
from zeroshot_det.class_names import SCANNET
from zeroshot_det.scenes.arrays import load_array
from zeroshot_det.scenes.base import Scene, check_scene

FOLDER = "scannet_train_detection_data"  # holds training and validation scenes
SPLITS = {"train": "scannetv2_train.txt", "val": "scannetv2_val.txt"}
LIST_FOLDERS = (".", "meta_data", "..", "../meta_data", FOLDER)
MISSING = (
    "agree to the terms at http://www.scan-net.org (send the form to scannet@googlegroups.com), download ScanNet V2, "
    "run VoteNet's scannet/batch_load_scannet_data.py on it, which makes the folder scannet_train_detection_data"
)


class ScanNet:
    """ScanNet V2, z up; 1,201 training and 312 validation scenes.

    Args:
        root: the folder that holds `scannet_train_detection_data`, or that folder itself.
        split: "train" or "val".

    Raises:
        InputError: for an unknown split, and where files are missing.
    """

    class_names = tuple(SCANNET.values())
    has_truth = True

    def __init__(self, root: str | Path, split: str = "val"):
        if split not in SPLITS:
            raise InputError(f"The split is {split!r}, but ScanNet has {' and '.join(SPLITS)}.")
        root = expanded(root)
        self.folder = next((path for path in (root / FOLDER, root) if any(path.glob("*_vert.npy"))), None)
        if self.folder is None:
            raise InputError(f"There is no ScanNet in {root}; {MISSING}, then set DATASET.ROOT to the folder above it.")
        lists = [base / where / SPLITS[split] for base in (root, self.folder) for where in LIST_FOLDERS]
        listed = next((path for path in lists if path.is_file()), None)
        if listed is None:
            raise InputError(
                f"There is no {SPLITS[split]} beside {self.folder}; copy it there from VoteNet's scannet/meta_data."
            )
        self.names = sorted(line.strip() for line in listed.read_text().splitlines() if line.strip())

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Scene:
        name = self.names[index]
        vertices = load_array(self.folder / f"{name}_vert.npy")
        points = check_scene(vertices, name)
        boxes, labels = _boxes(load_array(self.folder / f"{name}_bbox.npy"), name)
        colours = vertices[:, 3:6].astype(np.uint8) if vertices.shape[1] >= 6 else None
        return Scene(name, points, boxes, labels, colours)


def _boxes(rows: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The boxes of the 18 classes and their labels; other NYU40 ids are dropped, as in the published code."""
    if rows.ndim != 2 or rows.shape[1] != 7:
        raise InputError(f"{name}_bbox.npy has the shape {list(rows.shape)}; [k, 7] was expected.")
    boxes, ids = from_scannet(rows)
    numbers: Sequence[int] = list(SCANNET)
    known = np.isin(ids, numbers)
    return check_boxes(boxes[known], f"{name}_bbox.npy"), np.searchsorted(numbers, ids[known])
