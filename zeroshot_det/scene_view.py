"""The interactive view of a scene on the page: a canvas to rotate, without any library."""

import base64
import json
from collections.abc import Sequence

import numpy as np

from zeroshot_det.boxes import corners_of

POINTS = 16_000  # drawn per scene
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8c564b", "#b8860b", "#2f4b7c")


def colour_of(label: int) -> str:
    """The colour of a class; colours repeat after the last."""
    return COLOURS[label % len(COLOURS)]


def scene_json(
    points: np.ndarray,
    colours: np.ndarray | None,
    boxes: np.ndarray,
    names: Sequence[str],
    labels: np.ndarray,
    scores: np.ndarray,
    truth: np.ndarray,
    truth_names: Sequence[str],
    min_score: float = 0.0,
    max_points: int = POINTS,
) -> str:
    """What the script draws, as JSON that is safe inside a script element.

    Args:
        points: [N, 3], z up; of more than `max_points`, an evenly spaced subset is drawn.
        colours: [N, 3] uint8; None colours by height.
        boxes, names, labels, scores: n detections; truth, truth_names: m true boxes.
        min_score: boxes of a lower score are hidden until the slider is moved.
    """
    chosen = np.unique(np.linspace(0, len(points) - 1, min(len(points), max_points)).astype(int))
    points = points[chosen].astype(np.float64)
    low, high = np.percentile(points, 0.2, axis=0), np.percentile(points, 99.8, axis=0)
    middle, half = (low + high) / 2, max((high - low).max() / 2, 1e-9)

    def scaled(xyz: np.ndarray) -> np.ndarray:
        return (xyz - middle) / half

    small = np.clip(scaled(points), -1.2, 1.2) / 1.2 * 32767
    height = (points[:, 2] - low[2]) / max(high[2] - low[2], 1e-9)
    point_colours = _by_height(height) if colours is None else colours[chosen]
    corners, true_corners = scaled(corners_of(boxes)) / 1.2, scaled(corners_of(truth)) / 1.2
    value = {
        "points": base64.b64encode(small.round().astype("<i2").tobytes()).decode(),
        "colours": base64.b64encode(np.ascontiguousarray(point_colours, np.uint8).tobytes()).decode(),
        "low": float(scaled(low)[2] / 1.2),
        "high": float(scaled(points).max(0)[2] / 1.2),
        "minScore": min_score,
        "boxes": [
            {"corners": np.round(eight, 4).tolist(), "name": name, "score": float(score), "colour": colour_of(label)}
            for eight, name, score, label in zip(corners, names, scores, labels, strict=True)
        ],
        "truth": [
            {"corners": np.round(eight, 4).tolist(), "name": name}
            for eight, name in zip(true_corners, truth_names, strict=True)
        ],
    }
    return json.dumps(value).replace("<", "\\u003c")


def _by_height(height: np.ndarray) -> np.ndarray:
    """Greys, darker with height: [N] in [0, 1] -> [N, 3] uint8."""
    grey = 165 - 110 * np.clip(1.6 * height, 0, 1)
    return np.stack([grey * 0.97, grey, grey * 1.05], axis=1).astype(np.uint8)
