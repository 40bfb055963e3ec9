"""Single shapes from files of common formats: meshes, scenes, scans, arrays and text."""

from pointclip.datasets.shape_files.file_set import ShapeFiles
from pointclip.datasets.shape_files.geometry import MESH_POINTS
from pointclip.datasets.shape_files.reading import ENDINGS, printable, read_shape

__all__ = ["ENDINGS", "MESH_POINTS", "ShapeFiles", "printable", "read_shape"]
