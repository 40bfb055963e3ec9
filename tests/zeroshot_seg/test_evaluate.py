"""Labels from features, protocols, and scores beside guesses."""

import numpy as np
import pytest
import torch

from pointclip.datasets.base import Shape
from pointclip.errors import InputError
from zeroshot_seg.evaluate import Segmented, check_rules, label_points, score

POINTS = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [2.1, 0, 0]], np.float32)


def labelled(name: str, protocol: str) -> list[int]:
    """Four points that look like parts 3, 1, 2 and nothing: no view sees the last one."""
    likeness = torch.eye(4) + torch.tensor([0.2, 0.1, 0, 0])
    logits = likeness[[3, 1, 2, 0]] * torch.tensor([1.0, 1, 1, 0])[:, None]
    visible = torch.tensor([[True, True, True, False]])
    return label_points(Shape(POINTS, 0, "s"), name, logits, visible, protocol).tolist()


@pytest.mark.parametrize(
    ("name", "protocol", "expected"),
    [
        ("chair", "standard", [3, 1, 2, 2]),  # the unseen point takes its neighbour's label
        ("chair", "published", [3, 1, 2, 0]),  # or the first
        ("lamp", "standard", [3, 1, 2, 2]),
        ("lamp", "published", [0, 1, 0, 0]),  # and lamp's last two parts are never predicted
    ],
)
def test_protocols(name, protocol, expected):
    assert labelled(name, protocol) == expected


def test_scores_beside_the_guesses():
    truth = np.array([0, 0, 0, 1], np.int16)
    results = [Segmented(i, f"s{i}", "mug", labels, truth, 0) for i, labels in enumerate((truth, 1 - truth))]
    scores = score(results, {"mug": ("handle", "cup")}, "standard", seed=0)
    np.testing.assert_allclose(scores.own, [100, 0])
    np.testing.assert_allclose(scores.largest, [37.5, 37.5])  # 3 of 4 and 0 of 1
    assert np.array_equal(scores.chance, score(results, {"mug": ("handle", "cup")}, "standard", seed=0).chance)


def test_chance_is_near_its_expectation():
    truth = np.zeros(20000, np.int16)
    scores = score([Segmented(0, "s", "mug", truth, truth, 0)], {"mug": ("a", "b")}, "standard", seed=1)
    assert scores.chance[0] == pytest.approx(25, abs=1)  # half of the one part, nothing of the other


@pytest.mark.parametrize(
    ("rules", "words"), [(("x", "skip"), "PROTOCOL is 'x'"), (("standard", "x"), "IOU_RULE is 'x'")]
)
def test_unknown_rules(rules, words):
    with pytest.raises(InputError, match=words):
        check_rules(*rules)
