"""From boxes with class probabilities to detections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zeroshot_det.proposals.base import Proposals
from zeroshot_det.size_filter import fits
from zeroshot_det.suppression import suppress

TASK = "zero-shot detection"


@dataclass(frozen=True)
class Detections:
    """The detections of one scene, by decreasing objectness."""

    boxes: np.ndarray  # [n, 7]
    objectness: np.ndarray  # [n]
    probabilities: np.ndarray  # [n, K]
    unnamed: int | None = None  # the class of boxes that fit no class, listed last; None if these are dropped

    @property
    def labels(self) -> np.ndarray:
        """The most probable class of each box, [n]."""
        return self.probabilities.argmax(1) if len(self.boxes) else np.zeros(0, np.int64)

    @property
    def scores(self) -> np.ndarray:
        """p · objectness of the most probable class, [n]."""
        return self.probabilities.max(1, initial=0) * self.objectness

    @property
    def ranked(self) -> np.ndarray:
        """Indices of the detections, [n], by decreasing score; those that fit no class come last."""
        return np.lexsort((-self.scores, self.labels == (-1 if self.unnamed is None else self.unnamed)))


def detect(
    proposals: Proposals,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    extents: Mapping[str, Sequence[float]],
    size_filter: float = 0.0,
    overlap: float = 0.25,
    keep_unnamed: bool = False,
) -> Detections:
    """Filter the classes of a scene's boxes by size, and suppress overlapping boxes of the same class.

    Args:
        proposals: n boxes.
        probabilities: [n, K].
        class_names: K names.
        extents: typical extents by class, see `size_filter.read_extents`.
        size_filter: the filter's tolerance; 0 turns it off. A class that does not fit gets probability 0.
        overlap: IoU above which the box of lower objectness is dropped.
        keep_unnamed: whether a box that fits no class gets probability 1 of another class, the last one (see
            `class_names.named_classes`), instead of being dropped.
    """
    allowed = fits(proposals.boxes, class_names, extents, size_filter)
    fitting = allowed.any(1)
    probabilities = probabilities * allowed
    if keep_unnamed:
        probabilities = np.column_stack([probabilities, ~fitting])
        fitting = np.ones(len(proposals), bool)
    boxes, objectness, probabilities = proposals.boxes[fitting], proposals.objectness[fitting], probabilities[fitting]
    labels = probabilities.argmax(1) if len(boxes) else np.zeros(0, np.int64)
    kept = suppress(boxes, objectness, labels, overlap)
    return Detections(boxes[kept], objectness[kept], probabilities[kept], len(class_names) if keep_unnamed else None)
