"""Detections and truth in, scores out: what was found, what could have been, and what chance would give."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from yacs.config import CfgNode

from zeroshot_det import average_precision
from zeroshot_det.average_precision import THRESHOLDS, AveragePrecision, every_class, found, likeliest_class
from zeroshot_det.boxes import iou
from zeroshot_det.detector import Detections
from zeroshot_det.proposals.opening import Proposed
from zeroshot_det.suppression import suppress


@dataclass(frozen=True)
class DetectionScores:
    """Scores by IoU threshold."""

    named: dict[float, average_precision.Scores]  # of the detections
    ceiling: dict[
        float, average_precision.Scores
    ]  # the same boxes, each with the label of the true box it overlaps most
    chance: dict[float, average_precision.Scores]  # the same boxes, all classes equally likely
    recall: dict[float, float]  # share of the true boxes that some proposal overlaps, whatever its label
    class_recall: dict[float, np.ndarray]  # the same of each class [K], NaN without true boxes
    scenes: int
    truth: int  # true boxes


def evaluate(
    proposed: Sequence[Proposed],
    detections: Sequence[Detections],
    class_names: Sequence[str],
    settings: CfgNode,
) -> DetectionScores:
    """Score the scenes that have been read.

    Args:
        proposed: the boxes and the truth of each scene.
        detections: of each scene, after it.
        settings: SCORING.* and SUPPRESSION.*.
    """
    c, overlap = settings.SCORING, settings.SUPPRESSION.OVERLAP
    expand = every_class if c.EVERY_CLASS else likeliest_class
    meters = {name: AveragePrecision(tuple(class_names), c.INTERPOLATION) for name in ("named", "ceiling", "chance")}
    hits: dict[float, list[np.ndarray]] = {threshold: [] for threshold in THRESHOLDS}
    for own, found_there in zip(proposed, detections, strict=True):
        sure = found_there.objectness > c.CONFIDENCE
        boxes, objectness = found_there.boxes[sure], found_there.objectness[sure]
        truth = own.truth, own.labels
        meters["named"].add(*expand(boxes, found_there.probabilities[sure], objectness), *truth)
        meters["ceiling"].add(*_with_true_labels(own, c.CONFIDENCE, overlap), *truth)
        even = np.full((len(boxes), len(class_names)), 1 / len(class_names))
        meters["chance"].add(*every_class(boxes, even, objectness), *truth)
        for threshold in THRESHOLDS:
            hits[threshold].append(found(own.proposals.boxes, own.truth, threshold))
    labels = np.concatenate([np.zeros(0, np.int64), *(own.labels for own in proposed)])
    joined = {threshold: np.concatenate([np.zeros(0, bool), *parts]) for threshold, parts in hits.items()}
    by_name = {name: {threshold: meter.scores(threshold) for threshold in THRESHOLDS} for name, meter in meters.items()}
    return DetectionScores(
        **by_name,
        recall={threshold: float(hit.mean()) if len(hit) else float("nan") for threshold, hit in joined.items()},
        class_recall={threshold: _by_class(hit, labels, len(class_names)) for threshold, hit in joined.items()},
        scenes=len(proposed),
        truth=len(labels),
    )


def _with_true_labels(own: Proposed, confidence: float, overlap: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The proposals that overlap a true box, labelled by the one that each overlaps most, after suppression.

    Their score is objectness; what overlaps no true box by 0.25 gets no label and does not count.
    """
    boxes, objectness = own.proposals.boxes, own.proposals.objectness
    if not len(boxes) or not len(own.truth):
        return np.zeros((0, 7)), np.zeros(0, np.int64), np.zeros(0)
    overlaps = iou(boxes, own.truth)
    good = np.flatnonzero((overlaps.max(1) > THRESHOLDS[0]) & (objectness > confidence))
    labels = own.labels[overlaps[good].argmax(1)]
    kept = suppress(boxes[good], objectness[good], labels, overlap)
    return boxes[good][kept], labels[kept], objectness[good][kept]


def _by_class(hit: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """The share of hits among each class's true boxes, [K]."""
    totals = np.bincount(labels, minlength=classes)
    return np.where(totals, np.bincount(labels, hit, minlength=classes) / np.maximum(totals, 1), np.nan)
