"""Metrics against values computed by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointclip import metrics


def test_accuracy():
    truth, prediction = np.array([0, 0, 0, 1, -1]), np.array([0, 0, 1, 1, 2])
    confusion = metrics.confusion_matrix(truth, prediction, 3)
    assert confusion.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert metrics.accuracy(confusion) == 75
    np.testing.assert_allclose(metrics.class_accuracy(confusion), [200 / 3, 100, np.nan])


def test_no_known_labels():
    confusion = metrics.confusion_matrix(np.array([-1]), np.array([0]), 2)
    assert np.isnan(metrics.accuracy(confusion))


@pytest.mark.parametrize(("rule", "expected"), [("standard", (50 + 0 + 100) / 3), ("skip", (50 + 0) / 2)])
def test_iou_rules(rule, expected):
    truth, prediction = np.array([0, 0, -1]), np.array([0, 1, 2])  # part 0: 1 of 2, part 1: 0 of 1, part 2: nowhere
    ious = metrics.part_ious(truth, prediction, 3)
    np.testing.assert_allclose(ious, [50, 0, np.nan])
    assert metrics.shape_iou(ious, rule) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_iou_by_sets(pairs):
    truth, prediction = np.array(pairs).T
    for part, iou in enumerate(metrics.part_ious(truth, prediction, 4)):
        a, b = set(np.flatnonzero(truth == part)), set(np.flatnonzero(prediction == part))
        assert np.isnan(iou) if not a | b else iou == pytest.approx(100 * len(a & b) / len(a | b))
