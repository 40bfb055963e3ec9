"""The scores of segmented shapes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pointclip import metrics
from pointclip.datasets.batches import check_parts_known
from zeroshot_seg.labelling import Segmented


@dataclass(frozen=True)
class Scores:
    """IoU in percent, per shape, of the prediction and of two trivial baselines."""

    iou: np.ndarray  # [n]
    largest: np.ndarray  # [n], every point labelled as its category's largest part (known from the truth)
    chance: np.ndarray  # [n], every point labelled at random


def known_truth(shape: Segmented) -> np.ndarray:
    """The true labels of a shape. Raises an InputError if none is known."""
    check_parts_known(shape.name, shape.truth)
    assert shape.truth is not None
    return shape.truth


def evaluate(shapes: list[Segmented], parts: Mapping[str, tuple[str, ...]], rule: str, seed: int) -> Scores:
    """Score segmented shapes with ground truth; `rule` as in `pointclip.metrics.shape_iou`."""
    rng = np.random.default_rng(seed)
    points: dict[str, Any] = {category: np.zeros(len(names), int) for category, names in parts.items()}
    for shape in shapes:
        truth = known_truth(shape)
        points[shape.category] += np.bincount(truth[truth >= 0], minlength=len(parts[shape.category]))
    rows = []
    for shape in shapes:
        count = len(parts[shape.category])
        guesses = (
            shape.labels,
            np.full_like(shape.labels, points[shape.category].argmax()),
            rng.integers(count, size=len(shape.labels)),
        )
        ious = [metrics.part_ious(known_truth(shape).astype(int), guess.astype(int), count) for guess in guesses]
        rows.append([metrics.shape_iou(iou, rule) for iou in ious])
    return Scores(*np.array(rows).T)
