"""Scores of classification and segmentation, on plain arrays."""

import numpy as np
from scipy.sparse import coo_array, csr_array


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """Counts of [truth, prediction] pairs, [K, K]; entries whose truth is -1 (not known) are left out."""
    known = truth >= 0
    pairs = truth[known] * classes + prediction[known]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def confusion_counts(truth: np.ndarray, prediction: np.ndarray, classes: int) -> csr_array:
    """The same as a sparse matrix: 10,000 classes would take 0.8 GB, of which hardly any is not 0."""
    known = truth >= 0
    pairs = truth[known], prediction[known]
    return coo_array((np.ones(known.sum(), np.int64), pairs), shape=(classes, classes)).tocsr()  # sums what is equal


def accuracy(confusion: np.ndarray | csr_array) -> float:
    """The share of all shapes that are named right, in percent; nan where there are none."""
    total = confusion.sum()
    return float(100 * confusion.diagonal().sum() / total) if total else float("nan")


def class_accuracy(confusion: np.ndarray | csr_array) -> np.ndarray:
    """The share of each class's shapes that are named right, [K] in percent; nan for classes without shapes."""
    totals = confusion.sum(1)
    return np.where(totals > 0, 100 * confusion.diagonal() / np.maximum(totals, 1), np.nan)


IOU_RULES = ("standard", "skip")


def part_ious(truth: np.ndarray, prediction: np.ndarray, parts: int) -> np.ndarray:
    """Intersection over union of each part of one shape, [P] in percent; nan for a part absent from both.

    Points whose truth is negative (not known) are left out.
    """
    confusion = confusion_matrix(truth, prediction, parts)
    both = np.diag(confusion)
    either = confusion.sum(0) + confusion.sum(1) - both
    return np.where(either > 0, 100 * both / np.maximum(either, 1), np.nan)


def shape_iou(ious: np.ndarray, rule: str) -> float:
    """The mean over a shape's parts, in percent.

    "standard" counts a part absent from truth and prediction as 100 (the ShapeNetPart protocol); "skip" leaves it out.
    """
    if rule == "standard":
        return float(np.nan_to_num(ious, nan=100.0).mean())
    return float(np.nanmean(ious)) if np.isfinite(ious).any() else float("nan")
