"""Readers, synthetic rooms, and scans in any frame."""

import os
from pathlib import Path

import numpy as np
import pytest

from pointclip.datasets import axes
from pointclip.datasets.shape_files.geometry import Geometry
from pointclip.datasets.shape_files.standing import guess_of
from pointclip.errors import InputError
from tests.endings import exit_code
from zeroshot_det.boxes import inside
from zeroshot_det.scenes import verify
from zeroshot_det.scenes.rooms import MIN_VISIBLE, SyntheticRooms, make_room
from zeroshot_det.scenes.scan_files import ScanFiles
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
    assert [scenes.class_names[label] for label in scene.labels] == [
        "garbage bin",
        "cabinet",
    ]  # id 1, a wall, is dropped
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


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real scenes are not available")
def test_all_boxes_of_the_real_scenes_contain_points():
    errors, counts, empty = verify.verify(SunRgbd(SHARED, "train"))
    assert (errors, counts.sum(), empty) == ([], 11, 0)


def test_verify_reports_errors(scannet, capsys):
    words = ["scannet", "--root", str(scannet)]
    assert exit_code(verify.main, words) == 0
    assert "2 of 312 scenes, 4 boxes" in capsys.readouterr().out
    (scannet / "scannet_train_detection_data/scene0012_00_bbox.npy").unlink()
    assert exit_code(verify.main, words) == 2
    printed = capsys.readouterr()
    assert "scene0012_00_bbox.npy is missing" in printed.out
    assert "1 scene(s) cannot be used" in printed.err


@pytest.mark.parametrize(("reader", "words"), [(ScanNet, "agree to the terms"), (SunRgbd, "agreeing to the terms")])
def test_error_for_missing_data_says_where_to_get_it(tmp_path, reader, words):
    with pytest.raises(InputError, match=words):
        reader(tmp_path)
    with pytest.raises(InputError, match="train"):
        reader(tmp_path, "test")


def test_room_is_reproducible_and_its_boxes_contain_points(room):
    again = make_room(5)
    np.testing.assert_array_equal(again.points, room.points)
    np.testing.assert_array_equal(again.boxes, room.boxes)
    assert not np.array_equal(make_room(6).points[:100], room.points[:100])
    assert len(room.boxes) >= 3
    for box in room.boxes:
        assert inside(room.points, box, 0.02).sum() >= MIN_VISIBLE


def test_one_camera_sees_less_than_several():
    one, four = make_room(5, cameras=1), make_room(5, cameras=4)
    assert len(one.points) < 0.8 * len(four.points)


def test_splits_differ_and_bad_arguments_are_rejected():
    rooms = {split: SyntheticRooms(split, 1)[0] for split in ("val", "test")}
    assert not np.array_equal(rooms["val"].boxes, rooms["test"].boxes)
    for wrong in ({"split": "all"}, {"cameras": 0}, {"noise": 1.0}, {"count": 0}):
        with pytest.raises(InputError, match=r"expected|have"):
            SyntheticRooms(**wrong)


@pytest.mark.parametrize("up", "yz")
def test_up_axis_of_rooms_is_guessed(room, up):
    rooms = [make_room(number).points + np.array([6 * number, 0, 0], np.float32) for number in range(4)]
    for points in (room.points, np.concatenate(rooms)):
        assert guess_of(Geometry(axes.from_z_up(points.astype(float), up)), "").axis == up


def test_scan_files_are_rotated_and_keep_their_offset(tmp_path, room):
    far = np.array([400_000.0, 100.0, 5_000_000.0])
    np.save(tmp_path / "survey.npy", axes.from_z_up(room.points.astype(np.float64), "y") + far)
    scene = ScanFiles([tmp_path / "survey.npy"], "auto", ("chair",))[0]
    assert scene.up == "y"
    back = axes.from_z_up(scene.points.astype(np.float64), "y") + np.array(scene.offset)
    np.testing.assert_allclose(back, axes.from_z_up(room.points, "y") + far, atol=1e-5)  # float32 of 5 m
    (tmp_path / "survey.npy").rename(tmp_path / os.fsdecode(b"\xff.npy"))  # not UTF-8
    assert ScanFiles([tmp_path / os.fsdecode(b"\xff.npy")], "y", ("chair",))[0].name == f"{tmp_path}/\ufffd.npy"
    with pytest.raises(InputError, match="given twice"):
        ScanFiles(["a.ply", "a.ply"], "z", ("chair",))
    with pytest.raises(InputError, match="expected one of auto, x, y, z"):
        ScanFiles(["a.ply"], "w", ("chair",))


@pytest.mark.parametrize(
    ("points", "message"),
    [(np.zeros((500, 3)), "coincide"), (np.zeros((7, 3)), "100 or more"), (np.full((500, 3), np.nan), "NaN")],
)
def test_bad_scans_are_rejected(tmp_path, points, message):
    np.save(tmp_path / "scan.npy", points)
    with pytest.raises(InputError, match=message):
        ScanFiles([tmp_path / "scan.npy"], "z", ("chair",))[0]
