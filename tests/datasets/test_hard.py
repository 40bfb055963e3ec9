"""The hard splits: the shapes of the test split turned, with holes and noise, beside other things."""

import numpy as np
import pytest

from pointclip.datasets.synthetic import SyntheticShapes, UnseenShapes
from pointclip.datasets.synthetic.hard import CLUTTER

SETS = (SyntheticShapes, UnseenShapes)


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize("num_points", [1, 7, 512])
def test_points_and_parts_are_valid(kind, num_points):
    shapes = kind(split="test_hard", num_points=num_points)
    clean = kind(split="test", num_points=num_points)
    assert list(shapes.labels) == list(clean.labels[: len(shapes)])
    for i in range(0, 2 * len(shapes.class_names), 3):
        shape = shapes[i]
        assert shape.points.shape == (num_points, 3)
        assert shape.points.dtype == np.float32
        assert np.isfinite(shape.points).all()
        assert np.linalg.norm(shape.points, axis=1).max() <= 1
        assert shape.label == shapes.labels[i]
        assert shape.name == f"{clean[i].name}-hard"
        assert np.array_equal(shape.points, shapes[i].points)
        if shape.parts is not None:
            assert shape.parts.shape == (num_points,)
            clutter = (shape.parts < 0).mean()
            assert num_points < 100 or CLUTTER[0] - 0.01 < clutter < CLUTTER[1] + 0.01


def test_shapes_are_turned_and_smaller_than_what_is_around_them():
    hard, clean = (SyntheticShapes(split=split, num_points=1024) for split in ("test_hard", "test"))
    spread = [[shape.points[shape.parts >= 0].std(0) for shape in (shapes[i] for i in range(16))]
              for shapes in (hard, clean)]  # fmt: skip
    sizes = np.linalg.norm(spread, axis=-1)  # [2, 16]
    assert (sizes[0] < sizes[1]).mean() > 0.8
    assert np.abs(np.subtract(*spread) / spread[1]).max(-1).mean() > 0.2


def test_other_seeds_give_other_shapes():
    first, second = (SyntheticShapes(split="test_hard", num_points=64, seed=seed)[0] for seed in (0, 1))
    assert first.name != second.name
    assert not np.array_equal(first.points, second.points)
