"""Average precision of 3-D boxes, as VoteNet's and 3DETR's evaluations define it; can be used on its own.

    meter = AveragePrecision(("chair", "table"))
    for scene in scenes:
        meter.add(boxes, labels, scores, true_boxes, true_labels)
    print(meter.scores(0.25).mean("published"))

For each class, the boxes of all scenes are visited in order of decreasing score. A box is a true positive if its IoU
with the true box of its class that it overlaps most is strictly greater than the threshold and that box is not matched
yet; otherwise it is a false positive. Boxes of equal score keep the order in which they were added (the published code
leaves their order open).
"""

from dataclasses import dataclass

import numpy as np

from pointclip.errors import InputError
from zeroshot_det.boxes import best_overlaps, check_boxes, iou

THRESHOLDS = (0.25, 0.5)
ROUNDING = 1e-6  # of scores that are products and sums of probabilities
INTERPOLATIONS = ("all", "11")  # over all points of the curve, or over eleven recall values (Pascal VOC 2007)
MEANS = {
    "published": "over the classes that have true boxes or predictions; one without true boxes counts as 0",
    "with truth": "over the classes that have true boxes; one without predictions counts as 0",
    "with both": "over the classes that have true boxes and predictions",
}


@dataclass(frozen=True)
class Scores:
    """A meter's scores at one threshold; arrays have one entry per class."""

    class_names: tuple[str, ...]
    average_precision: np.ndarray  # [K] in [0, 1]; NaN without true boxes, 0 with true boxes but no predictions
    recall: np.ndarray  # [K] in [0, 1], of all predictions; NaN without true boxes
    truth: np.ndarray  # [K] int, true boxes
    predictions: np.ndarray  # [K] int

    def counted(self, name: str = "published") -> np.ndarray:
        """Which classes a mean is over, [K] bool; see `MEANS`.

        Raises:
            InputError: for an unknown name.
        """
        if name not in MEANS:
            raise InputError(f"The mean is {name!r}; expected one of {', '.join(map(repr, MEANS))}.")
        return {
            "published": (self.truth > 0) | (self.predictions > 0),
            "with truth": self.truth > 0,
            "with both": (self.truth > 0) & (self.predictions > 0),
        }[name]

    def mean(self, name: str = "published") -> float:
        """The mean average precision in [0, 1], over the classes described in `MEANS`; NaN when there are none."""
        return self.mean_over(self.counted(name))

    def mean_over(self, classes: np.ndarray) -> float:
        """The same over given classes [K] bool, such as another meter's, so that both means are of the same classes."""
        return mean_over(self.average_precision, classes)


def mean_over(values: np.ndarray, classes: np.ndarray) -> float:
    """The mean of values [K] over the classes [K] bool, NaN counting as 0; NaN without classes."""
    chosen = np.nan_to_num(values[classes])
    return float(chosen.mean()) if len(chosen) else float("nan")


class AveragePrecision:
    """Accumulates the boxes of scenes, and scores them at any threshold.

    Args:
        class_names: K names, indexed by the labels.
        interpolation: "all" or "11".

    Raises:
        InputError: for another interpolation.
    """

    def __init__(self, class_names: tuple[str, ...], interpolation: str = "all"):
        if interpolation not in INTERPOLATIONS:
            raise InputError(f"The interpolation is {interpolation!r}; expected 'all' or '11'.")
        self.class_names, self.interpolation = tuple(class_names), interpolation
        self.scenes = 0
        self._truth = np.zeros(len(class_names), np.int64)
        self._labels: list[np.ndarray] = []  # one array per scene
        self._scores: list[np.ndarray] = []
        self._overlap: list[np.ndarray] = []
        self._match: list[np.ndarray] = []  # index of the true box, over all scenes

    def add(
        self, boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray, truth: np.ndarray, truth_labels: np.ndarray
    ) -> None:
        """Add a scene: predicted boxes [n, 7], labels [n], scores [n]; true boxes [m, 7], labels [m].

        Raises:
            InputError: for bad boxes (see `check_boxes`), arrays of different lengths, labels that are no whole numbers
                or out of range, and scores outside [0, 1].
        """
        boxes, truth = check_boxes(boxes, "Predictions"), check_boxes(truth, "True boxes")
        labels, truth_labels = self._labels_of(labels, "Predictions"), self._labels_of(truth_labels, "True boxes")
        scores = _checked_scores(scores)
        if not len(boxes) == len(labels) == len(scores) or len(truth) != len(truth_labels):
            raise InputError(
                f"{len(boxes)} boxes have {len(labels)} labels and {len(scores)} scores, {len(truth)} true boxes "
                f"have {len(truth_labels)} labels; expected one of each for every box."
            )
        overlap, which = best_overlaps(boxes, labels, truth, truth_labels)
        self._labels.append(labels)
        self._scores.append(scores)
        self._overlap.append(overlap)
        self._match.append(np.where(which < 0, -1, which + self._truth.sum()))
        self._truth += np.bincount(truth_labels, minlength=len(self.class_names))
        self.scenes += 1

    def scores(self, threshold: float) -> Scores:
        """Average precision and recall of each class over all scenes added so far, at an IoU threshold in (0, 1].

        Raises:
            InputError: for another threshold.
        """
        threshold = _checked_threshold(threshold)
        joined = [np.concatenate([np.zeros(0), *parts]) for parts in (self._labels, self._scores, self._overlap)]
        labels, scores, overlap = joined
        match = np.concatenate([np.zeros(0, np.int64), *self._match])
        precision, recall, counts = [], [], []
        for k, total in enumerate(self._truth):
            of_class = np.flatnonzero(labels == k)
            of_class = of_class[np.argsort(-scores[of_class], kind="stable")]
            true_positives = _true_positives(overlap[of_class] > threshold, match[of_class])
            precision.append(_average_precision(true_positives, int(total), self.interpolation))
            recall.append(true_positives.sum() / total if total else np.nan)
            counts.append(len(of_class))
        return Scores(self.class_names, np.array(precision), np.array(recall), self._truth.copy(), np.array(counts))

    def _labels_of(self, labels: np.ndarray, what: str) -> np.ndarray:
        """The labels as int64 [n]."""
        given = np.asarray(labels)
        if not given.size:
            return np.zeros(0, np.int64)
        if given.ndim != 1 or given.dtype.kind not in "fiu" or not (given == np.floor(given)).all():
            raise InputError(
                f"{what}: labels are {given.dtype} of shape {list(given.shape)}; expected whole numbers [n], the "
                "places of the names in class_names."
            )
        if not 0 <= given.min() <= given.max() < len(self.class_names):
            raise InputError(
                f"{what}: labels range from {given.min():g} to {given.max():g}; expected 0 to "
                f"{len(self.class_names) - 1}, the places of the names in class_names."
            )
        return given.astype(np.int64)


def _checked_scores(scores: np.ndarray) -> np.ndarray:
    """The scores as float64 [n]."""
    given = np.asarray(scores)
    if not given.size:
        return np.zeros(0)
    if given.ndim != 1 or given.dtype.kind not in "fiu" or not ((given >= 0) & (given <= 1 + ROUNDING)).all():
        extent = f", from {given.min():g} to {given.max():g}" if given.dtype.kind in "fiu" else ""
        raise InputError(
            f"Scores are {given.dtype} of shape {list(given.shape)}{extent}; expected numbers [n] from 0 to 1: "
            "pass logits through a sigmoid or softmax, and divide percentages by 100."
        )
    return given.astype(np.float64)


def _checked_threshold(threshold: float) -> float:
    if not isinstance(threshold, int | float | np.integer | np.floating) or not 0 < threshold <= 1:
        raise InputError(f"The IoU threshold is {threshold!r}; expected above 0 and at most 1, such as 0.25.")
    return float(threshold)


def every_class(
    boxes: np.ndarray, probabilities: np.ndarray, objectness: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let every box count for every class ("per class proposal"), with score p_k · objectness.

    Args:
        boxes: [n, 7]; probabilities: [n, K]; objectness: [n].

    Returns:
        Boxes [n·K, 7], labels [n·K] and scores [n·K], as `AveragePrecision.add` takes them.
    """
    count, classes = probabilities.shape
    scores = (probabilities * objectness[:, None]).ravel()
    return np.repeat(boxes, classes, axis=0), np.tile(np.arange(classes), count), scores


def top_class(
    boxes: np.ndarray, probabilities: np.ndarray, objectness: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let every box count only for its most probable class, with score p · objectness; otherwise as `every_class`."""
    return boxes, probabilities.argmax(1), probabilities.max(1) * objectness


def recalled(boxes: np.ndarray, truth: np.ndarray, threshold: float) -> np.ndarray:
    """Which true boxes [m, 7] have an IoU over `threshold` with some box [n, 7], whatever its label -> [m] bool.

    Raises:
        InputError: for bad boxes (see `check_boxes`), and a threshold outside (0, 1].
    """
    boxes, truth = check_boxes(boxes, "Boxes"), check_boxes(truth, "True boxes")
    threshold = _checked_threshold(threshold)
    if not len(boxes) or not len(truth):
        return np.zeros(len(truth), bool)
    return iou(boxes, truth).max(0) > threshold


def _true_positives(overlaps: np.ndarray, match: np.ndarray) -> np.ndarray:
    """Which of the ordered predictions that overlap enough are the first for their true box: [n], [n] -> [n] bool."""
    first = np.zeros(len(overlaps), bool)
    places = np.flatnonzero(overlaps)
    first[places[np.unique(match[places], return_index=True)[1]]] = True
    return first


def _average_precision(true_positives: np.ndarray, total: int, interpolation: str) -> float:
    """The area under the precision-recall curve; true_positives [n] bool by decreasing score, of `total` true boxes."""
    if not total:
        return float("nan")
    count = np.cumsum(true_positives)
    recall = count / total
    precision = count / np.arange(1, len(true_positives) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]  # at this recall or a higher one
    if interpolation == "all":
        return float(best_from_here[true_positives].sum() / total)  # recall grows by 1 / total at each true positive
    reached = np.searchsorted(recall, np.arange(0, 1.1, 0.1))  # the published code's eleven values, rounding included
    return float(np.append(best_from_here, 0.0)[reached].sum() / 11)
