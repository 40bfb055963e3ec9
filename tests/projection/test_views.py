"""Rotations and view weights."""

from math import pi
from pathlib import Path

import pytest
import torch

from pointclip.errors import InputError
from pointclip.projection.views import chosen_views, rotation, view_rotations, view_weights, views_from

PUBLISHED = Path(__file__).parents[2] / "zeroshot_cls" / "view_weights.yaml"


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


TEN = range(10)


def test_published_weights_say_that_they_were_chosen_on_test_labels():
    weights, name, note = view_weights("modelnet40_vit_b16", TEN, 10, PUBLISHED)
    assert weights.tolist() == [0.75, 0.75, 0.75, 0.25, 0.75, 1.0, 0.25, 1.0, 0.75, 0.25]
    assert name == "modelnet40_vit_b16 (published)"
    assert "labels of the test split" in note


def test_published_weights_of_some_views_are_those_of_these_views():
    assert view_weights("modelnet40_vit_b16", [9, 5, 0], 10, PUBLISHED)[0].tolist() == [0.25, 1.0, 0.75]


def test_published_weights_for_another_number_of_views_are_refused():
    with pytest.raises(InputError, match="has 10 weights, but the projection has 6 views; use 'uniform'"):
        view_weights("modelnet40_vit_b16", [0, 1], 6, PUBLISHED)


def test_other_weights():
    assert view_weights("uniform", TEN, 10, PUBLISHED)[0].tolist() == [1.0] * 10
    assert view_weights("uniform", [7], 10, PUBLISHED)[0].tolist() == [1.0]
    assert view_weights("1, 0.5, 0", [4, 5, 9], 10, PUBLISHED)[0].tolist() == [1.0, 0.5, 0.0]


@pytest.mark.parametrize("setting", ["modelnet41", "1, 1", "nan, 1, 1", "", "1,,1", "0, 0, 0", "1, 1, 1e300"])
def test_bad_weights(setting):
    with pytest.raises(InputError, match=r"VIEW_WEIGHTS is .*3 numbers between commas, one a view"):
        view_weights(setting, [0, 1, 2], 10, PUBLISHED)


def test_bad_weights_name_only_the_sets_that_would_do():
    with pytest.raises(InputError, match=r"'uniform', or 6 numbers .* or one of modelnet40_rn101"):
        view_weights("1, 1", range(6), 10, PUBLISHED)
    with pytest.raises(InputError, match=r"\(not all 0\) was expected"):
        view_weights("1, 1", range(6), 6, PUBLISHED)


@pytest.mark.parametrize("numbers", [[], [2], [-1], [0, 5]])
def test_unknown_view_numbers_are_refused(numbers):
    with pytest.raises(InputError, match="expected numbers from 0 to 1"):
        chosen_views([((0, 0, 0),), ((1, 0, 0),)], numbers)
