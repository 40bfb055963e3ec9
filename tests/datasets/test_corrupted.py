"""Corruptions by kind and strength: seeded, with parts that follow, and of the published size."""

import numpy as np
import pytest

from pointclip.bundled import DATA
from pointclip.datasets import open_dataset
from pointclip.datasets.batches import check_shape
from pointclip.datasets.corrupted import KINDS, corrupted
from pointclip.errors import InputError

SHAPES = open_dataset("synthetic", DATA, "test", 1024)


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_are_valid_seeded_and_keep_their_parts(kind):
    for strength in (1, 5):
        shapes = corrupted(SHAPES, f"{kind}:{strength}", seed=3)
        shape, clean = check_shape(shapes[7], shapes, 7), SHAPES[7]
        assert (shape.points == shapes[7].points).all()
        assert len(shape.parts) == len(shape.points)
        assert not np.array_equal(shape.points, corrupted(SHAPES, f"{kind}:{strength}", seed=4)[7].points)
        known = shape.parts >= 0
        if kind in ("background", "add_global"):
            assert (shape.parts[:1024] == clean.parts).all()
            assert not known[1024:].any()
        else:
            assert known.all()


@pytest.mark.parametrize(
    ("how", "count"),
    [("background:5", 1024 + 51), ("add_global:3", 1024 + 30), ("dropout_global:5", 256), ("dropout_local:2", 824),
     ("cutout:5", 724), ("density:3", 799), ("jitter:5", 1024)],
)  # fmt: skip
def test_numbers_of_points_are_the_published_ones(how, count):
    assert len(corrupted(SHAPES, how)[0].points) == count


def test_one_side_of_a_shape_is_occluded():
    points = corrupted(SHAPES, "occlusion:3")[0].points
    assert 100 < len(points) < 900


@pytest.mark.parametrize("how", ["jitter", "jitter:6", "noise:1", "jitter:1:2"])
def test_unknown_corruptions_are_refused(how):
    assert corrupted(SHAPES, "none") is SHAPES
    with pytest.raises(InputError, match=r"expected none, or KIND:STRENGTH"):
        corrupted(SHAPES, how)
