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

    @property
    def labels(self) -> np.ndarray:
        """The most probable class of each box, [n]."""
        return self.probabilities.argmax(1) if len(self.boxes) else np.zeros(0, np.int64)

    @property
    def scores(self) -> np.ndarray:
        """p · objectness of the most probable class, [n]."""
        return self.probabilities.max(1, initial=0) * self.objectness


def detect(
    proposals: Proposals,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    extents: Mapping[str, Sequence[float]],
    size_filter: float = 0.0,
    overlap: float = 0.25,
) -> Detections:
    """Filter the classes of a scene's boxes by size, and suppress overlapping boxes of the same class.

    Args:
        proposals: n boxes.
        probabilities: [n, K].
        class_names: K names.
        extents: typical extents by class, see `size_filter.read_extents`.
        size_filter: the filter's tolerance; 0 turns it off. A class that does not fit gets probability 0; a box that
            fits no class is dropped.
        overlap: IoU above which the box of lower objectness is dropped.
    """
    allowed = fits(proposals.boxes, class_names, extents, size_filter)
    fitting = np.flatnonzero(allowed.any(1))
    boxes, objectness = proposals.boxes[fitting], proposals.objectness[fitting]
    probabilities = (probabilities * allowed)[fitting]
    kept = suppress(boxes, objectness, probabilities.argmax(1) if len(fitting) else fitting, overlap)
    return Detections(boxes[kept], objectness[kept], probabilities[kept])
