"""Proposals from clusters, a sliding window and files."""

from dataclasses import replace

import numpy as np
import pytest

from pointclip.errors import InputError
from tests.endings import exit_code
from zeroshot_det.average_precision import recalled
from zeroshot_det.boxes import corners_of, iou
from zeroshot_det.proposals import clusters, combined, files, sliding
from zeroshot_det.proposals.base import Proposals, checked_proposals
from zeroshot_det.proposals.scene_proposals import propose_for
from zeroshot_det.proposals.structure import room_of
from zeroshot_det.scenes.rooms import make_room
from zeroshot_det.settings import detection_defaults

BOXES = np.array([[0, 1, 0.5, 2, 1, 1, 0.3], [3, 1, 0.5, 1, 1, 1, -1.2]])
OBJECTNESS = np.array([0.75, 0.25])


@pytest.fixture(scope="module")
def scene():
    return make_room(1_000_001)


@pytest.fixture(scope="module")
def room(scene):
    return room_of(scene.points)


def test_floor_and_walls_are_found(scene, room):
    assert room.floor_found
    assert room.floor == pytest.approx(0, abs=0.01)  # a median over noise of 4 mm
    near_wall = (room.points[:, :2] < 0.03).any(1) & (room.points[:, 2] > 0.1)
    assert room.in_wall[near_wall].mean() > 0.95
    inner = [(np.abs(room.points - box[:3]) < box[3:6].min() / 3).all(1) & room.in_wall for box in scene.boxes]
    assert not np.any(inner)  # no object is taken for a wall


def test_missing_floor_is_recognised():
    rng = np.random.default_rng(0)
    wall = rng.uniform(0, 1, (6000, 3)) * (3, 0.02, 2)
    assert not room_of(wall).floor_found


@pytest.mark.parametrize(
    ("propose", "least"), [(combined.propose, 0.8), (clusters.propose, 0.8), (sliding.propose, 0.3)]
)
def test_objects_in_a_room_are_proposed(scene, room, propose, least):
    proposals = propose(room)
    checked_proposals(proposals.boxes, proposals.objectness, "proposals")
    assert (np.diff(proposals.objectness) <= 0).all()
    assert recalled(proposals.boxes, scene.boxes, 0.25).mean() >= least
    again = propose(room_of(scene.points))
    np.testing.assert_array_equal(again.boxes, proposals.boxes)


def test_colours_are_used_unless_the_setting_says_no(scene):
    checks = (np.floor(4 * scene.points[:, :1]) % 2 * 255).repeat(3, axis=1).astype(np.uint8)
    painted, settings = replace(scene, colours=checks), detection_defaults()
    settings.PROPOSALS.METHOD = "combined"
    seen, _ = propose_for(painted, settings)
    settings.PROPOSALS.COLOURS = False
    unseen, _ = propose_for(painted, settings)
    np.testing.assert_array_equal(unseen.boxes, propose_for(scene, settings)[0].boxes)
    assert not np.array_equal(seen.boxes, unseen.boxes)


def test_aligned_boxes_have_no_heading_and_number_is_limited(room):
    for method in (clusters, combined):
        assert (method.propose(room, "aligned").boxes[:, 6] == 0).all()
        assert len(method.propose(room, max_boxes=3)) == 3


def test_table_with_objects_on_it_is_proposed():
    rng = np.random.default_rng(1)
    floor = rng.uniform(0, 4, (9000, 3)) * (1, 1, 0)
    top = np.column_stack([rng.uniform(1, 2.2, 3000), rng.uniform(1, 1.8, 3000), np.full(3000, 0.75)])
    pile = rng.uniform(0, 1, (2500, 3)) * (1.1, 0.7, 0.9) + (1.05, 1.05, 0.75)
    proposals = clusters.propose(room_of(np.concatenate([floor, top, pile])))
    table = np.array([[1.6, 1.4, 0.375, 1.2, 0.8, 0.75, 0]])
    assert iou(proposals.boxes, table).max() > 0.7  # the flat bottom of the pile is taken as part of the table


def test_empty_room_has_no_proposals():
    floor = np.random.default_rng(0).uniform(0, 4, (9000, 3)) * (1, 1, 0)
    for method in (combined, clusters, sliding):
        assert not len(method.propose(room_of(floor)))


def test_touching_chairs_are_separated():
    rng = np.random.default_rng(2)
    floor = rng.uniform(0, 4, (9000, 3)) * (1, 1, 0)
    faces = rng.uniform(0, 1, (6000, 3)) * (1.8, 0.6, 0.8) + (1, 1, 0.02)  # three of 0.6 m side by side
    proposals = clusters.propose(room_of(np.concatenate([floor, faces])))
    middle = np.array([[1.3 + 0.6 * i, 1.3, 0.41, 0.6, 0.6, 0.82, 0] for i in range(3)])
    assert recalled(proposals.boxes, middle, 0.25).sum() >= 2


@pytest.mark.parametrize("angle", [0.0, 0.4, -0.7])
def test_smallest_rectangle(angle):
    rng = np.random.default_rng(3)
    points = rng.uniform(-0.5, 0.5, (400, 2)) * (3, 1)
    points = np.concatenate([points, [[1.5, 0.5], [-1.5, 0.5], [1.5, -0.5], [-1.5, -0.5]]])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre, sides, heading = clusters.smallest_rectangle(points @ turn.T + (5, 2))
    np.testing.assert_allclose(centre, [5, 2], atol=1e-9)
    np.testing.assert_allclose(sides, [3, 1], atol=1e-9)
    assert heading == pytest.approx(angle)
    assert clusters.smallest_rectangle(np.array([[0.0, 0], [1, 1]]))[1].tolist() == [1, 1]


def test_proposal_files_round_trip(tmp_path):
    files.write_proposals(tmp_path / "a.npz", Proposals(BOXES, OBJECTNESS))
    back = files.read_proposals(tmp_path / "a.npz")
    np.testing.assert_array_equal(back.boxes, BOXES)
    np.testing.assert_array_equal(back.objectness, OBJECTNESS)
    np.savez(tmp_path / "b.npz", centre=BOXES[:, :3], size=BOXES[:, 3:6], objectness=OBJECTNESS)
    assert (files.read_proposals(tmp_path / "b.npz").boxes[:, 6] == 0).all()


def camera_corners(boxes: np.ndarray) -> np.ndarray:
    """Corners in VoteNet's order; ours start above and go the other way round."""
    order = [4, 7, 6, 5, 0, 3, 2, 1]
    x, y, z = np.moveaxis(corners_of(boxes)[:, order], -1, 0)
    return np.stack([x, -z, y], axis=-1)


def test_votenet_and_3detr_outputs_are_converted(tmp_path, capsys):
    corners, probabilities = camera_corners(BOXES), [(0, 0.7), (4, 0.3)]
    rows = [
        f"{label} {','.join(map(str, eight.ravel()))} {p * objectness}"
        for label, p in probabilities
        for eight, objectness in zip(corners, OBJECTNESS, strict=True)
    ]
    (tmp_path / "000000_pred_map_cls.txt").write_text("\n".join(rows))
    (tmp_path / "val.txt").write_text("scene0011_00\n")
    words = ["votenet", str(tmp_path), "--scenes", str(tmp_path / "val.txt"), "--out", str(tmp_path / "out")]
    assert exit_code(files.main, words) == 0
    converted = files.read_proposals(tmp_path / "out/scene0011_00.npz").best(2)
    np.testing.assert_allclose(converted.boxes, BOXES, atol=1e-9)
    np.testing.assert_allclose(converted.objectness, OBJECTNESS)

    np.savez(tmp_path / "room.npz", box_corners=corners, objectness_prob=OBJECTNESS)
    assert exit_code(files.main, ["3detr", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    np.testing.assert_allclose(files.read_proposals(tmp_path / "out/room.npz").boxes, BOXES, atol=1e-9)
    assert exit_code(files.main, ["votenet", str(tmp_path / "out"), "--out", str(tmp_path)]) == 2
    assert "holds no *_pred_map_cls.txt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"centre": BOXES[:, :3]}, "but not size, objectness"),
        ({"centre": BOXES[:, :3], "size": BOXES[:1, 3:6], "objectness": OBJECTNESS}, "the same n in all"),
        ({"centre": BOXES[:, :3], "size": BOXES[:, 3:6], "objectness": [3.0, 0]}, "sigmoid"),
        ({"centre": BOXES[:, :3], "size": BOXES[:, 3:6], "objectness": [1.0]}, r"expected \[2\]"),
        ({"centre": BOXES[:, :3], "size": -BOXES[:, 3:6], "objectness": OBJECTNESS}, "greater than 0"),
        ({"centre": BOXES[:, :2], "size": BOXES[:, 3:6], "objectness": OBJECTNESS}, r"\[2, 2\], \[2, 3\], \[2\]"),
        ({"centre": BOXES[:, :3], "size": BOXES[:, 3:6], "objectness": ["a", "b"]}, "objectness is <U1"),
        ({"centre": BOXES[:, :3], "size": BOXES[:, 3:6], "heading": [90.0, 0], "objectness": OBJECTNESS}, "degrees"),
    ],
)
def test_bad_files_are_rejected_in_one_sentence(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message) as caught:
        files.read_proposals(tmp_path / "a.npz")
    assert "\n" not in str(caught.value)
    (tmp_path / "b.npz").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"cannot be read as \.npz"):
        files.read_proposals(tmp_path / "b.npz")
    with pytest.raises(InputError, match="does not exist"):
        files.read_proposals(tmp_path / "c.npz")
