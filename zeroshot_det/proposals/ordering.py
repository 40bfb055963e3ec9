"""A diverse order of boxes: each next one is the best of those that the boxes before it do not already cover."""

import numpy as np

from pointclip.utils.compiled import compiled
from zeroshot_det.boxes import iou

SAME = 0.8  # boxes with a higher IoU count as the same


def overlaps(boxes: np.ndarray) -> np.ndarray:
    """IoU of every pair of boxes [n, 7] -> [n, n] float64; the fast way where none is rotated."""
    boxes = np.ascontiguousarray(boxes, np.float64)
    return iou(boxes, boxes) if boxes[:, 6].any() else _aligned(boxes)


def diverse(overlap: np.ndarray, objectness: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Order boxes greedily, as soft non-maximum suppression does.

    Whenever a box is chosen, the others' objectness is multiplied by 1 - IoU with it, and those that are the same as it
    are dropped. So a few boxes show many objects, and a large box doesn't suppress the small ones in it.

    Args:
        overlap: [n, n] IoU.
        objectness: [n] in [0, 1].
        most: how many boxes to choose.

    Returns:
        The indices of the chosen boxes, best first, and the objectness that each had left, falling.
    """
    return _diverse(np.ascontiguousarray(overlap), np.ascontiguousarray(objectness, np.float64), int(most), SAME)


@compiled("float64[:,::1](float64[:,::1])")
def _aligned(boxes):  # pragma: no cover - compiled
    count = len(boxes)
    result = np.zeros((count, count))
    for i in range(count):
        result[i, i] = 1.0
        volume = boxes[i, 3] * boxes[i, 4] * boxes[i, 5]
        for j in range(i):
            common = 1.0
            for axis in range(3):
                apart = abs(boxes[i, axis] - boxes[j, axis])
                one, other = boxes[i, 3 + axis], boxes[j, 3 + axis]
                common *= max(min(one, other, (one + other) / 2 - apart), 0.0)
            if common > 0:
                common /= volume + boxes[j, 3] * boxes[j, 4] * boxes[j, 5] - common
                result[i, j] = common
                result[j, i] = common
    return result


@compiled("Tuple((int64[::1], float64[::1]))(float64[:,::1], float64[::1], int64, float64)")
def _diverse(overlap, objectness, most, same):  # pragma: no cover - compiled
    left, open_ = objectness.copy(), np.ones(len(objectness), np.bool_)
    chosen, value = np.empty(most, np.int64), np.empty(most)
    for found in range(most):
        best = -1
        for i in range(len(left)):
            if open_[i] and (best < 0 or left[i] > left[best]):
                best = i
        if best < 0:
            return chosen[:found], value[:found]
        chosen[found], value[found] = best, left[best]
        open_[best] = False
        for i in range(len(left)):
            if open_[i]:
                left[i] *= 1 - overlap[best, i]
                if overlap[best, i] > same:
                    open_[i] = False
    return chosen, value
