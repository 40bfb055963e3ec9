"""Synthetic shapes of ShapeNetPart's sixteen categories with part labels, generated on the fly from a seed."""

from pointclip.datasets.synthetic.dataset import CATEGORIES, PART_NAMES, SPLITS, SyntheticShapes, generate

__all__ = ["CATEGORIES", "PART_NAMES", "SPLITS", "SyntheticShapes", "generate"]
