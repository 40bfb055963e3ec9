"""Rotations and view weights."""

from math import pi
from pathlib import Path

import pytest
import torch

from pointclip.errors import InputError
from pointclip.views import rotation, view_rotations, view_weights

PUBLISHED = Path(__file__).parents[1] / "zeroshot_cls" / "view_weights.yaml"


@pytest.mark.parametrize(
    ("angles", "image"),
    [((pi / 2, 0, 0), [1, -3, 2]), ((0, pi / 2, 0), [3, 2, -1]), ((0, 0, pi / 2), [-2, 1, 3])],
)
def test_rotations_are_right_handed(angles, image):
    turned = rotation(angles) @ torch.tensor([1.0, 2, 3], dtype=torch.float64)
    torch.testing.assert_close(turned, torch.tensor(image, dtype=torch.float64))


def test_rotations_multiply_in_order():
    a, b, c = 0.3, -1.2, 2.0
    torch.testing.assert_close(rotation((a, b, c)), rotation((a, 0, 0)) @ rotation((0, b, 0)) @ rotation((0, 0, c)))
    assert view_rotations([((a, 0, 0), (0, b, 0))] * 3).shape == (3, 2, 3, 3)


def test_published_weights_say_that_they_were_chosen_on_test_labels():
    weights, name, note = view_weights("modelnet40_vit_b16", 10, PUBLISHED)
    assert weights.tolist() == [0.75, 0.75, 0.75, 0.25, 0.75, 1.0, 0.25, 1.0, 0.75, 0.25]
    assert name == "modelnet40_vit_b16 (published)"
    assert "labels of the test split" in note


def test_other_weights():
    assert view_weights("uniform", 10, PUBLISHED)[0].tolist() == [1.0] * 10
    assert view_weights("1, 0.5, 0", 3, PUBLISHED)[0].tolist() == [1.0, 0.5, 0.0]


@pytest.mark.parametrize("setting", ["modelnet41", "1, 1", "nan, 1, 1", "", "1,,1", "0, 0, 0", "1, 1, 1e300"])
def test_bad_weights(setting):
    with pytest.raises(InputError, match="VIEW_WEIGHTS"):
        view_weights(setting, 3, PUBLISHED)
