"""The layouts in which people have ScanNet: VoteNet's and mmdetection3d's."""

from pathlib import Path
from typing import Protocol

import numpy as np

from pointclip.errors import InputError
from zeroshot_det.boxes import from_scannet, inside
from zeroshot_det.scenes.arrays import load_array

FOLDER = "scannet_train_detection_data"  # of VoteNet, holds training and validation scenes
INSTANCES = "scannet_instance_data"  # of mmdetection3d


class Layout(Protocol):
    """A prepared copy of ScanNet."""

    folder: Path

    def has(self, name: str) -> bool:
        """Whether points and boxes of a scene are there."""
        ...

    def read(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Vertices [N, 3 or more], x y z r g b, and boxes [k, 7] with NYU40 ids, both axis-aligned."""
        ...


class VoteNetLayout:
    """<scene>_vert.npy and <scene>_bbox.npy in one folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    @classmethod
    def find(cls, root: Path) -> "VoteNetLayout | None":
        """The copy in `root`, or None."""
        places = (root / FOLDER, root)
        return next((cls(path) for path in places if any(path.glob("*_vert.npy")) and any(path.glob("*_bbox.npy"))
                     and not any(path.glob("*_aligned_bbox.npy"))), None)  # fmt: skip

    def has(self, name: str) -> bool:
        """See `Layout`."""
        return all((self.folder / f"{name}_{kind}.npy").is_file() for kind in ("vert", "bbox"))

    def read(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """See `Layout`."""
        return load_array(self.folder / f"{name}_vert.npy"), load_array(self.folder / f"{name}_bbox.npy")


class MmdetLayout:
    """points/<scene>.bin, and <scene>_aligned_bbox.npy and _axis_align_matrix.npy beside it or in a folder.

    The .bin holds float32 [N, 6], x y z r g b, in the scanner's frame, and the matrix turns it to the boxes'. Copies
    whose points are aligned already are recognised by where the boxes' points are.
    """

    def __init__(self, folder: Path, boxes: Path):
        self.folder, self.boxes = folder, boxes

    @classmethod
    def find(cls, root: Path) -> "MmdetLayout | None":
        """The copy in `root`, or None."""
        for folder in (root, root / "scannet", root / "data" / "scannet"):
            for boxes in (folder, folder / INSTANCES):
                if any(boxes.glob("*_aligned_bbox.npy")):
                    return cls(folder, boxes)
        return None

    def has(self, name: str) -> bool:
        """See `Layout`."""
        points = self.folder / "points" / f"{name}.bin", self.boxes / f"{name}_vert.npy"
        return any(path.is_file() for path in points) and (self.boxes / f"{name}_aligned_bbox.npy").is_file()

    def read(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """See `Layout`."""
        vertices = self._vertices(name)
        rows = load_array(self.boxes / f"{name}_aligned_bbox.npy")
        path = self.boxes / f"{name}_axis_align_matrix.npy"
        if not path.is_file() or vertices.ndim != 2 or vertices.shape[1] < 3 or rows.ndim != 2 or rows.shape[1] != 7:
            return vertices, rows  # which the caller checks
        matrix = np.asarray(load_array(path), float)
        if matrix.shape != (4, 4):
            raise InputError(f"{path} holds {list(matrix.shape)}; expected a matrix [4, 4].")
        aligned = vertices.copy()
        aligned[:, :3] = vertices[:, :3] @ matrix[:3, :3].T + matrix[:3, 3]
        return (vertices if _filled(vertices, rows) > _filled(aligned, rows) else aligned), rows

    def _vertices(self, name: str) -> np.ndarray:
        path = self.folder / "points" / f"{name}.bin"
        if not path.is_file():
            return load_array(self.boxes / f"{name}_vert.npy")
        data = path.read_bytes()
        if not data or len(data) % 24:
            raise InputError(f"{path} has {len(data)} bytes; expected rows of 6 float32 (x y z r g b), 24 bytes.")
        return np.frombuffer(data, "<f4").reshape(-1, 6)


def _filled(vertices: np.ndarray, rows: np.ndarray) -> int:
    """How many boxes hold points."""
    return sum(bool(inside(vertices[:, :3], box).any()) for box in from_scannet(rows)[0])
