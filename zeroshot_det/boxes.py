"""Oriented 3-D boxes: one convention, conversions to it, IoU, and the points inside.

A box is a row (x, y, z, dx, dy, dz, heading): its centre, its full sizes along the box's axes, and the angle from the x
axis to the box's x axis in radians, counter-clockwise seen from above. The z axis points up, and lengths are in metres.
The boxes of a scene are a float64 array [n, 7]; axis-aligned boxes have heading 0.
"""

import numpy as np

from pointclip.errors import InputError
from pointclip.utils.compiled import compiled, part

CENTRE, SIZE, HEADING = slice(0, 3), slice(3, 6), 6  # columns of a box
LARGEST_HEADING = 2 * np.pi + 0.01  # an angle beyond a full turn is probably in degrees

# The corners of a unit box around the origin: four above, counter-clockwise, then the four below them.
_UNIT = np.array([(x, y, z) for z in (0.5, -0.5) for x, y in ((0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5))])

_ADVICE = {
    (6,): " (append a heading of 0 to centres and sizes; from_bounds takes minimum and maximum corners)",
    (8, 3): " (from_camera_corners takes corners)",
    (24,): " (from_camera_corners takes corners)",
}  # shape of one box -> what to do
CORNER_TOLERANCE = 0.01  # of corners from those of a box, as a share of its diagonal


def check_boxes(boxes: np.ndarray, where: str) -> np.ndarray:
    """The boxes as float64 [n, 7].

    Args:
        boxes: as read from a file or passed by a caller.
        where: where they come from, for messages: "scene0011_00.npz".

    Raises:
        InputError: for another shape, such as [n, 6] and corners, NaN or infinite numbers, boxes without size, and
            headings in degrees.
    """
    boxes = np.asarray(boxes)
    if not boxes.size and boxes.ndim < 3:
        return np.zeros((0, 7))
    if boxes.ndim != 2 or boxes.shape[1] != 7 or boxes.dtype.kind not in "fiu":
        kind = "numbers" if boxes.dtype.kind in "fiu" else f"{boxes.dtype}"
        raise InputError(
            f"{where}: boxes are {kind} of shape {list(boxes.shape)}; expected numbers [n, 7]: centre, full sizes "
            f"and heading{_ADVICE.get(boxes.shape[1:], '')}."
        )
    boxes = boxes.astype(np.float64)
    if (bad := np.flatnonzero(~np.isfinite(boxes).all(1))).size:
        raise InputError(f"{where}: box {bad[0]} holds NaN or infinite numbers; correct or remove it.")
    if (bad := np.flatnonzero((boxes[:, SIZE] <= 0).any(1))).size:
        size = " × ".join(f"{side:g}" for side in boxes[bad[0], SIZE])
        raise InputError(f"{where}: box {bad[0]} has the size {size}; all three sides must be greater than 0.")
    if (bad := np.flatnonzero(np.abs(boxes[:, HEADING]) > LARGEST_HEADING)).size:
        raise InputError(
            f"{where}: box {bad[0]} has the heading {boxes[bad[0], HEADING]:g}; expected radians from -2π to 2π "
            "(are these degrees?)."
        )
    return boxes


def from_bounds(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Axis-aligned boxes [n, 7] from their minimum and maximum corners, [n, 3] each."""
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    return np.concatenate([(low + high) / 2, high - low, np.zeros((*low.shape[:-1], 1))], axis=-1)


def from_sunrgbd(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SUN RGB-D's boxes as VoteNet prepares them: centre, *half* sizes, *clockwise* heading, class.

    Args:
        rows: [n, 8], in a frame with z up.

    Returns:
        Boxes [n, 7] and class numbers [n].
    """
    rows = np.asarray(rows, np.float64).reshape(-1, 8)
    return np.concatenate([rows[:, :3], 2 * rows[:, 3:6], -rows[:, 6:7]], axis=1), rows[:, 7].astype(np.int64)


def from_scannet(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ScanNet's boxes as VoteNet prepares them: [n, 7] centre, full sizes, NYU40 id -> boxes [n, 7] and ids [n]."""
    rows = np.asarray(rows, np.float64).reshape(-1, 7)
    return np.concatenate([rows[:, :6], np.zeros((len(rows), 1))], axis=1), rows[:, 6].astype(np.int64)


def from_camera_corners(corners: np.ndarray) -> np.ndarray:
    """Boxes from corners in VoteNet's order, which 3DETR shares.

    They are in camera axes (x right, y down, z forward): the four lower corners, then the four above them, each in the
    order (+l/2, +w/2), (+l/2, -w/2), (-l/2, -w/2), (-l/2, +w/2).

    Args:
        corners: [n, 8, 3].

    Returns:
        Boxes [n, 7] in the scan's frame, z up, where camera (x, y, z) becomes (x, z, -y). Corners with NaN or infinite
        numbers give such boxes, which `check_boxes` rejects.

    Raises:
        InputError: for another shape, and for corners in another order or frame, which are no upright boxes.
    """
    corners = np.asarray(corners, np.float64)
    if corners.size and corners.shape[1:] not in ((8, 3), (24,)):
        raise InputError(f"Corners have the shape {list(corners.shape)}; expected [n, 8, 3].")
    corners = corners.reshape(-1, 8, 3)
    corners = np.stack([corners[..., 0], corners[..., 2], -corners[..., 1]], axis=-1)
    along, across = corners[:, 0] - corners[:, 3], corners[:, 0] - corners[:, 1]  # [n, 3], the box's x and y edges
    upwards = corners[:, 4] - corners[:, 0]
    size = [np.linalg.norm(edge, axis=1) for edge in (along, across, upwards)]
    heading = np.arctan2(along[:, 1], along[:, 0])
    boxes = np.concatenate([corners.mean(1), np.stack([*size, heading], axis=1)], axis=1)
    _check_corners(corners, boxes)
    return boxes


def _check_corners(corners: np.ndarray, boxes: np.ndarray) -> None:
    """Raise an InputError unless the corners [n, 8, 3] are those of the boxes [n, 7], in any order."""
    sound = np.isfinite(corners).all((1, 2))
    given, own = corners[sound], corners_of(boxes[sound])
    apart = np.linalg.norm(given[:, :, None] - own[:, None], axis=-1).min(axis=2).max(axis=1, initial=0)  # [n]
    wrong = apart > CORNER_TOLERANCE * np.linalg.norm(boxes[sound, SIZE], axis=1) + 1e-6
    if wrong.any():
        number = np.flatnonzero(sound)[wrong.argmax()]
        raise InputError(
            f"The corners of box {number} are not those of an upright box; expected VoteNet's order in camera axes "
            "(y down): four lower corners around, then those above them."
        )


def corners_of(boxes: np.ndarray) -> np.ndarray:
    """The corners of boxes [n, 7] -> [n, 8, 3]: four above, counter-clockwise from (+dx/2, +dy/2), then four below."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 7)
    corners = _UNIT * boxes[:, None, SIZE]  # [n, 8, 3], in box axes
    return _turned(corners, boxes[:, HEADING]) + boxes[:, None, CENTRE]


def hulls_of(boxes: np.ndarray) -> np.ndarray:
    """Axis-aligned bounds of boxes [n, 7] -> [n, 6]: minimum corner, maximum corner."""
    corners = corners_of(boxes)
    return np.concatenate([corners.min(1), corners.max(1)], axis=1)


def in_box_axes(points: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Points [N, 3] in the coordinate frame of a box [7]."""
    return _turned(np.asarray(points, np.float64)[None] - box[CENTRE], -box[None, HEADING])[0]


def inside(points: np.ndarray, box: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """Which points [N, 3] lie in a box [7] enlarged by `margin` on every side, faces included -> [N] bool."""
    return (np.abs(in_box_axes(points, box)) <= box[SIZE] / 2 + margin).all(1)


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of every pair of boxes: [n, 7], [m, 7] -> [n, m] in [0, 1].

    Exact: one footprint is clipped by the four sides of the other.
    """
    first = np.ascontiguousarray(first, np.float64).reshape(-1, 7)
    second = np.ascontiguousarray(second, np.float64).reshape(-1, 7)
    return _iou_of_all(first, second)


def _turned(points: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """Points [n, N, 3] rotated about z by n angles, counter-clockwise."""
    cos, sin = np.cos(heading)[:, None], np.sin(heading)[:, None]
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack([cos * x - sin * y, sin * x + cos * y, z], axis=-1)


@part
def _clipped(polygon, count, axis, limit, out):  # pragma: no cover - compiled
    """Clip a polygon to coordinates of at most `limit` along an axis; returns the number of corners in `out`."""
    kept = 0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        here, there = polygon[i, axis] - limit, polygon[j, axis] - limit
        if here <= 0:
            out[kept, 0], out[kept, 1] = polygon[i, 0], polygon[i, 1]
            kept += 1
        if (here < 0 < there) or (there < 0 < here):
            share = here / (here - there)
            out[kept, 0] = polygon[i, 0] + share * (polygon[j, 0] - polygon[i, 0])
            out[kept, 1] = polygon[i, 1] + share * (polygon[j, 1] - polygon[i, 1])
            kept += 1
    return kept


@part
def _common_area(a, b, one, two):  # pragma: no cover - compiled
    """The area that the footprints of two boxes share; `one` and `two` [8, 2] are room to work in."""
    cos, sin = np.cos(b[6]), np.sin(b[6])
    x, y = a[0] - b[0], a[1] - b[1]
    x, y = cos * x + sin * y, cos * y - sin * x  # a's centre in b's axes
    turn = a[6] - b[6]
    cos, sin = np.cos(turn), np.sin(turn)
    for i in range(4):
        u = a[3] / 2 if i == 0 or i == 3 else -a[3] / 2
        v = a[4] / 2 if i < 2 else -a[4] / 2
        one[i, 0], one[i, 1] = x + cos * u - sin * v, y + sin * u + cos * v
    count = 4
    for axis in range(2):
        for _ in range(2):  # clip at +side/2, mirror, and repeat for the other side
            count = _clipped(one, count, axis, b[3 + axis] / 2, two)
            for i in range(count):
                one[i, 0], one[i, 1] = two[i, 0], two[i, 1]
                one[i, axis] = -one[i, axis]
    area = 0.0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        area += one[i, 0] * one[j, 1] - one[j, 0] * one[i, 1]
    return abs(area) / 2


@part
def _iou_of_two(a, b, one, two):  # pragma: no cover - compiled
    height = min(a[2] + a[5] / 2, b[2] + b[5] / 2) - max(a[2] - a[5] / 2, b[2] - b[5] / 2)
    x, y = a[0] - b[0], a[1] - b[1]
    reach = np.sqrt(a[3] * a[3] + a[4] * a[4]) + np.sqrt(b[3] * b[3] + b[4] * b[4])
    if height <= 0 or 4 * (x * x + y * y) >= reach * reach:  # the footprints' circumcircles do not meet
        return 0.0
    common = _common_area(a, b, one, two) * height
    return common / (a[3] * a[4] * a[5] + b[3] * b[4] * b[5] - common)


@compiled("float64[:,::1](float64[:,::1], float64[:,::1])")
def _iou_of_all(first, second):  # pragma: no cover - compiled
    one, two = np.empty((16, 2)), np.empty((16, 2))
    result = np.zeros((len(first), len(second)))
    for i in range(len(first)):
        for j in range(len(second)):
            result[i, j] = _iou_of_two(first[i], second[j], one, two)
    return result


@compiled("Tuple((float64[::1], int64[::1]))(float64[:,::1], int64[::1], float64[:,::1], int64[::1])")
def _best_overlaps(boxes, labels, truth, truth_labels):  # pragma: no cover - compiled
    one, two = np.empty((16, 2)), np.empty((16, 2))
    best, which = np.full(len(boxes), -1.0), np.full(len(boxes), -1)
    for i in range(len(boxes)):
        for j in range(len(truth)):
            if labels[i] == truth_labels[j]:
                overlap = _iou_of_two(boxes[i], truth[j], one, two)
                if overlap > best[i]:
                    best[i], which[i] = overlap, j
    return best, which


def best_overlaps(
    boxes: np.ndarray, labels: np.ndarray, truth: np.ndarray, truth_labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The true box of the same label with the highest IoU for each box.

    Args:
        boxes: [n, 7]; labels: [n]; truth: [m, 7]; truth_labels: [m].

    Returns:
        The IoU [n], -1 where no true box has the label, and the index of the true box [n], the first among equals and
        -1 where there is none.
    """
    return _best_overlaps(
        np.ascontiguousarray(boxes, np.float64).reshape(-1, 7),
        np.ascontiguousarray(labels, np.int64),
        np.ascontiguousarray(truth, np.float64).reshape(-1, 7),
        np.ascontiguousarray(truth_labels, np.int64),
    )
