"""Readers, synthetic rooms, and scans in any frame."""

import os

import numpy as np
import pytest

from pointclip.datasets import axes
from pointclip.datasets.shape_files.geometry import Geometry
from pointclip.datasets.shape_files.standing import guess_of
from pointclip.errors import InputError
from tests.endings import exit_code
from tests.real_data import REAL, needs_real_data
from zeroshot_det.boxes import inside
from zeroshot_det.scenes import verify
from zeroshot_det.scenes.frames import UNITS
from zeroshot_det.scenes.opening import PreparedScenes
from zeroshot_det.scenes.rooms import MIN_VISIBLE, SyntheticRooms, make_room
from zeroshot_det.scenes.scan_files import ScanFiles
from zeroshot_det.scenes.scannet import ScanNet
from zeroshot_det.scenes.subset import OfClasses
from zeroshot_det.scenes.sunrgbd import SunRgbd
from zeroshot_det.settings import CHOICES, detection_defaults


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


@needs_real_data
def test_all_boxes_of_the_real_scenes_contain_points():
    found = verify.verify(SunRgbd(REAL, "train"))
    assert (found.errors, found.counts.sum(), found.empty, found.mirrored) == ([], 11, 0, False)


@pytest.mark.parametrize("mirrored", [False, True])
def test_verify_sees_mirrored_headings(tmp_path, capsys, mirrored):
    """A bench, a square box, and points in them; SUN RGB-D's headings turn clockwise."""
    rng, heading = np.random.default_rng(0), 0.6
    local = rng.uniform(-1, 1, (2000, 3)) * (1.0, 0.2, 0.3)
    cos, sin = np.cos(heading), np.sin(heading)
    bench = local @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) + (1, 2, 0.5)  # clockwise, seen from above
    square = rng.uniform(-1, 1, (500, 3)) * 0.4 + (-2, 0, 0.4)
    folder = tmp_path / "sunrgbd_pc_bbox_votes_50k_v1_val"
    folder.mkdir()
    np.savez(folder / "000001_pc.npz", pc=np.concatenate([bench, square]))
    rows = [[1, 2, 0.5, 1, 0.2, 0.3, -heading if mirrored else heading, 5], [-2, 0, 0.4, 0.5, 0.5, 0.4, 0.3, 3]]
    np.save(folder / "000001_bbox.npy", np.array(rows))
    words = ["sunrgbd", "--root", str(tmp_path), "--partial"]
    assert exit_code(verify.main, words) == (2 if mirrored else 0)
    assert ("headings look mirrored" in capsys.readouterr().err) == mirrored


def test_verify_counts_what_it_read(scannet, capsys):
    words = ["scannet", "--root", str(scannet)]
    assert exit_code(verify.main, words) == 2
    assert exit_code(verify.main, [*words, "--partial"]) == 0
    printed = capsys.readouterr()
    assert "2 of 312 scenes of the split read, 4 boxes, 0 of them empty" in printed.out
    assert "310 of the 312 scenes of the split are not there" in printed.err
    folder = scannet / "scannet_train_detection_data"
    np.save(folder / "scene0012_00_vert.npy", np.full((500, 6), 7.5) + np.random.default_rng(0).random((500, 6)))
    assert exit_code(verify.main, words) == 2
    assert "2 of 4 boxes contain almost no points" in capsys.readouterr().err
    np.save(folder / "scene0012_00_bbox.npy", np.zeros(3))
    assert exit_code(verify.main, words) == 2
    printed = capsys.readouterr()
    assert "1 of 312 scenes" in printed.out
    assert "1 scene(s) cannot be used" in printed.err
    (folder / "scene0012_00_bbox.npy").unlink()
    assert ScanNet(scannet).names == ["scene0011_00"]
    assert ScanNet(scannet).notes == (
        "1 of 2 scenes listed in scannetv2_val.txt are not there, such as scene0012_00; the others were read.",
    )


def test_boxes_without_points_are_counted_and_said(scannet):
    np.save(
        scannet / "scannet_train_detection_data/scene0012_00_vert.npy", 7.5 + np.random.default_rng(0).random((500, 6))
    )
    settings = detection_defaults()
    scenes = PreparedScenes(OfClasses(ScanNet(scannet), ("cabinet", "garbage bin")), settings)
    assert len([scenes[place] for place in (0, 1, 0)]) == 3
    (note,) = scenes.truth_notes
    assert note.startswith("2 of 4 true boxes hold fewer than 5 points, in 1 scene(s), such as scene0012_00")
    assert scenes.total == 2


@pytest.mark.parametrize("points", ["bin", "vert", "aligned"])
def test_scannet_is_read_as_mmdetection3d_prepares_it(scannet, tmp_path, points):
    """Its points are in the scanner's frame, or aligned already."""
    target, angle = tmp_path / "mmdet", 0.4
    instances = target / "scannet_instance_data"
    for folder in (target / "points", target / "meta_data", instances):
        folder.mkdir(parents=True)
    (target / "meta_data/scannetv2_val.txt").write_text("scene0011_00\nscene0012_00\nscene0013_00\n")
    matrix = np.eye(4)
    matrix[:2, :2], matrix[:3, 3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], (5, -3, 0.2)
    for name in ("scene0011_00", "scene0012_00"):
        prepared = scannet / "scannet_train_detection_data"
        vertices = np.load(prepared / f"{name}_vert.npy")
        if points != "aligned":
            vertices[:, :3] = (vertices[:, :3] - matrix[:3, 3]) @ matrix[:3, :3]
        if points == "vert":
            np.save(instances / f"{name}_vert.npy", vertices)
        else:
            vertices.astype("<f4").tofile(target / "points" / f"{name}.bin")
        np.save(instances / f"{name}_aligned_bbox.npy", np.load(prepared / f"{name}_bbox.npy"))
        np.save(instances / f"{name}_unaligned_bbox.npy", np.load(prepared / f"{name}_bbox.npy") + 9)
        np.save(instances / f"{name}_axis_align_matrix.npy", matrix)
    ours, theirs = ScanNet(scannet), ScanNet(target)
    assert theirs.names == ours.names
    assert "1 of 3 scenes listed in scannetv2_val.txt are not there" in theirs.notes[0]
    np.testing.assert_allclose(theirs[1].points, ours[1].points, atol=1e-5)
    assert np.array_equal(theirs[1].boxes, ours[1].boxes)
    assert np.array_equal(theirs[1].colours, ours[1].colours)
    if points == "bin":
        (target / "points/scene0011_00.bin").write_bytes(b"1234567")
        with pytest.raises(InputError, match="7 bytes; expected rows of 6 float32"):
            theirs[0]


@pytest.mark.parametrize(
    ("reader", "file", "words"),
    [
        (ScanNet, "points/scene0011_00.bin", "without the boxes .*create_data.py"),
        (ScanNet, "scans/scene0011_00", "as downloaded: run VoteNet's"),
        (ScanNet, "scannet.zip", "unpack it there"),
        (SunRgbd, "sunrgbd_pc_bbox_votes_50k_v2_val", "with the boxes of v2, .*gen_v1_data"),
        (SunRgbd, "sunrgbd_pc_bbox_votes_50k_v1_train", "only .*_train is there: set DATASET.SPLIT train"),
        (SunRgbd, "sunrgbd_trainval", "that VoteNet prepares: run"),
    ],
)
def test_what_is_there_instead_is_named(tmp_path, reader, file, words):
    (tmp_path / file).mkdir(parents=True)
    with pytest.raises(InputError, match=f"cannot be read from .*{words}"):
        reader(tmp_path)


def test_a_scene_without_its_points_is_counted(tmp_path):
    folder = tmp_path / "sunrgbd_pc_bbox_votes_50k_v1_val"
    folder.mkdir()
    np.savez(folder / "000002_pc.npz", pc=np.random.default_rng(0).random((300, 6)))
    for name in ("000002", "000003"):
        np.save(folder / f"{name}_bbox.npy", np.zeros((0, 8)))
    scenes = SunRgbd(folder)
    assert (scenes.names, scenes.total) == (["000002"], 5050)
    assert scenes.notes[0] == "1 scene(s) without their points or boxes were passed over, such as 000003."
    assert scenes.notes[1].startswith("1 of the 5050 scenes of the split are there")


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
    scene = ScanFiles([tmp_path / "survey.npy"], "auto", "auto", ("chair",))[0]
    assert scene.frame.up == "y"
    back = scene.frame.places(scene.points.astype(np.float64))
    np.testing.assert_allclose(back, axes.from_z_up(room.points, "y") + far, atol=1e-5)  # float32 of 5 m
    (tmp_path / "survey.npy").rename(tmp_path / os.fsdecode(b"\xff.npy"))  # not UTF-8
    assert ScanFiles([tmp_path / os.fsdecode(b"\xff.npy")], "y", "auto", ("chair",))[0].name == f"{tmp_path}/\ufffd.npy"
    with pytest.raises(InputError, match="given twice"):
        ScanFiles(["a.ply", "a.ply"], "z", "auto", ("chair",))
    with pytest.raises(InputError, match="expected one of auto, x, y, z"):
        ScanFiles(["a.ply"], "w", "auto", ("chair",))


@pytest.mark.parametrize(
    ("points", "message"),
    [(np.zeros((500, 3)), "coincide"), (np.zeros((7, 3)), "100 or more"), (np.full((500, 3), np.nan), "NaN")],
)
def test_bad_scans_are_rejected(tmp_path, points, message):
    np.save(tmp_path / "scan.npy", points)
    with pytest.raises(InputError, match=message):
        ScanFiles([tmp_path / "scan.npy"], "z", "auto", ("chair",))[0]


@pytest.mark.parametrize(("unit", "likely"), [("mm", r"mm \(.*\)\?"), ("cm", r"cm \(.*\) or in inch \(")])
def test_a_scan_in_another_unit_is_recognised_and_read(tmp_path, room, unit, likely):
    np.save(tmp_path / "scan.npy", room.points.astype(float) / UNITS[unit])
    with pytest.raises(InputError, match=f"no room in metres; is it in {likely}"):
        ScanFiles([tmp_path / "scan.npy"], "z", "auto", ("chair",))[0]
    scene = ScanFiles([tmp_path / "scan.npy"], "z", unit, ("chair",))[0]
    np.testing.assert_allclose(scene.points, room.points, atol=1e-5)
    np.testing.assert_allclose(scene.frame.places(room.boxes[:, :3]), room.boxes[:, :3] / UNITS[unit])
    np.testing.assert_allclose(scene.frame.sizes(room.boxes[:, 3:6]), room.boxes[:, 3:6] / UNITS[unit])
    assert ("auto", *UNITS) == CHOICES["SCENE.UNIT"]
