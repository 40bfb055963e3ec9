"""Batches of valid shapes, and handling of bad ones."""

import re
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


def test_batches_keep_the_order_and_split_at_changes_of_point_count():
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
    "label": (shape(label=2, name="x#1"), "x#1: its label is 2; expected 0 to 1"),
    "flat": (Shape(np.ones((5, 3), np.float32), 0, "x#1"), "x#1: all points coincide"),
    "one": (Shape(np.ones((1, 3), np.float32), 0, "x#1"), "x#1: the cloud has 1 point"),
    "wide": (Shape(np.ones((5, 4), np.float32), 0, "x#1"), "x#1: points have shape"),
    "parts": (replace(shape(name="x#1"), parts=np.full(8, 2)), "x#1: a part label is out of range; expected 0 to 1"),
    "few parts": (replace(shape(name="x#1"), parts=np.zeros(7, int)), "x#1: 7 part labels for 8 points"),
    "float parts": (replace(shape(name="x#1"), parts=np.zeros(8)), "x#1: its parts are a numpy array of float64"),
    "deep parts": (
        replace(shape(name="x#1"), parts=np.zeros((8, 1), int)),
        "x#1: its parts are a numpy array of int64",
    ),
    "listed parts": (replace(shape(name="x#1"), parts=[0] * 8), "x#1: its parts are [0, 0, 0"),
    "parts of no class": (
        replace(shape(label=-1, name="x#1"), parts=np.zeros(8, int)),
        "x#1: it has part labels, but its class is unknown",
    ),
    "text label": (replace(shape(name="x#1"), label="0"), "x#1: its label is '0'; expected an integer"),
    "float label": (replace(shape(name="x#1"), label=0.0), "x#1: its label is 0.0; expected an integer"),
    "listed points": (Shape([[0.0, 1.0, 2.0]] * 5, 0, "x#1"), "x#1: its points are [[0.0, 1.0, 2.0]"),
    "whole points": (Shape(np.arange(15).reshape(5, 3), 0, "x#1"), "x#1: its points are a numpy array of int64"),
    "beyond float32": (Shape(np.eye(3) * 1e300, 0, "x#1"), "x#1: NaN or infinite coordinates"),
    "no name": (replace(shape(), name=None), "Shape 1: its name is None; expected text"),
    "no shape": ((1, 2), "Shape 1 is (1, 2); expected a Shape"),
    "unreadable": (InputError("x#1: truncated."), "x#1: truncated"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_shape_stops_or_is_skipped_with_a_reason(kind):
    bad, words = BAD[kind]
    shapes = Listed([shape(), bad, shape()])
    with pytest.raises(InputError, match=re.escape(words)):
        list(BatchReader(shapes, 4))
    reader = BatchReader(shapes, 4, on_bad="skip")
    assert [batch.indices for batch in reader] == [[0, 2]]
    assert list(reader.bad) == [1]
    assert words in reader.bad[1]


def test_pieces_left_out_by_settings_do_not_stop():
    shapes = Listed([shape(), InputError("a#screw: too small."), shape()])
    shapes.left_out = {1: "a#screw: too small."}
    reader = BatchReader(shapes, 4)
    assert [batch.indices for batch in reader] == [[0, 2]]
    assert reader.bad == shapes.left_out


@pytest.mark.parametrize("on_bad", ["stop", "skip"])
def test_bug_in_a_data_set_always_stops(on_bad):
    with pytest.raises(InputError, match=r"Shape 1 of the data set Listed: .*line \d+: KeyError: 'x'; fix") as caught:
        list(BatchReader(Listed([shape(), KeyError("x"), shape()]), 4, on_bad))
    assert isinstance(caught.value.__cause__, KeyError)
    assert "ON_BAD_SHAPE" not in str(caught.value)


@pytest.mark.parametrize("error", [OSError("disk"), MemoryError(), KeyboardInterrupt()])
def test_system_errors_and_interrupts_are_not_caught(error):
    class Broken(Listed):
        def __getitem__(self, index):
            raise error

    with pytest.raises(type(error)) as caught:
        list(BatchReader(Broken([shape()]), 4, on_bad="skip"))
    assert caught.value is error


def test_label_must_agree_with_labels():
    shapes = Listed([shape(label=0), shape(label=1, name="x#1")])
    shapes.labels = np.array([0, 0])
    with pytest.raises(InputError, match=r"x#1: its label is 1, but labels\[1\] is 0"):
        list(BatchReader(shapes, 4))


def test_parts_without_part_names_are_rejected():
    shapes = Listed([replace(shape(label=1, name="x#1"), parts=np.zeros(8, int))])
    shapes.part_names = {"a": ("top", "leg")}
    with pytest.raises(InputError, match="x#1: it has part labels, but part_names has no entry for its class 'b'"):
        list(BatchReader(shapes, 4))


PLAIN = np.random.default_rng(0).random((8, 3), np.float32)
FROZEN = PLAIN.copy()
FROZEN.setflags(write=False)
KINDS = [PLAIN, PLAIN.astype(">f4"), PLAIN.astype(float), np.asfortranarray(PLAIN), PLAIN[::-1].copy()[::-1], FROZEN]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("points", KINDS, ids=["plain", "big-endian", "float64", "fortran", "reversed", "read-only"])
def test_points_are_converted_to_float32(points):
    given = Shape(points, np.uint8(0), "s", np.ones(8, np.uint8))
    (batch,) = BatchReader(Listed([given]), 1)
    (out,) = batch.shapes
    assert (out.points.dtype, out.parts.dtype, type(out.label)) == (np.dtype("f4"), np.dtype("i8"), int)
    assert out.points.dtype.isnative
    assert out.points.flags.c_contiguous
    assert np.array_equal(batch.points[0].numpy(), PLAIN)
    assert np.array_equal(out.points, PLAIN)


def test_only_requested_indices_are_read():
    reader = BatchReader(Listed([shape(label=i % 2) for i in range(9)]), 3, indices=[7, 2, 4, 1])
    assert [batch.indices for batch in reader] == [[7, 2, 4], [1]]


@pytest.mark.parametrize(("total", "most", "expected"), [(5, 0, 5), (5, 9, 5), (100, 7, 7)])
def test_subset(total, most, expected):
    chosen = subset(total, most, seed=3)
    assert len(set(chosen)) == len(chosen) == expected
    assert chosen == sorted(chosen) == subset(total, most, seed=3)
    assert all(0 <= index < total for index in chosen)


def test_every_pass_starts_over():
    reader = BatchReader(Listed([shape(), InputError("x#1: truncated."), shape(points=9)]), 4, on_bad="skip")
    passes = [([batch.indices for batch in reader], dict(reader.bad), reader.fingerprint) for _ in range(2)]
    assert passes[0] == passes[1]


@pytest.mark.parametrize("parts", [None, np.full(8, -1)])
def test_shapes_without_known_parts_are_bad_if_parts_are_wanted(parts):
    shapes = Listed([replace(shape(), parts=np.arange(8) % 2), replace(shape(name="x#1"), parts=parts)])
    assert [batch.indices for batch in BatchReader(shapes, 4)] == [[0, 1]]
    reader = BatchReader(shapes, 4, on_bad="skip", parts_wanted=True)
    assert [batch.indices for batch in reader] == [[0]]
    assert "x#1: no part label is known" in reader.bad[1]
    with pytest.raises(InputError, match=r"x#1: no part label is known.* Set ON_BAD_SHAPE skip"):
        list(BatchReader(shapes, 4, parts_wanted=True))
