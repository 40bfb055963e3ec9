"""Training shapes in folders, and augmented copies."""

import numpy as np
import pytest

from fewshot_cls.training_shapes import Augmented, FolderShapes
from pointclip.datasets.rotated import rotated
from pointclip.datasets.synthetic.unseen import UnseenShapes
from pointclip.errors import InputError


def test_folders_are_classes(tmp_path):
    for name, count in (("sofa", 2), ("Bottle of wine", 1)):
        (tmp_path / name).mkdir()
        for number in range(count):
            np.save(tmp_path / name / f"{number}.npy", np.random.default_rng(number).normal(size=(20, 3)))
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "sofa" / ".DS_Store").write_bytes(b"")
    shapes = FolderShapes(tmp_path)
    assert shapes.class_names == ("Bottle of wine", "sofa")
    assert shapes.labels.tolist() == [0, 1, 1]
    assert [shapes[i].label for i in range(3)] == [0, 1, 1]


def test_folder_errors(tmp_path):
    with pytest.raises(InputError, match="There is no folder"):
        FolderShapes(tmp_path / "none")
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match=r"1 subfolder\(s\)"):
        FolderShapes(tmp_path)
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "a.fbx").write_text("")
    with pytest.raises(InputError, match=r"a has no shapes \(1 \.fbx cannot be read\)"):
        FolderShapes(tmp_path)


@pytest.mark.parametrize("inner", ["train", "1a2b/models", ""])
def test_shapes_in_the_layouts_of_modelnet_and_shapenet(tmp_path, inner):
    for name in ("chair", "sofa"):
        folder = tmp_path / name / inner
        folder.mkdir(parents=True)
        np.save(folder / "model.npy", np.random.default_rng(0).normal(size=(20, 3)))
        for other in ("model.mtl", "README.md", "README.txt", "picture.png", "model.fbx"):
            (folder / other).write_text("")
    if inner == "train":
        (tmp_path / "sofa/test").mkdir()
        np.save(tmp_path / "sofa/test/model.npy", np.zeros((2, 3)))
    shapes = FolderShapes(tmp_path)
    assert [path.name for path in shapes.files.paths] == ["model.npy"] * 2
    assert [*shapes.files.notes] == ["2 .fbx among the training files were passed over."]


def test_augmented_copies():
    shapes = UnseenShapes(split="train", num_points=50)
    augmented = Augmented(shapes, 2, seed=1)
    n = len(shapes)
    assert len(augmented) == 3 * n
    assert augmented.with_copies([3, 5]) == [3, 5, n + 3, n + 5, 2 * n + 3, 2 * n + 5]
    original, first, second = augmented[3], augmented[n + 3], augmented[2 * n + 3]
    assert np.array_equal(original.points, shapes[3].points)
    assert original.label == first.label == second.label
    assert len({original.name, first.name, second.name}) == 3
    ratio = np.ptp(first.points, axis=0) / np.ptp(original.points, axis=0)  # one scale per axis
    assert ((ratio > 0.66) & (ratio < 1.51)).all()
    assert np.ptp(ratio) > 0.01
    assert not np.allclose(first.points, second.points)
    assert np.array_equal(first.points, Augmented(shapes, 2, seed=1)[n + 3].points)


def test_wrappers_keep_the_number_of_rows_per_object():
    shapes = UnseenShapes(split="val", num_points=10)
    assert Augmented(shapes, 0).rows_per_object == 1
    shapes.copies = 5  # as ScanObjectNN's PB_T50_RS
    assert Augmented(rotated(shapes, "vertical"), 1).rows_per_object == 5
