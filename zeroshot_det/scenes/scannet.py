"""ScanNet V2 as VoteNet, 3DETR or mmdetection3d prepare it: axis-aligned scans and boxes of 18 classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pointclip.datasets.catalog import partial_note
from pointclip.datasets.found_instead import Hint, found_instead
from pointclip.errors import InputError
from pointclip.utils.files import expanded
from zeroshot_det.boxes import check_boxes, from_scannet
from zeroshot_det.class_names import SCANNET
from zeroshot_det.scenes.base import Scene, check_scene
from zeroshot_det.scenes.scannet_layouts import FOLDER, Layout, MmdetLayout, VoteNetLayout

SPLITS = {"train": "scannetv2_train.txt", "val": "scannetv2_val.txt"}
LIST_FOLDERS = (".", "meta_data", "..", "../meta_data", FOLDER)
RUN_VOTENET = "run VoteNet's scannet/batch_load_scannet_data.py, which makes the folder scannet_train_detection_data"
RUN_MMDET = (
    "run mmdetection3d's data/scannet/batch_load_scannet_data.py and tools/create_data.py, or copy the rest here"
)
MISSING = (
    "agree to the terms at http://www.scan-net.org (send the form to scannet@googlegroups.com), download ScanNet V2, "
    f"{RUN_VOTENET}"
)


HINTS: tuple[Hint, ...] = (
    ("points/*.bin", "points as mmdetection3d keeps them, without the boxes (*_aligned_bbox.npy)", RUN_MMDET),
    ("*_aligned_bbox.npy", "boxes as mmdetection3d keeps them, without points/*.bin or *_vert.npy", RUN_MMDET),
    ("*_vert.npy", "scans as VoteNet prepares them, without their boxes (*_bbox.npy)", RUN_VOTENET),
    ("scans/scene*", "ScanNet as downloaded", RUN_VOTENET),
    ("scene*/*_vh_clean_2.ply", "ScanNet as downloaded", RUN_VOTENET),
    ("*.pth", "scans prepared for semantic segmentation, without boxes", RUN_VOTENET),
)


class ScanNet:
    """ScanNet V2, z up; 1,201 training and 312 validation scenes.

    Of a partial copy, the scenes are read that are listed and there.

    Args:
        root: the folder that holds `scannet_train_detection_data` or mmdetection3d's `points`, or the former itself.
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
        self._layout: Layout | None = VoteNetLayout.find(root) or MmdetLayout.find(root)
        if self._layout is None:
            if instead := found_instead(root, HINTS, ("scannet",)):
                raise InputError(f"ScanNet cannot be read from {root}: {instead}.")
            raise InputError(f"There is no ScanNet in {root}; {MISSING}, then set DATASET.ROOT to the folder above it.")
        folder = self._layout.folder
        lists = [base / where / SPLITS[split] for base in (root, folder) for where in LIST_FOLDERS]
        listed = next((path for path in lists if path.is_file()), None)
        if listed is None:
            raise InputError(
                f"There is no {SPLITS[split]} beside {folder}; copy it there from VoteNet's scannet/meta_data."
            )
        names = sorted({line.strip() for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()})
        self.names = [name for name in names if self._layout.has(name)]
        missing = sorted(set(names) - set(self.names))
        if not self.names:
            raise InputError(f"None of the {len(names)} scenes in {listed} has points and boxes in {folder}.")
        self.total, self.notes = len(names), partial_note(missing, len(names), f"scenes listed in {listed.name}")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Scene:
        assert self._layout is not None
        name = self.names[index]
        vertices, rows = self._layout.read(name)
        points = check_scene(vertices, name)
        boxes, labels = _boxes(rows, name)
        colours = vertices[:, 3:6].astype(np.uint8) if vertices.shape[1] >= 6 else None
        return Scene(name, points, boxes, labels, colours)


def _boxes(rows: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The boxes of the 18 classes and their labels; other NYU40 ids are dropped, as in the published code."""
    if rows.ndim != 2 or rows.shape[1] != 7:
        raise InputError(f"{name}_bbox.npy has the shape {list(rows.shape)}; expected [k, 7].")
    boxes, ids = from_scannet(rows)
    numbers: Sequence[int] = list(SCANNET)
    known = np.isin(ids, numbers)
    return check_boxes(boxes[known], f"{name}_bbox.npy"), np.searchsorted(numbers, ids[known])
