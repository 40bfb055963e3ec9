"""Scores of classification and segmentation, on plain arrays."""

import numpy as np


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """Counts of [truth, prediction] pairs, [K, K]; entries whose truth is -1 (not known) are left out."""
    known = truth >= 0
    pairs = truth[known] * classes + prediction[known]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def accuracy(confusion: np.ndarray) -> float:
    """The share of all shapes that are named right, in percent; nan where there are none."""
    total = confusion.sum()
    return float(100 * np.trace(confusion) / total) if total else float("nan")


def class_accuracy(confusion: np.ndarray) -> np.ndarray:
    """The share of each class's shapes that are named right, [K] in percent; nan for classes without shapes."""
    totals = confusion.sum(1)
    return np.where(totals > 0, 100 * np.diag(confusion) / np.maximum(totals, 1), np.nan)
