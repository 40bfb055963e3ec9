"""Rotations, and selection of views."""

from math import pi

import pytest
import torch

from pointclip.errors import InputError
from pointclip.projection.views import chosen_views, rotation, view_rotations, views_from


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


@pytest.mark.parametrize(
    ("text", "views"), [("all", [0, 1, 2, 3]), (" all ", [0, 1, 2, 3]), ("2", [2]), ("3, 0,1", [3, 0, 1])]
)
def test_views_from(text, views):
    assert views_from(text, 4) == views


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("4", "'all' or comma-separated numbers from 0 to 3"),
        ("-1", "from 0 to 3"),
        ("1.0", "from 0 to 3"),
        ("", "from 0 to 3"),
        ("0,,1", "from 0 to 3"),
        ("none", "from 0 to 3"),
        ("²", "from 0 to 3"),
        ("1, 3, 1", "lists view 1 twice"),
    ],
)
def test_bad_views(text, words):
    with pytest.raises(InputError, match=f"PROJECTION.VIEWS is .*{words}"):
        views_from(text, 4)


@pytest.mark.parametrize("numbers", [[], [2], [-1], [0, 5]])
def test_unknown_view_numbers_are_rejected(numbers):
    with pytest.raises(InputError, match="expected numbers from 0 to 1"):
        chosen_views([((0, 0, 0),), ((1, 0, 0),)], numbers)
