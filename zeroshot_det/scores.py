"""Scores of detections against ground truth, beside references for the same boxes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from yacs.config import CfgNode

from zeroshot_det import average_precision
from zeroshot_det.average_precision import THRESHOLDS, AveragePrecision, every_class, recalled, top_class
from zeroshot_det.boxes import iou
from zeroshot_det.detector import Detections
from zeroshot_det.proposals.scene_proposals import SceneProposals
from zeroshot_det.suppression import suppress


@dataclass(frozen=True)
class DetectionScores:
    """Scores by IoU threshold, and references for the same boxes.

    With true labels is no upper bound: suppression among boxes of the same label can drop a better box. The bound is:
    in it each true box is matched by a box of its own wherever one overlaps enough, and nothing else is predicted.
    """

    predicted: dict[float, average_precision.Scores]  # of the detections
    true_labels: dict[float, average_precision.Scores]  # labels of the true boxes that the boxes overlap most
    chance: dict[float, average_precision.Scores]  # all classes equally probable
    bound: dict[float, np.ndarray]  # [K], the largest AP that these boxes allow; NaN without true boxes
    recall: dict[float, float]  # of the proposals, whatever their labels
    class_recall: dict[float, np.ndarray]  # the same for each class [K], NaN without true boxes
    scenes: int
    truth: int  # true boxes

    def means(self, threshold: float, mean: str) -> dict[str, float]:
        """Mean AP in [0, 1] of the detections and of each reference, over the same classes (`MEANS` of the detections).

        Returns:
            {"predicted", "true labels", "chance labels", "bound": the mean}.
        """
        classes = self.predicted[threshold].counted(mean)
        return {
            "predicted": self.predicted[threshold].mean_over(classes),
            "true labels": self.true_labels[threshold].mean_over(classes),
            "chance labels": self.chance[threshold].mean_over(classes),
            "bound": average_precision.mean_over(self.bound[threshold], classes),
        }

    def classes_counted(self, mean: str) -> str:
        """Which classes the means are over, as text: "16 classes, 14 of them with true boxes"."""
        scores = self.predicted[THRESHOLDS[0]]
        counted = scores.counted(mean)
        count, with_truth = int(counted.sum()), int((counted & (scores.truth > 0)).sum())
        named = f"{count} class{'es' * (count != 1)}"
        return named if count == with_truth else f"{named}, {with_truth} of them with true boxes"


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
        settings: SCORING.* and NMS.*.
    """
    c, iou_threshold = settings.SCORING, settings.NMS.IOU_THRESHOLD
    expand = every_class if c.PER_CLASS_PROPOSALS else top_class
    names = ("predicted", "true_labels", "chance")
    meters = {name: AveragePrecision(tuple(class_names), c.INTERPOLATION) for name in names}
    hits: dict[float, list[np.ndarray]] = {threshold: [] for threshold in THRESHOLDS}
    matched = {threshold: np.zeros(len(class_names)) for threshold in THRESHOLDS}
    for entry, detected in zip(proposed, detections, strict=True):
        counted = detected.objectness > c.OBJECTNESS_THRESHOLD
        boxes, objectness = detected.boxes[counted], detected.objectness[counted]
        truth = entry.true_boxes, entry.true_labels
        meters["predicted"].add(*expand(boxes, detected.probabilities[counted], objectness), *truth)
        meters["true_labels"].add(*_with_true_labels(entry, c.OBJECTNESS_THRESHOLD, iou_threshold), *truth)
        even = np.full((len(boxes), len(class_names)), 1 / len(class_names))
        meters["chance"].add(*every_class(boxes, even, objectness), *truth)
        overlaps = iou(entry.proposals.boxes, entry.true_boxes)
        for threshold in THRESHOLDS:
            hits[threshold].append(recalled(entry.proposals.boxes, entry.true_boxes, threshold))
            matched[threshold] += most_matched(overlaps > threshold, entry.true_labels, len(class_names))
    labels = np.concatenate([np.zeros(0, np.int64), *(entry.true_labels for entry in proposed)])
    totals = np.bincount(labels, minlength=len(class_names))
    joined = {threshold: np.concatenate([np.zeros(0, bool), *parts]) for threshold, parts in hits.items()}
    by_name = {name: {threshold: meter.scores(threshold) for threshold in THRESHOLDS} for name, meter in meters.items()}
    return DetectionScores(
        **by_name,
        bound={threshold: _share(count, totals) for threshold, count in matched.items()},
        recall={threshold: float(hit.mean()) if len(hit) else float("nan") for threshold, hit in joined.items()},
        class_recall={
            threshold: _share(np.bincount(labels, hit, minlength=len(totals)), totals)
            for threshold, hit in joined.items()
        },
        scenes=len(proposed),
        truth=len(labels),
    )


def most_matched(enough: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """How many true boxes of each class can be matched to boxes, one to one within a class.

    Args:
        enough: [n, m] bool, whether a box overlaps a true box by more than the threshold.
        labels: [m], of the true boxes.
        classes: K.

    Returns:
        [K] int. Divided by the number of true boxes it bounds the average precision that these boxes can have, whatever
        their labels and scores.
    """
    counts = np.zeros(classes, np.int64)
    for k in np.unique(labels):
        pairs = maximum_bipartite_matching(csr_array(enough[:, labels == k]), "row")
        counts[k] = (pairs >= 0).sum()
    return counts


def _with_true_labels(
    entry: SceneProposals, min_objectness: float, iou_threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Proposals labelled by the true box that each overlaps most, after suppression.

    Their score is objectness; a box that overlaps no true box by more than 0.25 gets no label and does not count.
    """
    boxes, objectness = entry.proposals.boxes, entry.proposals.objectness
    if not len(boxes) or not len(entry.true_boxes):
        return np.zeros((0, 7)), np.zeros(0, np.int64), np.zeros(0)
    overlaps = iou(boxes, entry.true_boxes)
    good = np.flatnonzero((overlaps.max(1) > THRESHOLDS[0]) & (objectness > min_objectness))
    labels = entry.true_labels[overlaps[good].argmax(1)]
    kept = suppress(boxes[good], objectness[good], labels, iou_threshold)
    return boxes[good][kept], labels[kept], objectness[good][kept]


def _share(counts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """counts / totals, NaN where the total is 0; [K], [K] -> [K]."""
    return np.where(totals, counts / np.maximum(totals, 1), np.nan)
