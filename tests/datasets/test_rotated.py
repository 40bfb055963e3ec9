"""Randomly rotated shapes."""

import numpy as np
import pytest

from pointclip.datasets.rotated import any_rotation, rotated
from pointclip.datasets.synthetic import SyntheticShapes
from pointclip.errors import InputError

SHAPES = SyntheticShapes(per_class=2, num_points=64)


@pytest.mark.parametrize("how", ["vertical", "so3"])
def test_rotation_keeps_distances_and_metadata(how):
    other = rotated(SHAPES, how, seed=4)
    assert (len(other), other.class_names, other.part_names) == (len(SHAPES), SHAPES.class_names, SHAPES.part_names)
    for i in (0, 7):
        before, after = SHAPES[i], other[i]
        assert (after.label, after.name) == (before.label, before.name)
        assert np.array_equal(after.parts, before.parts)
        assert after.points.dtype == np.float32
        assert not np.allclose(after.points, before.points, atol=0.01)
        gaps = [np.linalg.norm(points[:, None] - points, axis=2) for points in (before.points, after.points)]
        np.testing.assert_allclose(*gaps, atol=1e-5)
        (matrix, *_) = np.linalg.lstsq(before.points, after.points, rcond=None)
        assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-4)  # no reflection


def test_up_keeps_the_height_and_free_does_not():
    up, free = (rotated(SHAPES, how, seed=1) for how in ("vertical", "so3"))
    np.testing.assert_allclose(up[5].points[:, 1], SHAPES[5].points[:, 1], atol=1e-6)
    assert not np.allclose(free[5].points[:, 1], SHAPES[5].points[:, 1], atol=0.05)


def test_rotation_depends_on_seed_and_index():
    first, again, other = (rotated(SHAPES, "so3", seed) for seed in (1, 1, 2))
    assert np.array_equal(first[4].points, again[4].points)
    assert not np.allclose(first[4].points, other[4].points, atol=0.01)


def test_rotations_are_uniform():
    rng = np.random.default_rng(0)
    tips = np.array([any_rotation(rng)[:, 1] for _ in range(4000)])  # where the up axis goes
    assert np.abs(tips.mean(0)).max() < 0.04  # 4 standard errors of a mean of 4,000 with variance 1/3
    np.testing.assert_allclose((tips**2).mean(0), 1 / 3, atol=0.02)


def test_none_returns_the_data_set():
    assert rotated(SHAPES, "none") is SHAPES
    with pytest.raises(InputError, match="ROTATION is 'sideways'"):
        rotated(SHAPES, "sideways")
