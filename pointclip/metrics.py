"""Metrics of classification and segmentation, on plain arrays."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array, csr_array


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """Counts of [truth, prediction] pairs, [K, K]; entries with unknown truth (-1) are ignored."""
    known = truth >= 0
    pairs = truth[known] * classes + prediction[known]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def confusion_counts(truth: np.ndarray, prediction: np.ndarray, classes: int) -> csr_array:
    """The same as a sparse matrix: a dense one for 10,000 classes would take 0.8 GB, nearly all of it zeros."""
    known = truth >= 0
    pairs = truth[known], prediction[known]
    return coo_array((np.ones(known.sum(), np.int64), pairs), shape=(classes, classes)).tocsr()  # sums duplicates


def accuracy(confusion: np.ndarray | csr_array) -> float:
    """The share of correctly classified shapes in percent; NaN if there are none."""
    total = confusion.sum()
    return float(100 * confusion.diagonal().sum() / total) if total else float("nan")


def class_accuracy(confusion: np.ndarray | csr_array) -> np.ndarray:
    """The share of each class's shapes classified correctly, [K] in percent; NaN for classes without shapes."""
    totals = confusion.sum(1)
    return np.where(totals > 0, 100 * confusion.diagonal() / np.maximum(totals, 1), np.nan)


def share_error(correct: int, total: int) -> float:
    """The standard error of an accuracy, in percentage points; NaN without shapes.

    Two right and two wrong answers are added (Agresti and Coull 1998), so that 100 % of a few shapes is not certain.
    """
    if not total:
        return float("nan")
    share = (correct + 2) / (total + 4)
    return float(100 * (share * (1 - share) / (total + 4)) ** 0.5)


def mean_error(scores: np.ndarray) -> float:
    """The standard error of the mean of scores [n], in their unit; NaN for fewer than two."""
    return float(np.std(scores, ddof=1) / len(scores) ** 0.5) if len(scores) > 1 else float("nan")


def error_of_mean(errors: Sequence[float]) -> float:
    """The standard error of the mean of independent figures with these errors; those that are NaN do not count."""
    known = [error for error in errors if np.isfinite(error)]
    return float(np.sqrt(np.square(known).sum()) / len(known)) if known else float("nan")


IOU_RULES = ("standard", "skip")


def part_ious(truth: np.ndarray, prediction: np.ndarray, parts: int) -> np.ndarray:
    """Intersection over union of each part of one shape, [P] in percent; NaN for a part absent from both.

    Unlabelled points (negative truth) are ignored.
    """
    confusion = confusion_matrix(truth, prediction, parts)
    intersection = np.diag(confusion)
    union = confusion.sum(0) + confusion.sum(1) - intersection
    return np.where(union > 0, 100 * intersection / np.maximum(union, 1), np.nan)


def shape_iou(ious: np.ndarray, rule: str) -> float:
    """The mean over a shape's parts, in percent.

    "standard" counts a part absent from truth and prediction as 100 (the ShapeNetPart protocol); "skip" ignores it.
    """
    if rule == "standard":
        return float(np.nan_to_num(ious, nan=100.0).mean())
    return float(np.nanmean(ious)) if np.isfinite(ious).any() else float("nan")
