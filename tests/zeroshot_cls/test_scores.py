"""The scores of a classified data set, and which shapes its report shows."""

import numpy as np
import pytest
import torch

from pointclip.errors import InputError
from zeroshot_cls.results import best_and_worst
from zeroshot_cls.scores import evaluate

PROBABILITIES = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4], [0.5, 0.5]])
LABELS = torch.tensor([0, 0, 1, 0, -1])
SCORES = evaluate(PROBABILITIES.log(), LABELS, ["a", "b"])


def test_shapes_of_unknown_class_count_in_no_score():
    assert SCORES.shapes == 4
    assert SCORES.confusion.tolist() == [[2, 1], [0, 1]]
    assert SCORES.accuracy == 75
    np.testing.assert_allclose(SCORES.class_accuracy, [200 / 3, 100])
    assert SCORES.mean_class_accuracy == pytest.approx(250 / 3)
    np.testing.assert_allclose(SCORES.probabilities, PROBABILITIES, atol=1e-6)  # float32


def test_classes_without_shapes_do_not_count_in_the_mean_of_classes():
    scores = evaluate(torch.eye(3)[[0, 1]], torch.tensor([0, 0]), ["a", "b", "c"])
    np.testing.assert_allclose(scores.class_accuracy, [50, np.nan, np.nan])
    assert scores.mean_class_accuracy == 50


def test_nothing_to_score_is_refused():
    with pytest.raises(InputError, match="No shape's class is known"):
        evaluate(torch.ones(2, 3), torch.tensor([-1, -1]), ["a", "b", "c"])


def test_best_are_right_and_worst_are_wrong_the_surest_first():
    best, worst = best_and_worst(SCORES)
    assert best.tolist() == [0, 2, 3]
    assert worst.tolist() == [1]
