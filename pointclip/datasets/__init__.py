"""Data sets: public ones, own shape files and synthetic shapes, all handed on as y-up `Shape`s."""

from pointclip.datasets import modelnet, scanobjectnn, shapenetpart, synthetic  # noqa: F401 - imported to register
from pointclip.datasets.base import Shape, ShapeSet, dataset_names, open_dataset
from pointclip.datasets.shape_files import ShapeFiles

__all__ = ["Shape", "ShapeFiles", "ShapeSet", "dataset_names", "open_dataset"]
