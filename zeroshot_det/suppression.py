"""Non-maximum suppression as in VoteNet's and 3DETR's evaluations."""

import numpy as np

from pointclip.utils.compiled import compiled
from zeroshot_det.boxes import hulls_of

OVERLAP = 0.25


def suppress(boxes: np.ndarray, objectness: np.ndarray, labels: np.ndarray, overlap: float = OVERLAP) -> np.ndarray:
    """Indices of the boxes to keep when only the best of overlapping boxes is kept.

    Boxes are visited by decreasing objectness, not score; a box suppresses later ones of the same label whose IoU with
    it is over `overlap`. The IoU is that of axis-aligned bounds, even for oriented boxes.

    Args:
        boxes: [n, 7]; objectness: [n]; labels: [n], the most probable class of each.

    Returns:
        The indices of the kept boxes, by decreasing objectness.
    """
    order = np.argsort(-np.asarray(objectness), kind="stable")
    hulls = np.ascontiguousarray(hulls_of(boxes)[order])
    return order[_kept(hulls, np.ascontiguousarray(np.asarray(labels)[order], np.int64), float(overlap))]


@compiled("bool_[::1](float64[:,::1], int64[::1], float64)")
def _kept(hulls, labels, overlap):  # pragma: no cover - compiled
    kept = np.ones(len(hulls), np.bool_)
    volume = (hulls[:, 3] - hulls[:, 0]) * (hulls[:, 4] - hulls[:, 1]) * (hulls[:, 5] - hulls[:, 2])
    for i in range(len(hulls)):
        if not kept[i]:
            continue
        for j in range(i + 1, len(hulls)):
            if not kept[j] or labels[i] != labels[j]:
                continue
            common = 1.0
            for axis in range(3):
                side = min(hulls[i, 3 + axis], hulls[j, 3 + axis]) - max(hulls[i, axis], hulls[j, axis])
                common *= max(0.0, side)
            if common > overlap * (volume[i] + volume[j] - common):
                kept[j] = False
    return kept
