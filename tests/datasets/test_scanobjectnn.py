"""ScanObjectNN's variants and splits, from small files in its layout."""

import h5py
import numpy as np
import pytest

from pointclip.datasets import open_dataset
from pointclip.datasets.scanobjectnn import CLASSES, ScanObjectNN
from pointclip.errors import InputError

FILES = {
    ("scanobjectnn_obj_only", "test"): "main_split_nobg/test_objectdataset.h5",
    ("scanobjectnn_obj_only", "train"): "main_split_nobg/training_objectdataset.h5",
    ("scanobjectnn_obj_bg", "test"): "main_split/test_objectdataset.h5",
    ("scanobjectnn_obj_bg", "train"): "main_split/training_objectdataset.h5",
    ("scanobjectnn_pb_t50_rs", "test"): "main_split/test_objectdataset_augmentedrot_scale75.h5",
    ("scanobjectnn_pb_t50_rs", "train"): "main_split/training_objectdataset_augmentedrot_scale75.h5",
    ("scanobjectnn_pb_t25", "test"): "main_split/test_objectdataset_augmented25_norot.h5",
    ("scanobjectnn_pb_t25_r", "test"): "main_split/test_objectdataset_augmented25rot.h5",
    ("scanobjectnn_pb_t50_r", "train"): "main_split/training_objectdataset_augmentedrot.h5",
    ("scanobjectnn_obj_only_split3", "test"): "split3_nobg/test_objectdataset.h5",
    ("scanobjectnn_pb_t50_rs_split4", "train"): "split4/training_objectdataset_augmentedrot_scale75.h5",
}
POINTS = np.random.default_rng(3).normal(size=(15, 20, 3)).astype(np.float32) + 7  # off centre, as the scans are


def write(folder):
    """Write all files; each file's points are shifted by its number, so that files can be distinguished."""
    for number, name in enumerate(FILES.values()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            file.update(data=POINTS + number, label=np.arange(15)[::-1], mask=np.full((15, 20), -1))


@pytest.mark.parametrize("place", [".", "h5_files", "scanobjectnn", "ScanObjectNN", "scanobjectnn/h5_files"])
def test_every_variant_and_split_reads_its_file(tmp_path, place):
    write(tmp_path / place)
    for number, (name, split) in enumerate(FILES):
        shapes = open_dataset(name, str(tmp_path), split, num_points=8)
        assert len(shapes) == 15
        assert np.array_equal([shape.points for shape in shapes], POINTS[:, :8] + number)
        assert [shape.label for shape in shapes] == shapes.labels.tolist() == list(range(15))[::-1]


def test_classes_are_in_label_order(tmp_path):
    write(tmp_path)
    shapes = ScanObjectNN(tmp_path, num_points=8)
    assert shapes.class_names == CLASSES
    assert len(CLASSES) == 15
    assert (CLASSES[0], CLASSES[9], CLASSES[10], CLASSES[14]) == ("bag", "table", "bed", "toilet")
    assert shapes.part_names == {}
    assert shapes[-1].label == 0
    assert shapes[-1].name == "test_objectdataset_augmentedrot_scale75/14"
    with pytest.raises(IndexError):
        shapes[15]


def test_error_for_missing_data_mentions_the_agreement(tmp_path):
    with pytest.raises(InputError) as caught:
        open_dataset("scanobjectnn_obj_bg", str(tmp_path))
    assert "main_split/test_objectdataset.h5" in str(caught.value)
    assert "Agree to the terms at https://" in str(caught.value)
    assert str(tmp_path / "scanobjectnn" / "h5_files") in str(caught.value)


def test_unknown_variants_and_splits_are_rejected(tmp_path):
    write(tmp_path)
    with pytest.raises(InputError, match="obj_only, obj_bg, pb_t25, pb_t25_r"):
        ScanObjectNN(tmp_path, variant="hardest")
    with pytest.raises(InputError, match="train, test"):
        ScanObjectNN(tmp_path, split="val")
    with pytest.raises(InputError, match=r"20 points per shape, but DATASET\.NUM_POINTS is 1024"):
        ScanObjectNN(tmp_path)


def test_other_files_of_the_split_are_named(tmp_path):
    folder = tmp_path / "h5_files/main_split"
    folder.mkdir(parents=True)
    (folder / "test_objectdataset.h5").touch()
    with pytest.raises(
        InputError, match=r"main_split has no test_objectdataset_augmentedrot_scale75\.h5, only test_obj"
    ):
        open_dataset("scanobjectnn_pb_t50_rs", tmp_path)
