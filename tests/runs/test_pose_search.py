"""Shapes stand in the surest of several poses."""

import numpy as np
import pytest
import torch
from torch import nn

from pointclip.bundled import DATA
from pointclip.datasets import ShapeFiles, open_dataset
from pointclip.datasets.batches import BatchReader
from pointclip.datasets.posed import poses_of
from pointclip.errors import InputError
from pointclip.runs.pose_search import in_surest_poses

SHAPES = open_dataset("synthetic", DATA, "test", 256)
CLASSES = torch.eye(3)


class Tall:
    """An extractor whose single view is surest of class 0 where a shape is tall."""

    device = torch.device("cpu")

    def __init__(self):
        self.projection = nn.Identity()
        self.projection.register_buffer("rotations", torch.eye(3)[None, None])

    def encode_views(self, points: torch.Tensor) -> torch.Tensor:
        extent = points.amax(1) - points.amin(1)  # [n, 3]
        tall = extent[:, 1] / extent.sum(1)
        return torch.stack([tall, torch.zeros_like(tall), torch.zeros_like(tall)], 1)[:, None]


@pytest.mark.parametrize(("how", "count"), [("yaw", 2), ("search", 7)])
def test_poses_are_rotations_and_the_first_changes_nothing(how, count):
    poses = poses_of(SHAPES[0].points, how)
    assert poses.shape == (count, 3, 3)
    assert (poses[0] == np.eye(3)).all()
    np.testing.assert_allclose(poses @ poses.transpose(0, 2, 1), np.broadcast_to(np.eye(3), poses.shape), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(poses), 1)
    if how == "yaw":
        np.testing.assert_allclose(poses[:, 1], [[0, 1, 0]] * 2, atol=1e-12)


def test_poses_of_a_turned_shape_are_the_same_six():
    points = np.random.default_rng(0).standard_normal((500, 3)) * (1, 2, 3) + 5
    quarter = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    for pose, up in zip(poses_of(points, "search")[1:], [2, 2, 1, 1, 0, 0], strict=True):
        assert np.abs(pose[1]).argmax() == up
    extents = [np.ptp(points @ pose.T, axis=0) for pose in poses_of(points, "search")[1:]]
    turned = [np.ptp(points @ quarter.T @ pose.T, axis=0) for pose in poses_of(points @ quarter.T, "search")[1:]]
    np.testing.assert_allclose(extents, turned)


def test_own_files_stand_in_the_surest_pose(tmp_path):
    cloud = np.random.default_rng(0).uniform(-1, 1, (200, 3)) * (3, 1, 0.3)
    np.save(tmp_path / "a.npy", cloud)
    reader = in_surest_poses(
        BatchReader(ShapeFiles([tmp_path / "a.npy"], 200, "y"), 1), "search", Tall(), CLASSES, torch.ones(1)
    )
    (batch,) = reader
    assert np.ptp(batch.points[0].numpy(), axis=0).argmax() == 1
    assert any("1 of 1 shapes were turned" in note for note in reader.notes)


def test_data_sets_keep_labels_and_files_are_left_alone_by_default():
    reader = BatchReader(SHAPES, 2, indices=[0, 40])
    assert in_surest_poses(reader, "default", Tall(), CLASSES, torch.ones(1)) is reader
    shapes = [
        shape for batch in in_surest_poses(reader, "yaw", Tall(), CLASSES, torch.ones(1)) for shape in batch.shapes
    ]
    for shape, index in zip(shapes, (0, 40), strict=True):
        assert (shape.parts == SHAPES[index].parts).all()
        np.testing.assert_allclose(shape.points[:, 1], SHAPES[index].points[:, 1], atol=1e-6)


def test_a_single_class_has_no_surest_pose():
    with pytest.raises(InputError, match="one; set it to as_is"):
        in_surest_poses(BatchReader(SHAPES, 2), "search", Tall(), CLASSES[:1], torch.ones(1))
