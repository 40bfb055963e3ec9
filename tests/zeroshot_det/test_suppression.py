"""Non-maximum suppression in the published order."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from zeroshot_det.boxes import hulls_of, iou
from zeroshot_det.suppression import suppress

BOX = np.array([0, 0, 0, 1, 1, 1, 0.0])
NEAR = BOX + np.array([0.3, 0, 0, 0, 0, 0, 0])


def test_suppression_is_by_objectness_within_a_class():
    boxes, objectness = np.array([BOX, NEAR]), np.array([0.4, 0.9])
    assert suppress(boxes, objectness, np.array([1, 1])).tolist() == [1]
    assert suppress(boxes, objectness, np.array([1, 2])).tolist() == [1, 0]
    assert suppress(boxes, objectness, np.array([1, 1]), overlap=0.6).tolist() == [1, 0]
    assert suppress(boxes[:0], objectness[:0], np.zeros(0, int)).tolist() == []


def test_suppression_uses_axis_aligned_bounds():
    thin = np.array([0, 0, 0, 2, 0.1, 1, np.pi / 4])
    crossing = thin * (1, 1, 1, 1, 1, 1, -1)
    assert iou(thin[None], crossing[None])[0, 0] < 0.05
    assert suppress(np.array([thin, crossing]), np.array([0.9, 0.8]), np.zeros(2, int)).tolist() == [0]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_agrees_with_a_literal_implementation(seed):
    rng = np.random.default_rng(seed)
    boxes = np.column_stack([rng.uniform(0, 2, (15, 3)), rng.uniform(0.3, 1.5, (15, 3)), rng.uniform(-3, 3, 15)])
    objectness, labels = rng.random(15).round(1), rng.integers(0, 3, 15)
    low, high = np.split(hulls_of(boxes), 2, axis=1)
    hulls = np.concatenate([(low + high) / 2, high - low, np.zeros((15, 1))], axis=1)
    overlaps, kept = iou(hulls, hulls), []
    for i in sorted(range(15), key=lambda i: -objectness[i]):
        if not any(labels[i] == labels[j] and overlaps[i, j] > 0.25 for j in kept):
            kept.append(i)
    assert suppress(boxes, objectness, labels).tolist() == kept
