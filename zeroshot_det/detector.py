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
    """What was found in one scene, by falling objectness."""

    boxes: np.ndarray  # [n, 7]
    objectness: np.ndarray  # [n]
    probabilities: np.ndarray  # [n, K]

    @property
    def labels(self) -> np.ndarray:
        """The likeliest class of each box, [n]."""
        return self.probabilities.argmax(1) if len(self.boxes) else np.zeros(0, np.int64)

    @property
    def scores(self) -> np.ndarray:
        """p · objectness of the likeliest class, [n]."""
        return self.probabilities.max(1, initial=0) * self.objectness


def detect(
    proposals: Proposals,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    extents: Mapping[str, Sequence[float]],
    size_filter: float = 0.0,
    overlap: float = 0.25,
) -> Detections:
    """Filter the classes of a scene's boxes by size, and keep of those that overlap within a class only the best.

    Args:
        proposals: n boxes.
        probabilities: [n, K].
        class_names: K names.
        extents: typical ones by class, see `size_filter.read_extents`.
        size_filter: its tolerance; 0 for none. A class that does not fit gets probability 0; a box that fits no class
            goes.
        overlap: IoU above which the box of lower objectness goes.
    """
    allowed = fits(proposals.boxes, class_names, extents, size_filter)
    some = np.flatnonzero(allowed.any(1))
    boxes, objectness = proposals.boxes[some], proposals.objectness[some]
    probabilities = (probabilities * allowed)[some]
    kept = suppress(boxes, objectness, probabilities.argmax(1) if len(some) else some, overlap)
    return Detections(boxes[kept], objectness[kept], probabilities[kept])
