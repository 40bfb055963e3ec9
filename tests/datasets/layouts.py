"""Synthetic shapes written in the layouts of the published data sets, to test their readers."""

import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from pointclip.datasets.base import Shape
from pointclip.datasets.shapenetpart_labels import CATEGORIES, FIRST_PART
from pointclip.datasets.synthetic import SPLITS, SyntheticShapes, generate
from pointclip.errors import InputError


def write_modelnet40(
    folder: str | os.PathLike,
    per_class: int = 2,
    categories: Sequence[str] = CATEGORIES,
    num_points: int = 2048,
    shapes_per_file: int = 20,
    seed: int = 0,
) -> Path:
    """Write train and test splits as folder/modelnet40_ply_hdf5_2048, in the layout of the published data set.

    The classes are `categories`, in that order; the lists contain paths below "data/", like the published ones.

    Returns:
        The folder written.
    """
    target = Path(folder) / "modelnet40_ply_hdf5_2048"
    for split in ("train", "test"):
        shapes = shapes_of(split, per_class, categories, num_points, seed)
        names = write_parts(target, split, shapes, categories, shapes_per_file, parts=False)
        write_lines(target / f"{split}_files.txt", [f"data/modelnet40_ply_hdf5_2048/{name}" for name in names])
    write_lines(target / "shape_names.txt", categories)
    return target


def write_shapenetpart(
    folder: str | os.PathLike,
    per_class: int = 2,
    categories: Sequence[str] = CATEGORIES,
    num_points: int = 2048,
    shapes_per_file: int = 20,
    seed: int = 0,
) -> Path:
    """Write the three splits as folder/shapenet_part_seg_hdf5_data/hdf5_data, in the layout of the published data set.

    Labels and parts keep ShapeNetPart's numbers, even if `categories` are only some of the sixteen.

    Returns:
        The folder written, the inner one.
    """
    target = Path(folder) / "shapenet_part_seg_hdf5_data" / "hdf5_data"
    for split in SPLITS:
        shapes = shapes_of(split, per_class, categories, num_points, seed)
        names = write_parts(target, split, shapes, CATEGORIES, shapes_per_file, parts=True)
        write_lines(target / f"{split}_hdf5_file_list.txt", [f"data/hdf5_data/{name}" for name in names])
    return target


def shapes_of(split: str, per_class: int, categories: Sequence[str], num_points: int, seed: int) -> list[Shape]:
    """A split's shapes of some categories."""
    unknown = [name for name in categories if name not in CATEGORIES]
    if unknown:
        raise InputError(f"Cannot write {unknown}: the categories of synthetic shapes are {', '.join(CATEGORIES)}.")
    whole = SyntheticShapes(split=split, per_class=per_class, num_points=num_points, seed=seed)
    return [
        generate(*named, num_points) for named in map(whole.shape_seed, range(len(whole))) if named[0] in categories
    ]


def write_parts(
    target: Path, split: str, shapes: list[Shape], classes: Sequence[str], shapes_per_file: int, parts: bool
) -> list[str]:
    """Write ply_data_SPLIT0.h5 and so on; labels are indices into `classes`. Returns the file names."""
    target.mkdir(parents=True, exist_ok=True)
    names = []
    for start in range(0, len(shapes), shapes_per_file):
        some = shapes[start : start + shapes_per_file]
        names.append(f"ply_data_{split}{len(names)}.h5")
        with h5py.File(target / names[-1], "w") as file:
            file["data"] = np.stack([shape.points for shape in some])  # [n, num_points, 3] float32
            labels = [[list(classes).index(CATEGORIES[shape.label])] for shape in some]
            file["label"] = np.array(labels, np.uint8)  # [n, 1]
            if parts:
                file["pid"] = np.stack([shape.parts + FIRST_PART[shape.label] for shape in some]).astype(np.uint8)
    return names


def write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
