"""ModelNet40 and ModelNet10, from small files in their layouts."""

import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from pointclip.datasets import dataset_names, open_dataset
from pointclip.datasets import h5 as h5_module
from pointclip.datasets.axes import to_y_up
from pointclip.datasets.batches import BatchReader
from pointclip.datasets.h5 import H5Shapes
from pointclip.datasets.modelnet import MODELNET10_CLASSES, ModelNet10, ModelNet40
from pointclip.errors import InputError

BAD_INPUTS = Path(__file__).parents[1] / "fixtures" / "bad_inputs"
CLASSES = ("airplane", *MODELNET10_CLASSES[:5], "guitar", *MODELNET10_CLASSES[5:])  # 12, sorted but for guitar
POINTS = np.random.default_rng(5).normal(size=(7, 40, 3)).astype(np.float32)
LABELS = np.array([[0], [3], [6], [11], [1], [3], [0]], dtype=np.uint8)


def write_h5(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.update(arrays)


def write_modelnet40(folder):
    """Two test files of four and three shapes, listed with another machine's folders."""
    write_h5(folder / "ply_data_test0.h5", data=POINTS[:4], label=LABELS[:4])
    write_h5(folder / "ply_data_test1.h5", data=POINTS[4:], label=LABELS[4:])
    (folder / "test_files.txt").write_text("data/elsewhere/ply_data_test0.h5\nC:\\there\\ply_data_test1.h5\n\n")
    (folder / "shape_names.txt").write_text("\n".join(CLASSES) + "\n")
    return folder


@pytest.fixture
def folder(tmp_path):
    return write_modelnet40(tmp_path / "modelnet40_ply_hdf5_2048")


def test_shapes_match_the_files(folder):
    shapes = open_dataset("modelnet40", str(folder.parent), num_points=16)
    assert shapes.class_names == CLASSES
    assert shapes.part_names == {}
    assert len(shapes) == 7
    assert [shape.label for shape in shapes] == shapes.labels.tolist() == LABELS[:, 0].tolist()
    assert np.array_equal([shape.points for shape in shapes], POINTS[:, :16])
    assert shapes[4].name == "ply_data_test1/0"
    assert len({shape.name for shape in shapes}) == 7
    assert shapes[0].points.dtype == np.float32
    assert np.array_equal(shapes[-1].points, POINTS[6, :16])
    with pytest.raises(IndexError):
        shapes[7]


def test_data_sets_folder_as_root(folder):
    assert len(ModelNet40(folder, num_points=16)) == 7


def test_without_lists_files_are_ordered_by_number(folder):
    (folder / "test_files.txt").unlink()
    for number in (2, 10):
        write_h5(folder / f"ply_data_test{number}.h5", data=POINTS[:1] + number, label=LABELS[:1])
    shapes = ModelNet40(folder, num_points=40)
    assert [shapes[index].name for index in (7, 8)] == ["ply_data_test2/0", "ply_data_test10/0"]


@settings(deadline=None)  # files are written
@given(order=st.lists(st.integers(0, 6), max_size=20), block=st.integers(1, 9))
def test_access_order_does_not_matter(tmp_path_factory, order, block):
    folder = write_modelnet40(tmp_path_factory.mktemp("h5"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(h5_module, "BLOCK_ROWS", block)
        shapes = ModelNet40(folder, num_points=3)
        for index in order:
            assert np.array_equal(shapes[index].points, POINTS[index, :3])


def test_sequential_access_reads_blocks_and_random_access_rows(tmp_path, monkeypatch):
    data = np.zeros((600, 2, 3), np.float32)
    write_h5(tmp_path / "a.h5", data=data, label=np.zeros(600, int))
    shapes = H5Shapes([tmp_path / "a.h5"], 1)
    reads = []
    read = shapes._read
    monkeypatch.setattr(shapes, "_read", lambda index, rows: reads.append((index, rows)) or read(index, rows))
    for index in range(600):
        shapes[index]
    assert reads == [(0, 256), (256, 256), (512, 256)]
    reads.clear()
    for index in (550, 10, 500, 90, 92):
        shapes[index]
    assert reads == [(10, 1), (500, 1), (90, 1), (92, 256)]  # 550 lay in the last block; 92 follows 90 closely


def test_shapes_are_copies(folder):
    shapes = ModelNet40(folder, num_points=16)
    shapes[0].points[:] = 9
    assert np.array_equal(shapes[0].points, POINTS[0, :16])


def test_pickling_for_dataloader_workers(folder):
    shapes = ModelNet40(folder, num_points=16)
    shapes[0]
    assert len(pickle.dumps(shapes)) < 3000
    assert np.array_equal(pickle.loads(pickle.dumps(shapes))[3].points, POINTS[3, :16])
    loader = torch.utils.data.DataLoader(shapes, batch_size=2, num_workers=2, collate_fn=list)
    assert np.array_equal([shape.points for batch in loader for shape in batch], POINTS[:, :16])


def test_modelnet10_is_a_renumbered_subset(folder):
    shapes = open_dataset("modelnet10", str(folder.parent), num_points=16)
    kept = [1, 3, 4, 5]
    assert shapes.class_names == MODELNET10_CLASSES
    assert [shapes.class_names[shape.label] for shape in shapes] == [CLASSES[LABELS[row, 0]] for row in kept]
    assert np.array_equal([shape.points for shape in shapes], POINTS[kept, :16])
    assert shapes.labels.tolist() == [shape.label for shape in shapes]
    (folder / "shape_names.txt").write_text("\n".join(CLASSES).replace("toilet", "closet"))
    with pytest.raises(InputError, match="'toilet'"):
        ModelNet10(folder, num_points=16)


def write_off_layout(folder, classes):
    """Write a tall z-up box as each class's test shape."""
    for name in classes:
        path = folder / name / "test" / f"{name}_0001.off"
        path.parent.mkdir(parents=True)
        trimesh.creation.box(extents=(1, 2, 8)).apply_translation((0, 0, 4)).export(path)


@pytest.mark.parametrize(("reader", "name"), [(ModelNet10, "ModelNet10"), (ModelNet40, "ModelNet40")])
def test_meshes_are_sampled_deterministically_and_rotated(tmp_path, reader, name):
    write_off_layout(tmp_path / name, reversed(MODELNET10_CLASSES))
    shapes = reader(tmp_path, num_points=500)
    assert shapes.class_names == MODELNET10_CLASSES
    assert [shape.label for shape in shapes] == list(range(10))
    assert shapes[6].name == "night_stand_0001"
    points = shapes[6].points
    assert points.shape == (500, 3)
    assert points.dtype == np.float32
    assert np.allclose(points.min(axis=0), (-0.5, 0, -1), atol=0.1)
    assert np.allclose(points.max(axis=0), (0.5, 8, 1), atol=0.1)
    assert np.array_equal(points, reader(tmp_path, num_points=500)[6].points)
    assert not np.array_equal(points, shapes[5].points)
    with pytest.raises(InputError, match="no \\*/train"):
        reader(tmp_path, split="train")


def test_off_keyword_joined_to_the_counts(tmp_path):
    write_off_layout(tmp_path / "ModelNet10", MODELNET10_CLASSES)
    path = tmp_path / "ModelNet10" / "bathtub" / "test" / "bathtub_0001.off"
    path.write_text(path.read_text().replace("OFF\n", "OFF", 1))  # as in some of ModelNet40's files
    assert ModelNet10(tmp_path, num_points=10)[0].points.shape == (10, 3)


def test_modelnet10_layout_takes_precedence_over_the_subset(folder):
    write_off_layout(folder.parent / "ModelNet10", MODELNET10_CLASSES)
    assert len(ModelNet10(folder.parent, num_points=16)) == 10


@pytest.mark.parametrize("name", ["modelnet40", "modelnet10"])
def test_error_for_missing_data_says_how_to_get_it(tmp_path, name):
    with pytest.raises(InputError) as caught:
        open_dataset(name, str(tmp_path))
    message = str(caught.value)
    assert f"looked for {tmp_path}" in message
    assert str(tmp_path / "modelnet40_ply_hdf5_2048") in message
    assert "python -m pointclip.datasets.download modelnet40" in message
    assert "https://" in message


@pytest.mark.parametrize("split", ["val", "trainval", "Test"])
def test_unknown_split_is_rejected(folder, split):
    with pytest.raises(InputError, match="train, test"):
        ModelNet40(folder, split=split)


def test_unknown_and_known_names(tmp_path):
    assert {"modelnet10", "modelnet40", "shapenetpart", "scanobjectnn_pb_t50_rs"} <= set(dataset_names())
    with pytest.raises(InputError, match="modelnet40"):
        open_dataset("modelnet", str(tmp_path))


@pytest.mark.parametrize("count", [41, 0, -1, 2.0, True, "16"])
def test_invalid_number_of_points_is_rejected(folder, count):
    with pytest.raises(InputError, match="points"):
        ModelNet40(folder, num_points=count)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"data": POINTS[..., :2], "label": LABELS}, r"\[7, 40, 2\], expected floats"),
        ({"data": POINTS[0], "label": LABELS}, "expected floats"),
        ({"data": POINTS.astype(int), "label": LABELS}, "int64"),
        ({"data": POINTS, "label": LABELS[:5]}, "expected integers"),
        ({"data": POINTS, "label": LABELS.astype(float)}, "expected integers"),
        ({"data": POINTS, "label": LABELS.astype(int) - 1}, "row 0 has label -1"),
        ({"data": POINTS, "label": LABELS + 1}, "row 3 has label 12, expected 0 to 11"),
        ({"data": POINTS}, "no array `label`, only data"),
        ({}, "no array `data`, only nothing"),
    ],
)
def test_invalid_arrays_are_reported_with_their_file(folder, arrays, message):
    write_h5(folder / "ply_data_test1.h5", **arrays)
    with pytest.raises(InputError, match=rf"ply_data_test1\.h5.*{message}"):
        ModelNet40(folder, num_points=16)


@pytest.mark.parametrize("keep", [0, 100, 1500])
def test_truncated_file_is_reported(folder, keep):
    path = folder / "ply_data_test1.h5"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"ply_data_test1\.h5 cannot be read as HDF5"):
        ModelNet40(folder, num_points=16)


def test_file_damaged_after_opening_is_reported(folder):
    shapes = ModelNet40(folder, num_points=16)
    (folder / "ply_data_test1.h5").write_bytes(b"gone")
    assert shapes[0].label == 0
    with pytest.raises(InputError, match="cannot be read"):
        shapes[4]


def test_missing_and_invalid_lists_are_reported(folder):
    (folder / "ply_data_test0.h5").unlink()
    shapes = ModelNet40(folder, num_points=16)
    (note,) = shapes.notes
    assert note.startswith("1 of 2 files listed in test_files.txt are not there, such as ply_data_test0.h5")
    assert len(shapes) == 3
    (folder / "ply_data_test1.h5").unlink()
    with pytest.raises(InputError, match=r"ply_data_test0\.h5 is listed in test_files\.txt, but missing"):
        ModelNet40(folder)
    with pytest.raises(InputError, match=r"neither train_files\.txt nor"):
        ModelNet40(folder, split="train")
    (folder / "test_files.txt").write_text("\n")
    with pytest.raises(InputError, match="lists no files"):
        ModelNet40(folder)
    (folder / "shape_names.txt").write_text("a\na\n")
    with pytest.raises(InputError, match="each class once"):
        ModelNet40(folder)
    (folder / "shape_names.txt").unlink()
    (folder / "ply_data_test1.h5").touch()
    with pytest.raises(InputError, match=r"shape_names\.txt is missing"):
        ModelNet40(folder)


def test_to_y_up_is_a_rotation():
    turned = to_y_up(np.eye(3), "z")  # rows: the images of the axes
    assert np.array_equal(turned, [[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    assert np.isclose(np.linalg.det(turned), 1)
    assert np.array_equal(to_y_up(POINTS, "y"), POINTS)
    assert to_y_up(POINTS, "z").dtype == np.float32


@pytest.mark.parametrize("up", ["w", "Y", None, 2])
def test_unknown_axes_are_rejected(up):
    with pytest.raises(InputError, match="expected one of x, y, z"):
        to_y_up(POINTS, up)


ENCODED_NAMES = {
    "byte order mark": ("\ufeff" + "\n".join(CLASSES)).encode(),
    "utf-16": "\n".join(CLASSES).encode("utf-16"),
    "blanks": "\r\n".join(CLASSES).replace("_", " ").encode(),
}


@pytest.mark.parametrize("kind", ENCODED_NAMES)
def test_class_names_are_read_line_by_line(folder, kind):
    (folder / "shape_names.txt").write_bytes(ENCODED_NAMES[kind])
    names = ModelNet40(folder, num_points=16).class_names
    assert [name.replace(" ", "_") for name in names] == list(CLASSES)
    assert "night stand" in names or kind != "blanks"
    assert len(ModelNet10(folder, num_points=16)) == 4


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([f"{number} {name}" for number, name in enumerate(CLASSES)], "'0 airplane', which starts with a number"),
        ([f"{name}," for name in CLASSES], "'airplane,', which ends in a comma"),
        (CLASSES[:11], r"label 11, expected 0 to 10; shape_names\.txt lists only 11 classes"),
    ],
)
def test_class_names_that_would_shift_labels_are_rejected(folder, lines, message):
    (folder / "shape_names.txt").write_text("\n".join(lines))
    with pytest.raises(InputError, match=message):
        ModelNet40(folder, num_points=16)


def test_names_that_start_with_a_dot_are_ignored(folder, tmp_path):
    (folder / "test_files.txt").unlink()
    (folder / "._ply_data_test0.h5").write_bytes(b"\0\5\x16\7")
    assert len(ModelNet40(folder, num_points=16)) == 7
    write_off_layout(tmp_path / "ModelNet40", ["chair", ".hidden"])
    (tmp_path / "ModelNet40" / "chair" / "test" / "._chair_0001.off").write_bytes(b"\0\5\x16\7")
    shapes = ModelNet40(tmp_path / "ModelNet40", num_points=16)  # which itself serves as root
    assert (len(shapes), shapes.class_names) == (1, ("chair",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"<html>", "is an HTML page"),
        (b"\0\5\x16\7", "AppleDouble"),
    ],
)
def test_wrong_download_instead_of_h5_is_reported(folder, content, message):
    (folder / "ply_data_test1.h5").write_bytes(content)
    with pytest.raises(InputError, match=message):
        ModelNet40(folder, num_points=16)


@pytest.mark.parametrize("name", ["broken_1.h5", "broken_2.h5"])
def test_damaged_h5_files_are_reported(folder, name):
    (folder / "ply_data_test1.h5").write_bytes((BAD_INPUTS / name).read_bytes())
    with pytest.raises(InputError, match=r"ply_data_test1\.h5"):
        list(ModelNet40(folder, num_points=16))


def test_locked_h5_file_is_reported(folder, monkeypatch, reading_here):
    def locked(*_):
        raise BlockingIOError(11, "Unable to synchronously open file (unable to lock file, errno = 11)")

    monkeypatch.setattr(h5py, "File", locked)
    with pytest.raises(InputError, match="is locked: another program has it open for writing"):
        ModelNet40(folder, num_points=16)


@pytest.mark.parametrize(("name", "classes"), [("modelnet40", ["airplane", "bed"]), ("modelnet10", MODELNET10_CLASSES)])
def test_normal_resampled_layout(tmp_path, name, classes):
    folder = tmp_path / "modelnet40_normal_resampled"
    (folder / "bed").mkdir(parents=True)
    (folder / f"{name}_shape_names.txt").write_text("\n".join(classes))
    (folder / f"{name}_test.txt").write_text("bed_0002\nbed_0001\n")
    np.savetxt(folder / "bed" / "bed_0002.txt", np.hstack((POINTS[0], POINTS[0])), delimiter=",", fmt="%.6f")
    shapes = open_dataset(name, tmp_path, num_points=16)
    assert (shapes.class_names, len(shapes), shapes[0].name) == (tuple(classes), 1, "bed_0002")
    assert shapes.notes == ("1 of 2 shapes listed are not there, such as bed_0001; the others were read.",)
    assert shapes.class_names[shapes[0].label] == "bed"
    assert np.allclose(shapes[0].points, POINTS[0, :16], atol=1e-6)
    with pytest.raises(InputError, match=r"40 points, but DATASET\.NUM_POINTS is 41"):
        open_dataset(name, folder, num_points=41)[0]
    (folder / f"{name}_test.txt").write_text("bed_0001\n")
    with pytest.raises(InputError, match=r"bed_0001\.txt and all others in .* are missing"):
        open_dataset(name, tmp_path)


@pytest.fixture
def pickles(tmp_path):
    """Three clouds as Point-BERT keeps them."""
    folder = tmp_path / "modelnet40_normal_resampled"
    folder.mkdir()
    (folder / "modelnet40_shape_names.txt").write_text("airplane\nbed\n")
    clouds = [np.hstack((cloud, cloud)) for cloud in POINTS[:3]]
    with open(folder / "modelnet40_test_8192pts_fps.dat", "wb") as file:
        pickle.dump((clouds, [np.array([label]) for label in (1, 0, 1)]), file)
    return folder


def test_pickled_layout_is_read_without_executing_it(pickles):
    for root in (pickles.parent, pickles):
        shapes = open_dataset("modelnet40", root, num_points=16)
        assert shapes.labels.tolist() == [1, 0, 1]
        assert np.array_equal(shapes[1].points, POINTS[1, :16])
        assert shapes[1].name == "modelnet40_test_8192pts_fps/1"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ((os.system, []), "was not loaded"),
        (([POINTS[0]], []), "1 clouds of 16 points or more and 0 labels"),
        (([POINTS[0]], [np.array([7])]), "labels beyond the 2 classes"),
        ({"a": 1}, "is not a list of clouds"),
        (([POINTS[0, 0]], [[1]]), "is not a list of clouds"),
    ],
)
def test_other_pickles_are_refused(pickles, content, message):
    with open(pickles / "modelnet40_test_8192pts_fps.dat", "wb") as file:
        pickle.dump(content, file)
    with pytest.raises(InputError, match=message):
        open_dataset("modelnet40", pickles, num_points=16)
    with pytest.raises(InputError, match=r"no modelnet40_train_8192pts_fps\.dat"):
        open_dataset("modelnet40", pickles, "train")


@pytest.mark.parametrize(
    ("name", "file", "words"),
    [
        ("modelnet40", "ModelNet40.zip", r"ModelNet40\.zip is there: unpack it there"),
        ("modelnet40", "modelnet40_test_8192pts_fps.dat", r"put it and modelnet40_shape_names\.txt into"),
        ("shapenetpart", "processed/test_2048_fps.pkl", r"the text files are needed"),
        ("scanobjectnn_pb_t50_rs", "h5/full_objectdataset.h5", r"all objects without a split"),
        ("scanobjectnn_obj_bg", "test_objectdataset.h5", r"outside its folder: move it into main_split/"),
        ("scanobjectnn_obj_only", "main_split_nobg/test_objectdataset_1024_fps.pkl", r"the \.h5 files are needed"),
    ],
)
def test_what_is_found_instead_is_named_with_the_step_needed(tmp_path, name, file, words):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("")
    with pytest.raises(InputError, match=f"cannot be read from .*{words}") as error:
        open_dataset(name, tmp_path)
    assert "is missing" not in str(error.value)


def test_a_folder_in_pointclips_layout(tmp_path):
    write_modelnet40(tmp_path)
    shapes = open_dataset("h5_folder", tmp_path, num_points=16)
    assert (shapes.class_names, shapes.labels.tolist(), shapes.notes) == (CLASSES, LABELS[:, 0].tolist(), ())
    (tmp_path / "test_files.txt").write_text("data/another/predict.h5")
    shapes = open_dataset("h5_folder", tmp_path, num_points=16)
    assert np.array_equal(shapes[-1].points, POINTS[6, :16])
    reader = BatchReader(shapes, 4)
    list(reader)
    assert len(reader.notes) == 1
    assert reader.notes[0].startswith("No file listed in test_files.txt exists, so the test split is ply_data_test0")
    with pytest.raises(InputError, match=r"no \.h5 file has train in its name"):
        open_dataset("h5_folder", tmp_path, "train")
    (tmp_path / "shape_names.txt").unlink()
    with pytest.raises(InputError, match=r"has no shape_names\.txt"):
        open_dataset("h5_folder", tmp_path)
