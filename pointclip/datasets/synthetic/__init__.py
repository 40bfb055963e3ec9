"""Synthetic shapes generated from a seed: ShapeNetPart's sixteen categories with part labels, and four more kinds."""

from pointclip.datasets.synthetic.dataset import CATEGORIES, PART_NAMES, SPLITS, SyntheticShapes, generate
from pointclip.datasets.synthetic.unseen import KINDS, UnseenShapes

__all__ = ["CATEGORIES", "KINDS", "PART_NAMES", "SPLITS", "SyntheticShapes", "UnseenShapes", "generate"]
