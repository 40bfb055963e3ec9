"""View weights and their origin."""

import pytest

from pointclip.errors import InputError
from pointclip.origin import Origin
from pointclip.view_weights import UNIFORM, read_view_weights, uniform_weights
from tests.tasks import ROOT

PUBLISHED = ROOT / "zeroshot_cls" / "view_weights.yaml"
TEN = range(10)


def test_published_weights_are_marked_as_tuned():
    weights = read_view_weights("modelnet40_vit_b16", TEN, 10, PUBLISHED)
    assert weights.values.tolist() == [0.75, 0.75, 0.75, 0.25, 0.75, 1.0, 0.25, 1.0, 0.75, 0.25]
    assert weights.origin.words == "modelnet40_vit_b16 (published)"
    assert "labels of the test split" in weights.origin.note
    assert weights.origin.tuned


def test_published_weights_of_selected_views():
    assert read_view_weights("modelnet40_vit_b16", [9, 5, 0], 10, PUBLISHED).values.tolist() == [0.25, 1.0, 0.75]


def test_published_weights_for_another_number_of_views_are_rejected():
    with pytest.raises(InputError, match="has 10 weights, but the projection has 6 views; use 'uniform'"):
        read_view_weights("modelnet40_vit_b16", [0, 1], 6, PUBLISHED)


def test_other_weights_are_not_marked():
    assert read_view_weights("uniform", TEN, 10, PUBLISHED).origin == uniform_weights(10).origin == UNIFORM
    assert read_view_weights("1, 0.5", [4, 5], 10, PUBLISHED).origin == Origin("given: 1, 0.5")
    assert read_view_weights("uniform", TEN, 10, PUBLISHED).values.tolist() == [1.0] * 10
    assert read_view_weights("uniform", [7], 10, PUBLISHED).values.tolist() == [1.0]
    assert read_view_weights("1, 0.5, 0", [4, 5, 9], 10, PUBLISHED).values.tolist() == [1.0, 0.5, 0.0]


@pytest.mark.parametrize("setting", ["modelnet41", "1, 1", "nan, 1, 1", "", "1,,1", "0, 0, 0", "1, 1, 1e300"])
def test_bad_weights(setting):
    with pytest.raises(InputError, match=r"VIEW_WEIGHTS is .*3 numbers, comma-separated, one per view"):
        read_view_weights(setting, [0, 1, 2], 10, PUBLISHED)


def test_error_for_bad_weights_lists_only_matching_sets():
    with pytest.raises(InputError, match=r"'uniform', or 6 numbers.* or one of modelnet40_rn101"):
        read_view_weights("1, 1", range(6), 10, PUBLISHED)
    with pytest.raises(InputError, match=r"expected .*\(not all 0\)"):
        read_view_weights("1, 1", range(6), 6, PUBLISHED)
