"""The scores of a classified data set, and the shapes in its report."""

import numpy as np
import pytest
import torch

from pointclip.errors import InputError
from zeroshot_cls.classifier import TOP, Answers, top_classes
from zeroshot_cls.results import best_and_worst
from zeroshot_cls.scores import evaluate

PROBABILITIES = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4], [0.5, 0.5]])
LABELS = np.array([0, 0, 1, 0, -1])
BEST, SHARES = top_classes(PROBABILITIES.log())
ANSWERS = Answers(LABELS, [f"shape {i}" for i in range(5)], list(range(5)), BEST, SHARES, SHARES[:, 0] - SHARES[:, 1])
SCORES = evaluate(LABELS, BEST[:, 0], ["a", "b"])


def test_shapes_of_unknown_class_are_not_scored():
    assert SCORES.shapes == 4
    assert SCORES.correct_shapes == 3
    assert SCORES.confusion.toarray().tolist() == [[2, 1], [0, 1]]
    assert SCORES.class_counts == {"a": (2, 3), "b": (1, 1)}
    assert SCORES.accuracy == 75
    np.testing.assert_allclose(SCORES.class_accuracy, [200 / 3, 100])
    assert SCORES.mean_class_accuracy == pytest.approx(250 / 3)


def test_classes_without_shapes_do_not_count_in_the_mean_of_classes():
    scores = evaluate(np.array([0, 0]), np.array([0, 1]), ["a", "b", "c"])
    np.testing.assert_allclose(scores.class_accuracy, [50, np.nan, np.nan])
    assert scores.mean_class_accuracy == 50


def test_nothing_to_score_is_rejected():
    with pytest.raises(InputError, match="No shape's class is known"):
        evaluate(np.array([-1, -1]), np.array([0, 1]), ["a", "b", "c"])


def test_confusion_of_a_hundred_thousand_classes_is_sparse():
    scores = evaluate(np.arange(3), np.array([0, 5, 99_999]), [f"class {k}" for k in range(100_000)])
    assert (scores.shapes, scores.correct_shapes, scores.confusion.nnz) == (3, 1, 3)  # all pairs would be 80 GB
    assert len(scores.class_counts) == 100_000


def test_top_classes():
    logits = torch.randn(7, 40, generator=torch.Generator().manual_seed(0))
    logits[0] = 0  # the first among equals
    best, shares = top_classes(logits)
    expected, order = logits.softmax(1).sort(dim=1, descending=True, stable=True)
    assert best.tolist() == order[:, :TOP].tolist()
    np.testing.assert_allclose(shares, expected[:, :TOP])


def test_best_and_worst_are_the_most_confident():
    best, worst = best_and_worst(LABELS, ANSWERS)
    assert best == [0, 2, 3]
    assert worst == [1]
