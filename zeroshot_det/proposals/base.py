"""Class-agnostic box proposals."""

from dataclasses import dataclass

import numpy as np

from pointclip.errors import InputError
from zeroshot_det.boxes import check_boxes


@dataclass(frozen=True)
class Proposals:
    """The boxes proposed for one scene."""

    boxes: np.ndarray  # [n, 7], z up, in the scene's frame
    objectness: np.ndarray  # [n] in [0, 1]

    def __len__(self) -> int:
        return len(self.boxes)

    def best(self, max_boxes: int) -> "Proposals":
        """The `max_boxes` boxes of highest objectness, best first."""
        order = np.argsort(-self.objectness, kind="stable")[:max_boxes]
        return Proposals(self.boxes[order], self.objectness[order])


def no_proposals() -> Proposals:
    """No boxes."""
    return Proposals(np.zeros((0, 7)), np.zeros(0))


def checked_proposals(boxes: np.ndarray, objectness: np.ndarray, where: str) -> Proposals:
    """Proposals from a file or a caller.

    Raises:
        InputError: for bad boxes (see `check_boxes`), and objectness that is not one number in [0, 1] per box.
    """
    boxes, objectness = check_boxes(boxes, where), np.asarray(objectness)
    if objectness.dtype.kind not in "fiu":
        raise InputError(f"{where}: objectness is {objectness.dtype}; expected numbers [{len(boxes)}].")
    objectness = objectness.astype(np.float64)
    if objectness.shape != (len(boxes),):
        raise InputError(f"{where}: objectness has the shape {list(objectness.shape)}; expected [{len(boxes)}].")
    if not ((objectness >= 0) & (objectness <= 1)).all():
        raise InputError(f"{where}: objectness must lie in [0, 1]; pass logits through a sigmoid first.")
    return Proposals(boxes, objectness)
