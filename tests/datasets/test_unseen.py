"""The unseen kinds: valid, deterministic, varied, and different from the synthetic data set."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointclip.datasets import open_dataset
from pointclip.datasets.shapenetpart_labels import CATEGORIES
from pointclip.datasets.synthetic.unseen import KINDS, UnseenShapes, generate_unseen
from pointclip.errors import InputError


def test_kinds_are_not_in_the_training_set():
    assert not set(KINDS) & set(CATEGORIES)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**62), num_points=st.sampled_from([1, 300]))
def test_any_seed_gives_a_valid_shape(kind, seed, num_points):
    shape = generate_unseen(kind, seed, num_points)
    assert shape.points.shape == (num_points, 3)
    assert shape.points.dtype == np.float32
    assert KINDS[shape.label] == kind
    assert np.isfinite(shape.points).all()
    assert np.linalg.norm(shape.points, axis=1).max() <= 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_fill_the_unit_sphere_and_differ(kind):
    shapes = [generate_unseen(kind, seed, 1024) for seed in range(20)]
    assert all(np.linalg.norm(shape.points, axis=1).max() > 0.9 for shape in shapes)
    extents = np.array([np.ptp(shape.points, axis=0) for shape in shapes])
    assert len(np.unique(extents.round(3), axis=0)) == len(shapes)
    assert np.array_equal(shapes[3].points, generate_unseen(kind, 3, 1024).points)


def test_splits_are_balanced_and_disjoint():
    splits = {split: open_dataset("synthetic_unseen", "nowhere", split, 64) for split in ("train", "val", "test")}
    names = [shapes[index].name for shapes in splits.values() for index in range(20)]
    assert len(set(names)) == len(names)
    for shapes in splits.values():
        assert len(set(np.bincount(shapes.labels))) == 1
        assert [shapes[index].label for index in range(8)] == shapes.labels[:8].tolist()


@pytest.mark.parametrize(
    "make",
    [
        lambda: UnseenShapes(split="all"),
        lambda: generate_unseen("boat", 0),
        lambda: generate_unseen("sofa", -1),
    ],
)
def test_errors(make):
    with pytest.raises(InputError):
        make()
