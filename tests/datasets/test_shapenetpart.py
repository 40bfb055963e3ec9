"""ShapeNetPart, from small files in its HDF5 layout and both raw text layouts."""

import json

import h5py
import numpy as np
import pytest

from pointclip.datasets import open_dataset
from pointclip.datasets.shapenetpart import SYNSETS, ShapeNetPart
from pointclip.datasets.shapenetpart_labels import CATEGORIES, FIRST_PART, PART_NAMES
from pointclip.errors import InputError

LABELS = np.array([4, 0, 15, 4, 8])  # chair, airplane, table, chair, lamp
RNG = np.random.default_rng(11)
POINTS = RNG.normal(size=(5, 30, 3)).astype(np.float32)
PARTS = [RNG.integers(0, len(PART_NAMES[CATEGORIES[label]]), 30) for label in LABELS]  # local numbers
PID = np.stack([parts + FIRST_PART[label] for parts, label in zip(PARTS, LABELS, strict=True)])
SPLITS = {"train": [0], "val": [1], "test": [2, 3, 4]}


def write_h5(folder, **changes):
    """One file per split, listed with another machine's folders."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in SPLITS.items():
        with h5py.File(folder / f"ply_data_{split}0.h5", "w") as file:
            arrays = {"data": POINTS, "label": LABELS[:, None].astype(np.uint8), "pid": PID.astype(np.uint8), **changes}
            file.update({key: array[rows] for key, array in arrays.items()})
        (folder / f"{split}_hdf5_file_list.txt").write_text(f"./elsewhere/ply_data_{split}0.h5\n")


def write_lists(folder):
    synset = {category: number for number, category in SYNSETS.items()}
    names = [f"{synset[CATEGORIES[label]]}/shape{row}" for row, label in enumerate(LABELS)]
    (folder / "train_test_split").mkdir(parents=True)
    for split, rows in SPLITS.items():
        entries = [f"shape_data/{names[row]}" for row in rows]
        (folder / "train_test_split" / f"shuffled_{split}_file_list.json").write_text(json.dumps(entries))
    return [folder / name for name in names]


def write_normal(root):
    paths = write_lists(root / "shapenetcore_partanno_segmentation_benchmark_v0_normal")
    for path, points, pid in zip(paths, POINTS, PID, strict=True):
        path.parent.mkdir(exist_ok=True)
        np.savetxt(path.with_name(path.name + ".txt"), np.column_stack((points, points, pid)), fmt="%.9g")


def write_v0(root):
    paths = write_lists(root / "shapenetcore_partanno_segmentation_benchmark_v0")
    for path, points, parts in zip(paths, POINTS, PARTS, strict=True):
        for kind, ending, table, form in (("points", "pts", points, "%.9g"), ("points_label", "seg", parts + 1, "%d")):
            (path.parent / kind).mkdir(parents=True, exist_ok=True)
            np.savetxt(path.parent / kind / f"{path.name}.{ending}", table, fmt=form)


WRITERS = {
    "hdf5": lambda root: write_h5(root / "shapenet_part_seg_hdf5_data" / "hdf5_data"),
    "hdf5 at the root": lambda root: write_h5(root / "hdf5_data"),
    "hdf5 itself": write_h5,
    "v0_normal": write_normal,
    "v0": write_v0,
}


@pytest.mark.parametrize("layout", WRITERS)
def test_every_layout_gives_the_same_shapes(tmp_path, layout):
    WRITERS[layout](tmp_path)
    for split, rows in {**SPLITS, "trainval": [0, 1]}.items():
        shapes = open_dataset("shapenetpart", str(tmp_path), split)
        assert len(shapes) == len(rows)
        assert shapes.labels.tolist() == LABELS[rows].tolist()
        for shape, row in zip(shapes, rows, strict=True):
            assert shape.label == LABELS[row]
            assert np.array_equal(shape.points, POINTS[row])
            assert np.array_equal(shape.parts, PARTS[row])
            assert (shape.points.dtype, shape.parts.dtype) == (np.float32, np.int64)
        assert len({shape.name for shape in shapes}) == len(rows)
    assert shapes.class_names == CATEGORIES
    assert shapes.part_names == PART_NAMES


@pytest.mark.parametrize("layout", ["hdf5", "v0", "v0_normal"])
def test_fewer_points_keep_their_labels(tmp_path, layout):
    WRITERS[layout](tmp_path)
    shape = ShapeNetPart(tmp_path, num_points=12)[0]
    again = ShapeNetPart(tmp_path, num_points=12)[0]
    assert shape.points.shape == (12, 3)
    assert np.array_equal(shape.points, again.points)
    rows = [int(np.flatnonzero((POINTS[2] == point).all(axis=1))[0]) for point in shape.points]
    assert len(set(rows)) == 12
    assert np.array_equal(shape.parts, PARTS[2][rows])
    assert layout != "hdf5" or rows == list(range(12))
    with pytest.raises(InputError, match=r"30 points.*NUM_POINTS is 31"):
        ShapeNetPart(tmp_path, num_points=31)[0]


@pytest.mark.parametrize("wrong", [49, 11, 16])
def test_part_of_another_category_is_rejected(tmp_path, wrong):
    pid = PID.copy()
    pid[3, 5] = wrong
    write_h5(tmp_path, pid=pid)
    shapes = ShapeNetPart(tmp_path)
    assert shapes[0].label == 15
    with pytest.raises(InputError, match=rf"ply_data_test0\.h5.*chair with part label {wrong}, expected 12 to 15"):
        shapes[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pid": PID[:, :7]}, "expected integers of shape"),
        ({"pid": PID.astype(np.float32)}, "expected integers of shape"),
        ({"label": LABELS + 12}, "expected 0 to 15"),
    ],
)
def test_invalid_arrays_are_reported_with_their_file(tmp_path, changes, message):
    write_h5(tmp_path, **changes)
    with pytest.raises(InputError, match=rf"ply_data_test0\.h5.*{message}"):
        ShapeNetPart(tmp_path)


def test_modelnet_files_are_rejected(tmp_path):
    write_h5(tmp_path)
    with h5py.File(tmp_path / "ply_data_test0.h5", "a") as file:
        del file["pid"]
    with pytest.raises(InputError, match="no array `pid`"):
        ShapeNetPart(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("points/shape2.pts", "0 0 0\n", "1 points"),
        ("points/shape2.pts", "0 0\n", "columns"),
        ("points/shape2.pts", "a b c\n", "table of numbers"),
        ("points_label/shape2.seg", "0\n" * 30, "part label 46, expected 47 to 49"),
        ("points_label/shape2.seg", "4\n" * 30, "part label 50"),
        ("points_label/shape2.seg", "1.5\n" * 30, "not integers"),
        ("points_label/shape2.seg", "nan\n" * 30, "not integers"),
    ],
)
def test_damaged_text_files_are_reported_by_name(tmp_path, name, text, message):
    write_v0(tmp_path)
    path = tmp_path / "shapenetcore_partanno_segmentation_benchmark_v0" / "04379243" / name
    path.write_text(text)
    with pytest.raises(InputError, match=rf"shape2.*{message}"):
        ShapeNetPart(tmp_path)[0]


@pytest.mark.filterwarnings("ignore:loadtxt")
def test_empty_and_missing_text_files_are_reported(tmp_path):
    write_normal(tmp_path)
    path = next(tmp_path.rglob("04379243/shape2.txt"))
    path.write_text("")
    with pytest.raises(InputError, match="shape2"):
        ShapeNetPart(tmp_path)[0]
    count = len(ShapeNetPart(tmp_path))
    path.unlink()
    partial = ShapeNetPart(tmp_path)
    assert len(partial) == count - 1
    assert partial.notes == (
        f"1 of {count} shapes listed are not there, such as 04379243/shape2; the others were read.",
    )


@pytest.mark.parametrize("text", ["", "{}[", "3", "[3]", '["shape_data/1/2"]', '["alone"]'])
def test_damaged_lists_are_reported(tmp_path, text):
    write_v0(tmp_path)
    next(tmp_path.rglob("shuffled_test_file_list.json")).write_text(text)
    with pytest.raises(InputError, match=r"shuffled_test_file_list\.json"):
        ShapeNetPart(tmp_path)


def test_error_for_missing_data_says_how_to_get_it(tmp_path):
    with pytest.raises(InputError) as caught:
        open_dataset("shapenetpart", str(tmp_path))
    message = str(caught.value)
    assert f"so that {tmp_path / 'shapenet_part_seg_hdf5_data' / 'hdf5_data'}" in message
    assert "python -m pointclip.datasets.download shapenetpart" in message
    with pytest.raises(InputError, match="train, val, test, trainval"):
        ShapeNetPart(tmp_path, split="all")


def test_synsets_cover_every_category():
    assert tuple(SYNSETS.values()) == CATEGORIES
