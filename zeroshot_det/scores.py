"""Scores of detections against ground truth, beside their upper bound and the chance level."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from yacs.config import CfgNode

from zeroshot_det import average_precision
from zeroshot_det.average_precision import THRESHOLDS, AveragePrecision, every_class, recalled, top_class
from zeroshot_det.boxes import iou
from zeroshot_det.detector import Detections
from zeroshot_det.proposals.scene_proposals import SceneProposals
from zeroshot_det.suppression import suppress


@dataclass(frozen=True)
class DetectionScores:
    """Scores by IoU threshold."""

    predicted: dict[float, average_precision.Scores]  # of the detections
    ceiling: dict[float, average_precision.Scores]  # with true labels: of the true box that each box overlaps most
    chance: dict[float, average_precision.Scores]  # of the same boxes with all classes equally probable
    recall: dict[float, float]  # of the proposals, whatever their labels
    class_recall: dict[float, np.ndarray]  # the same for each class [K], NaN without true boxes
    scenes: int
    truth: int  # true boxes


def evaluate(
    proposed: Sequence[SceneProposals],
    detections: Sequence[Detections],
    class_names: Sequence[str],
    settings: CfgNode,
) -> DetectionScores:
    """Score detections.

    Args:
        proposed: the proposals and the ground truth of each scene.
        detections: of each scene, in the same order.
        settings: SCORING.* and SUPPRESSION.*.
    """
    c, overlap = settings.SCORING, settings.SUPPRESSION.OVERLAP
    expand = every_class if c.EVERY_CLASS else top_class
    meters = {
        name: AveragePrecision(tuple(class_names), c.INTERPOLATION) for name in ("predicted", "ceiling", "chance")
    }
    hits: dict[float, list[np.ndarray]] = {threshold: [] for threshold in THRESHOLDS}
    for entry, detected in zip(proposed, detections, strict=True):
        confident = detected.objectness > c.CONFIDENCE
        boxes, objectness = detected.boxes[confident], detected.objectness[confident]
        truth = entry.true_boxes, entry.true_labels
        meters["predicted"].add(*expand(boxes, detected.probabilities[confident], objectness), *truth)
        meters["ceiling"].add(*_with_true_labels(entry, c.CONFIDENCE, overlap), *truth)
        even = np.full((len(boxes), len(class_names)), 1 / len(class_names))
        meters["chance"].add(*every_class(boxes, even, objectness), *truth)
        for threshold in THRESHOLDS:
            hits[threshold].append(recalled(entry.proposals.boxes, entry.true_boxes, threshold))
    labels = np.concatenate([np.zeros(0, np.int64), *(entry.true_labels for entry in proposed)])
    joined = {threshold: np.concatenate([np.zeros(0, bool), *parts]) for threshold, parts in hits.items()}
    by_name = {name: {threshold: meter.scores(threshold) for threshold in THRESHOLDS} for name, meter in meters.items()}
    return DetectionScores(
        **by_name,
        recall={threshold: float(hit.mean()) if len(hit) else float("nan") for threshold, hit in joined.items()},
        class_recall={threshold: _by_class(hit, labels, len(class_names)) for threshold, hit in joined.items()},
        scenes=len(proposed),
        truth=len(labels),
    )


def _with_true_labels(
    entry: SceneProposals, confidence: float, overlap: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Proposals labelled by the true box that each overlaps most, after suppression.

    Their score is objectness; a box that overlaps no true box by more than 0.25 gets no label and does not count.
    """
    boxes, objectness = entry.proposals.boxes, entry.proposals.objectness
    if not len(boxes) or not len(entry.true_boxes):
        return np.zeros((0, 7)), np.zeros(0, np.int64), np.zeros(0)
    overlaps = iou(boxes, entry.true_boxes)
    good = np.flatnonzero((overlaps.max(1) > THRESHOLDS[0]) & (objectness > confidence))
    labels = entry.true_labels[overlaps[good].argmax(1)]
    kept = suppress(boxes[good], objectness[good], labels, overlap)
    return boxes[good][kept], labels[kept], objectness[good][kept]


def _by_class(hit: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """The fraction of each class's true boxes that is hit, [K]."""
    totals = np.bincount(labels, minlength=classes)
    return np.where(totals, np.bincount(labels, hit, minlength=classes) / np.maximum(totals, 1), np.nan)
