"""Scores of segmented shapes and of trivial baselines."""

import numpy as np
import pytest

from zeroshot_seg.labelling import Segmented
from zeroshot_seg.scores import evaluate


def test_scores_and_baselines():
    truth = np.array([0, 0, 0, 1], np.int16)
    results = [Segmented(i, f"s{i}", "mug", labels, truth, 0) for i, labels in enumerate((truth, 1 - truth))]
    scores = evaluate(results, {"mug": ("handle", "cup")}, "standard", seed=0)
    np.testing.assert_allclose(scores.iou, [100, 0])
    np.testing.assert_allclose(scores.largest, [37.5, 37.5])  # 3 of 4 and 0 of 1
    assert np.array_equal(scores.chance, evaluate(results, {"mug": ("handle", "cup")}, "standard", seed=0).chance)


def test_chance_is_near_its_expectation():
    truth = np.zeros(20000, np.int16)
    scores = evaluate([Segmented(0, "s", "mug", truth, truth, 0)], {"mug": ("a", "b")}, "standard", seed=1)
    assert scores.chance[0] == pytest.approx(25, abs=1)  # half of the one part, nothing of the other
