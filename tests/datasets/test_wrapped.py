"""Data sets made of another one say what that one says, and are read ahead as that one is."""

from types import MethodType

import numpy as np
import pytest

from fewshot_cls.new_classes import BaseShapes
from pointclip.bundled import DATA
from pointclip.datasets import open_dataset
from pointclip.datasets.corrupted import corrupted
from pointclip.datasets.outliers import without_outliers
from pointclip.datasets.posed import Posed
from pointclip.datasets.rotated import rotated
from pointclip.datasets.wrapped import Wrapped

KINDS = {
    "rotated": lambda shapes: rotated(shapes, "so3"),
    "corrupted": lambda shapes: corrupted(shapes, "jitter:3"),
    "without outliers": without_outliers,
    "posed": lambda shapes: Posed(shapes, {0: np.eye(3)}),
    "of some classes": lambda shapes: BaseShapes(shapes, shapes.class_names[:4]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_is_read_ahead_and_keeps_notes_and_copies(kind):
    shapes, asked = open_dataset("synthetic", DATA, "test", 64), []
    shapes.notes, shapes.copies = ("A note.",), 5
    shapes.prepare = MethodType(lambda self, indices: asked.append(list(indices)), shapes)
    wrapped = KINDS[kind](shapes)
    assert isinstance(wrapped, Wrapped)
    wrapped.prepare([1, 2])
    assert asked == [[1, 2]]
    assert (len(wrapped), wrapped.notes[0], wrapped.copies) == (len(shapes), "A note.", 5)
    assert wrapped[0].points.shape == shapes[0].points.shape
