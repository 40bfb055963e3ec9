"""Batches of sound shapes, and what becomes of the others."""

from dataclasses import replace

import numpy as np
import pytest

from pointclip.datasets.base import Shape
from pointclip.datasets.batches import BatchReader, subset
from pointclip.errors import InputError


class Listed:
    """A data set of given shapes."""

    class_names, part_names = ("a", "b"), {"a": ("top", "leg"), "b": ("all",)}

    def __init__(self, shapes):
        self.shapes = shapes

    def __len__(self):
        return len(self.shapes)

    def __getitem__(self, index):
        if isinstance(self.shapes[index], Exception):
            raise self.shapes[index]
        return self.shapes[index]


def shape(points=8, label=0, name="s", value=None):
    cloud = np.random.default_rng(points).random((points, 3), np.float32)
    if value is not None:
        cloud[0, 0] = value
    return Shape(cloud, label, name)


def test_batches_keep_the_order_and_split_where_the_number_of_points_changes():
    sizes = [8, 8, 8, 9, 9, 8]
    reader = BatchReader(Listed([shape(size) for size in sizes]), batch_size=2)
    assert [(batch.indices, batch.points.shape[1]) for batch in reader] == [
        ([0, 1], 8),
        ([2], 8),
        ([3, 4], 9),
        ([5], 8),
    ]


BAD = {
    "nan": (shape(value=np.nan, name="x#1"), "x#1: NaN"),
    "label": (shape(label=2, name="x#1"), "x#1: its label is 2; 0 to 1 was expected"),
    "flat": (Shape(np.ones((5, 3), np.float32), 0, "x#1"), "x#1: all points at one place"),
    "one": (Shape(np.ones((1, 3), np.float32), 0, "x#1"), "x#1: a cloud of 1 point"),
    "wide": (Shape(np.ones((5, 4), np.float32), 0, "x#1"), "x#1: points came in shape"),
    "parts": (replace(shape(name="x#1"), parts=np.full(8, 2)), "x#1: a part label is out of range; 0 to 1"),
    "few parts": (replace(shape(name="x#1"), parts=np.zeros(7, int)), "x#1: 7 part labels came for 8 points"),
    "unreadable": (InputError("x#1: truncated."), "x#1: truncated"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_shape_stops_or_is_skipped_and_told(kind):
    bad, words = BAD[kind]
    shapes = Listed([shape(), bad, shape()])
    with pytest.raises(InputError, match=words):
        list(BatchReader(shapes, 4))
    reader = BatchReader(shapes, 4, on_bad="skip")
    assert [batch.indices for batch in reader] == [[0, 2]]
    assert list(reader.bad) == [1]
    assert words in reader.bad[1]


def test_only_the_indices_asked_for():
    reader = BatchReader(Listed([shape(label=i % 2) for i in range(9)]), 3, indices=[7, 2, 4, 1])
    assert [batch.indices for batch in reader] == [[7, 2, 4], [1]]


@pytest.mark.parametrize(("total", "most", "expected"), [(5, 0, 5), (5, 9, 5), (100, 7, 7)])
def test_subset(total, most, expected):
    chosen = subset(total, most, seed=3)
    assert len(set(chosen)) == len(chosen) == expected
    assert chosen == sorted(chosen) == subset(total, most, seed=3)
    assert all(0 <= index < total for index in chosen)
