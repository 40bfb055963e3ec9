"""Data sets: public ones, own shape files and synthetic shapes, all handed on as y-up `Shape`s."""

from pointclip.datasets import (  # noqa: F401 - imported to register
    h5_folder,
    modelnet,
    scanobjectnn,
    shapenetpart,
    synthetic,
)
from pointclip.datasets.base import Shape, ShapeSet, dataset_names, open_dataset
from pointclip.datasets.shape_files import ShapeFiles

__all__ = ["Shape", "ShapeFiles", "ShapeSet", "dataset_names", "open_dataset"]
