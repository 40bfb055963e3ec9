"""A table top seen by a tilted depth camera: it is levelled, and its objects are proposed, not one box around them."""

import numpy as np
import pytest

from pointclip.datasets.synthetic import generate
from zeroshot_det.boxes import iou
from zeroshot_det.proposals.scene_proposals import enlargement, propose_for
from zeroshot_det.scenes.frames import UNITS
from zeroshot_det.scenes.levelling import levelling_of
from zeroshot_det.scenes.rooms import make_room
from zeroshot_det.scenes.scan_files import ScanFiles
from zeroshot_det.settings import detection_defaults

OBJECTS = (("mug", -0.3, -0.1, 0.12), ("bag", 0.2, 0.1, 0.25), ("laptop", 0, -0.2, 0.22), ("lamp", 0.4, -0.15, 0.4))


def table_top(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points of objects on a table, z up, in metres; and the objects' boxes [4, 7]."""
    rng = np.random.default_rng(seed)
    parts, boxes = [np.c_[rng.uniform(-0.6, 0.6, (20_000, 2)), rng.normal(0, 0.003, 20_000)]], []
    for number, (kind, x, y, height) in enumerate(OBJECTS):
        points = generate(kind, number + 3, 4000).points[:, [0, 2, 1]] * [1, -1, 1]
        points = points * (height / np.ptp(points[:, 2]))
        low, high = points.min(0), points.max(0)
        points = points - [*(low + high)[:2] / 2, low[2]] + [x, y, 0]
        parts.append(points)
        low, high = points.min(0), points.max(0)
        boxes.append([*(low + high) / 2, *(high - low), 0])
    return np.concatenate(parts), np.array(boxes)


def seen_by_camera(points: np.ndarray) -> np.ndarray:
    """The points that a camera in front of and above the table sees, in its frame: x right, y down, z forward."""
    place, forward = np.array([0, -1.3, 0.9]), np.array([0, 1.3, -0.85]) / np.hypot(1.3, 0.85)
    right = np.array([1.0, 0, 0])
    seen = (points - place) @ np.stack([right, np.cross(forward, right), forward], axis=1)
    pixel = (seen[:, :2] / seen[:, 2:] * 400).round().astype(int)
    order = np.lexsort((seen[:, 2], pixel[:, 0] * 10_000 + pixel[:, 1]))
    _, first = np.unique(pixel[order], axis=0, return_index=True)  # the nearest in each pixel
    return seen[order][first]


@pytest.mark.parametrize("unit", ["m", "mm"])
def test_objects_of_a_table_top_are_proposed(tmp_path, unit):
    points, truth = table_top()
    seen = seen_by_camera(points)
    np.save(tmp_path / "scan.npy", seen / UNITS[unit])
    scene = ScanFiles([tmp_path / "scan.npy"], "-y", unit, ("mug",))[0]
    assert any("tilted by 33° and was made level" in note for note in scene.notes)
    assert np.median(scene.points[:, 2]) == pytest.approx(-0.9, abs=0.01)  # the table, below the camera
    np.testing.assert_allclose(scene.frame.places(scene.points), seen / UNITS[unit], atol=1e-4 / UNITS[unit])
    settings = detection_defaults()
    settings.PROPOSALS.MAX_BOXES = 16
    settings.PROPOSALS.ORIENTATION = "aligned"
    proposals, _ = propose_for(scene, settings)
    shift = np.array([0, 1.3, -0.9])  # from the camera to the table's middle
    boxes = proposals.boxes - [*shift, 0, 0, 0, 0]  # the levelled scene's origin is the camera
    overlaps = iou(boxes, truth)
    assert (overlaps[:8].max(0) > 0.25).all(), "each object is among the first eight boxes"
    assert boxes[:4, 3:6].max() < 0.6, "none of the first is a box around everything"


def test_rooms_are_neither_levelled_nor_enlarged():
    room = make_room(3)
    assert levelling_of(room.points) is None
    assert enlargement(room.points) == 1
    assert enlargement(room.points / 5) > 2
