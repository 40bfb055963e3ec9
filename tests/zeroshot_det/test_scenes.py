"""Readers, made-up rooms, and scans in any frame."""

from pathlib import Path

import numpy as np
import pytest

from pointclip.errors import InputError
from tests.endings import exit_code
from zeroshot_det.boxes import inside
from zeroshot_det.scenes import frames, verify
from zeroshot_det.scenes.own import OwnScans
from zeroshot_det.scenes.rooms import SEEN, SyntheticRooms, make_room
from zeroshot_det.scenes.scannet import ScanNet
from zeroshot_det.scenes.sunrgbd import SunRgbd

SHARED = Path(__file__).resolve().parents[3] / "shared/real_data"


@pytest.fixture(scope="module")
def room():
    return make_room(5)


@pytest.fixture
def scannet(tmp_path):
    folder = tmp_path / "scannet_train_detection_data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("scene0011_00", "scene0012_00"):
        vertices = np.column_stack([rng.uniform(0, 3, (500, 3)), rng.integers(0, 256, (500, 3))]).astype(np.float32)
        np.save(folder / f"{name}_vert.npy", vertices)
        np.save(
            folder / f"{name}_bbox.npy",
            np.array([[1, 1, 1, 2, 1, 1, 39], [1, 1, 1, 1, 1, 1, 1], [2, 2, 1, 1, 1, 2, 3]]),
        )
    (folder / "meta_data").mkdir()
    (tmp_path / "meta_data").mkdir()
    (tmp_path / "meta_data/scannetv2_val.txt").write_text("scene0011_00\nscene0012_00\n")
    return tmp_path


def test_scannet_is_read_as_votenet_prepares_it(scannet):
    scenes = ScanNet(scannet)
    assert scenes.names == ["scene0011_00", "scene0012_00"]
    scene = scenes[0]
    assert [scenes.class_names[label] for label in scene.labels] == ["garbage bin", "cabinet"]  # id 1, a wall, is none
    assert scene.boxes.tolist() == [[1, 1, 1, 2, 1, 1, 0], [2, 2, 1, 1, 1, 2, 0]]
    assert scene.points.shape == scene.colours.shape == (500, 3)
    assert len(scenes.class_names) == 18


def test_sunrgbd_is_read_as_votenet_prepares_it(tmp_path):
    folder = tmp_path / "sunrgbd_pc_bbox_votes_50k_v1_val"
    folder.mkdir()
    np.savez(folder / "000002_pc.npz", pc=np.random.default_rng(0).random((300, 6)))
    np.save(folder / "000002_bbox.npy", np.array([[0.5, 0.5, 0.5, 0.4, 0.1, 0.5, -np.pi / 4, 3]]))
    scene = SunRgbd(tmp_path)[0]
    np.testing.assert_allclose(scene.boxes, [[0.5, 0.5, 0.5, 0.8, 0.2, 1, np.pi / 4]])
    assert scene.labels.tolist() == [3]
    np.save(folder / "000002_bbox.npy", np.zeros((0, 8)))
    assert len(SunRgbd(tmp_path)[0].boxes) == 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real scenes are not here")
def test_the_real_scenes_hold_points_in_all_their_boxes():
    wrong, counts, empty = verify.verify(SunRgbd(SHARED, "train"))
    assert (wrong, counts.sum(), empty) == ([], 11, 0)


def test_verify_tells_what_is_wrong(scannet, capsys):
    words = ["scannet", "--root", str(scannet)]
    assert exit_code(verify.main, words) == 0
    assert "2 scenes of 312, 4 boxes" in capsys.readouterr().out
    (scannet / "scannet_train_detection_data/scene0012_00_bbox.npy").unlink()
    assert exit_code(verify.main, words) == 2
    told = capsys.readouterr()
    assert "scene0012_00_bbox.npy is missing" in told.out
    assert "1 scene(s) are wrong" in told.err


@pytest.mark.parametrize(("reader", "words"), [(ScanNet, "agree to the terms"), (SunRgbd, "agreeing to the terms")])
def test_a_missing_set_says_where_to_get_it(tmp_path, reader, words):
    with pytest.raises(InputError, match=words):
        reader(tmp_path)
    with pytest.raises(InputError, match="train"):
        reader(tmp_path, "test")


def test_a_room_follows_from_its_seed_and_its_boxes_hold_its_things(room):
    again = make_room(5)
    np.testing.assert_array_equal(again.points, room.points)
    np.testing.assert_array_equal(again.boxes, room.boxes)
    assert not np.array_equal(make_room(6).points[:100], room.points[:100])
    assert len(room.boxes) >= 3
    for box in room.boxes:
        assert inside(room.points, box, 0.02).sum() >= SEEN


def test_one_camera_sees_less_than_several():
    one, four = make_room(5, cameras=1), make_room(5, cameras=4)
    assert len(one.points) < 0.8 * len(four.points)


def test_splits_never_meet_and_bad_numbers_are_told():
    rooms = {split: SyntheticRooms(split, 1)[0] for split in ("val", "test")}
    assert not np.array_equal(rooms["val"].boxes, rooms["test"].boxes)
    for wrong in ({"split": "all"}, {"cameras": 0}, {"noise": 1.0}, {"count": 0}):
        with pytest.raises(InputError, match=r"expected|have"):
            SyntheticRooms(**wrong)


@pytest.mark.parametrize("up", "xyz")
def test_frames_turn_there_and_back_and_the_floor_is_found(room, up):
    own = frames.from_z_up(room.points, up)
    np.testing.assert_array_equal(frames.to_z_up(own, up), room.points)
    np.testing.assert_array_equal(own[:, "xyz".index(up)], room.points[:, 2])
    basis = frames.to_z_up(np.eye(3), up)
    assert np.linalg.det(basis) == pytest.approx(1)  # a rotation, no mirror image
    assert frames.likeliest_up(own) == up


def test_the_floor_of_a_long_flight_of_rooms_is_found():
    rooms = [make_room(number).points + np.array([6 * number, 0, 0], np.float32) for number in range(4)]
    assert frames.likeliest_up(np.concatenate(rooms)) == "z"


def test_own_scans_are_turned_and_keep_their_offset(tmp_path, room):
    far = np.array([400_000.0, 5_000_000.0, 100.0])
    np.save(tmp_path / "survey.npy", frames.from_z_up(room.points.astype(np.float64), "y") + far)
    scene = OwnScans([tmp_path / "survey.npy"], "auto", ("chair",))[0]
    assert scene.up == "y"
    back = frames.from_z_up(scene.points.astype(np.float64), "y") + np.array(scene.offset)
    np.testing.assert_allclose(back, frames.from_z_up(room.points, "y") + far, atol=1e-5)  # float32 of 5 m
    with pytest.raises(InputError, match="given twice"):
        OwnScans(["a.ply", "a.ply"], "z", ("chair",))
    with pytest.raises(InputError, match="auto, x, y, z"):
        OwnScans(["a.ply"], "w", ("chair",))


@pytest.mark.parametrize(
    ("points", "message"),
    [(np.zeros((500, 3)), "at one place"), (np.zeros((7, 3)), "at least 100"), (np.full((500, 3), np.nan), "NaN")],
)
def test_bad_scans_are_told(tmp_path, points, message):
    np.save(tmp_path / "scan.npy", points)
    with pytest.raises(InputError, match=message):
        OwnScans([tmp_path / "scan.npy"], "z", ("chair",))[0]
