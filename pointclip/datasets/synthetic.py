"""Made-up shapes of ShapeNetPart's sixteen categories, with a part label for every point, needing no files.

A shape follows from its category and its seed alone. y is up; things with a front look towards −z and their width lies
along x; guitars and rockets mostly stand, knives stand or lie. ShapeNet's own facing is not the same in all of its
versions, so what reads these shapes should not lean on it; the up axis is what matters to the views.

`SyntheticShapes` is the data set "synthetic"; `write_modelnet40` and `write_shapenetpart` write such shapes in the
layouts of the published data sets, for trying out their readers.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np

from pointclip.datasets import (
    synthetic_aircraft,
    synthetic_furniture,
    synthetic_lamps,
    synthetic_objects,
    synthetic_vehicles,
    synthetic_worn,
)
from pointclip.datasets.base import Shape, register
from pointclip.datasets.primitives import Mesh, join, sample
from pointclip.datasets.shapenetpart_labels import CATEGORIES, FIRST_PART, PART_NAMES
from pointclip.errors import InputError
from pointclip.files import atomic_path

__all__ = ["CATEGORIES", "PART_NAMES", "SyntheticShapes", "generate", "write_modelnet40", "write_shapenetpart"]

SPLITS = ("train", "val", "test")
POINTS = 2048
_MOST = 1_000_000  # seeds of each class in one split of one set
_PER_CLASS = {"train": 200, "val": 20, "test": 20}
_BUILDERS: dict[str, Callable[[np.random.Generator], list[tuple[str, Mesh]]]] = {
    "airplane": synthetic_aircraft.build_airplane,
    "bag": synthetic_worn.build_bag,
    "cap": synthetic_worn.build_cap,
    "car": synthetic_vehicles.build_car,
    "chair": synthetic_furniture.build_chair,
    "earphone": synthetic_worn.build_earphone,
    "guitar": synthetic_objects.build_guitar,
    "knife": synthetic_objects.build_knife,
    "lamp": synthetic_lamps.build_lamp,
    "laptop": synthetic_objects.build_laptop,
    "motorbike": synthetic_vehicles.build_motorbike,
    "mug": synthetic_objects.build_mug,
    "pistol": synthetic_objects.build_pistol,
    "rocket": synthetic_aircraft.build_rocket,
    "skateboard": synthetic_vehicles.build_skateboard,
    "table": synthetic_furniture.build_table,
}


def generate(category: str, seed: int, num_points: int = 2048) -> Shape:
    """Make one shape.

    Args:
        category: one of `CATEGORIES`.
        seed: any whole number from 0 on; another seed is another shape.
        num_points: how many points to draw; fewer are the first ones of more.

    Returns:
        A shape whose label is the category's index, with points [num_points, 3] in random order, uniform on the
        surface, inside the unit sphere around the middle of the shape's bounds, and parts [num_points] counted
        within the category (see `PART_NAMES`).

    Raises:
        InputError: for an unknown category, a negative seed or no points.
    """
    if category not in _BUILDERS:
        raise InputError(f"The category is {category!r}, but synthetic shapes are one of {', '.join(CATEGORIES)}.")
    if seed < 0 or num_points < 1:
        raise InputError(f"The seed is {seed} and num_points {num_points}, but they start at 0 and at 1.")
    label = CATEGORIES.index(category)
    structure, drawing = (np.random.default_rng([label, int(seed), stream]) for stream in (0, 1))
    named = _BUILDERS[category](structure)
    whole, owner = join([mesh for _, mesh in named])
    vertices = whole.vertices * structure.uniform(0.92, 1.08, 3)  # [V, 3]
    vertices = vertices - (vertices.max(0) + vertices.min(0)) / 2
    vertices /= np.sqrt((vertices**2).sum(1).max()) * (1 + 1e-5)
    points, face = sample(Mesh(vertices, whole.faces), num_points, drawing)
    number = np.array([PART_NAMES[category].index(part) for part, _ in named], np.int64)
    points = np.round(points, 5)  # hides the last bits, in which sine and cosine differ between platforms
    return Shape(points.astype(np.float32), label, f"{category}-{seed}", number[owner[face]])


@register("synthetic")
class SyntheticShapes:
    """Synthetic shapes as a data set, class after class in turn, so that every beginning of it is balanced.

    Args:
        root: not used; there are no files.
        split: "train", "val" or "test"; their shapes never meet, whatever `seed` and `per_class` are.
        per_class: shapes of each class; 200 for "train" and 20 for the others unless told.
        num_points: points of each shape, 2048 unless told.
        seed: another number gives other shapes.

    Raises:
        InputError: for an unknown split or numbers out of range.
    """

    def __init__(
        self,
        root: str | None = None,
        split: str = "test",
        per_class: int | None = None,
        num_points: int | None = None,
        seed: int = 0,
    ) -> None:
        num_points = POINTS if num_points is None else num_points
        if split not in SPLITS:
            raise InputError(f"The split is {split!r}, but the synthetic shapes have {', '.join(SPLITS)}.")
        per_class = _PER_CLASS[split] if per_class is None else per_class
        if not 1 <= per_class <= _MOST or seed < 0 or num_points < 1:
            raise InputError(
                f"per_class is {per_class}, seed {seed} and num_points {num_points}, but expected are 1 to {_MOST} "
                "shapes of each class, a seed from 0 on and at least one point."
            )
        self.class_names = CATEGORIES
        self.part_names = dict(PART_NAMES)
        self.per_class, self.num_points = per_class, num_points
        self.labels = np.arange(per_class * len(CATEGORIES)) % len(CATEGORIES)
        self._first_seed = (seed * len(SPLITS) + SPLITS.index(split)) * _MOST

    def __len__(self) -> int:
        return self.per_class * len(CATEGORIES)

    def shape_seed(self, index: int) -> tuple[str, int]:
        """The category and the seed of a shape, as `generate` takes them."""
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} of {len(self)} shapes")
        return CATEGORIES[index % len(CATEGORIES)], self._first_seed + index // len(CATEGORIES)

    def __getitem__(self, index: int) -> Shape:
        return generate(*self.shape_seed(index), self.num_points)


def write_modelnet40(
    folder: str | os.PathLike,
    per_class: int = 2,
    categories: Sequence[str] = CATEGORIES,
    num_points: int = 2048,
    shapes_per_file: int = 20,
    seed: int = 0,
) -> Path:
    """Write train and test splits as folder/modelnet40_ply_hdf5_2048, in the layout of the published data set.

    The classes are `categories`, in that order; the list files name the parts below "data/", as the published ones do.

    Returns:
        The folder written.
    """
    place = Path(folder) / "modelnet40_ply_hdf5_2048"
    for split in ("train", "test"):
        shapes = _shapes(split, per_class, categories, num_points, seed)
        names = _write_parts(place, split, shapes, categories, shapes_per_file, parts=False)
        _write_lines(place / f"{split}_files.txt", [f"data/modelnet40_ply_hdf5_2048/{name}" for name in names])
    _write_lines(place / "shape_names.txt", categories)
    return place


def write_shapenetpart(
    folder: str | os.PathLike,
    per_class: int = 2,
    categories: Sequence[str] = CATEGORIES,
    num_points: int = 2048,
    shapes_per_file: int = 20,
    seed: int = 0,
) -> Path:
    """Write the three splits as folder/shapenet_part_seg_hdf5_data/hdf5_data, in the layout of the published data set.

    Labels and parts keep ShapeNetPart's numbers, also where `categories` are only some of the sixteen.

    Returns:
        The folder written, the inner one.
    """
    place = Path(folder) / "shapenet_part_seg_hdf5_data" / "hdf5_data"
    for split in SPLITS:
        shapes = _shapes(split, per_class, categories, num_points, seed)
        names = _write_parts(place, split, shapes, CATEGORIES, shapes_per_file, parts=True)
        _write_lines(place / f"{split}_hdf5_file_list.txt", [f"data/hdf5_data/{name}" for name in names])
    return place


def _shapes(split: str, per_class: int, categories: Sequence[str], num_points: int, seed: int) -> list[Shape]:
    """A split's shapes of some categories."""
    unknown = [name for name in categories if name not in CATEGORIES]
    if unknown:
        raise InputError(f"Cannot write {unknown}: the categories of synthetic shapes are {', '.join(CATEGORIES)}.")
    whole = SyntheticShapes(split=split, per_class=per_class, num_points=num_points, seed=seed)
    return [
        generate(*named, num_points) for named in map(whole.shape_seed, range(len(whole))) if named[0] in categories
    ]


def _write_parts(
    place: Path, split: str, shapes: list[Shape], classes: Sequence[str], shapes_per_file: int, parts: bool
) -> list[str]:
    """Write ply_data_SPLIT0.h5 and so on; `classes` number the labels. Returns the files' names."""
    names = []
    for start in range(0, len(shapes), shapes_per_file):
        some = shapes[start : start + shapes_per_file]
        names.append(f"ply_data_{split}{len(names)}.h5")
        with atomic_path(place / names[-1]) as path, h5py.File(path, "w") as file:
            file["data"] = np.stack([shape.points for shape in some])  # [n, num_points, 3] float32
            labels = [[list(classes).index(CATEGORIES[shape.label])] for shape in some]
            file["label"] = np.array(labels, np.uint8)  # [n, 1]
            if parts:
                file["pid"] = np.stack([shape.parts + FIRST_PART[shape.label] for shape in some]).astype(np.uint8)
    return names


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
