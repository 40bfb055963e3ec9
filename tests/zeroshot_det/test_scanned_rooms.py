"""Rooms as a depth camera scans them, and the parts of proposals that they are for."""

import numpy as np
import pytest

from pointclip.errors import InputError
from zeroshot_det.boxes import inside
from zeroshot_det.proposals import superpoints
from zeroshot_det.proposals.combined import propose
from zeroshot_det.proposals.ordering import diverse, overlaps
from zeroshot_det.proposals.structure import room_of
from zeroshot_det.scenes.base import voxelized
from zeroshot_det.scenes.depth_camera import CUBOID, CYLINDER, ELLIPSOID, depth_points
from zeroshot_det.scenes.scanned_rooms import ScannedRooms, scan_room


@pytest.fixture(scope="module")
def scene():
    return scan_room(2_000_007)


def test_a_scan_depends_on_its_seed_and_has_tight_boxes(scene):
    again = ScannedRooms("test", 8)[7]
    np.testing.assert_array_equal(again.points, scene.points)
    np.testing.assert_array_equal(again.boxes, scene.boxes)
    np.testing.assert_array_equal(again.colours, scene.colours)
    assert len(scene.points) <= 50_000
    assert scene.colours.shape == scene.points.shape
    assert len(scene.boxes) == len(scene.labels) >= 3
    own = [scene.points[inside(scene.points, box, 1e-6)] for box in scene.boxes]
    loose = [box[3:6] - np.ptp(points, axis=0) for points, box in zip(own, scene.boxes, strict=True)]
    assert np.median(loose) < 0.03  # some points were left out
    with pytest.raises(InputError, match="train, val, test"):
        ScannedRooms("tests")


@pytest.mark.parametrize("kind", [CUBOID, CYLINDER, ELLIPSOID])
def test_a_camera_sees_the_near_side(kind):
    solid = np.array([[kind, 2, 0, 1, 0.3, 0.5, 0.4, 1, 0, 0]])
    points, owners = depth_points(solid, np.array([[0, 0, 1.0]]), np.zeros((1, 2)), np.random.default_rng(0), 0)
    assert len(points) > 300
    assert (owners == 0).all()
    assert points[:, 0].min() == pytest.approx(1.7, abs=0.01)
    assert points[:, 0].max() < 2
    assert np.abs(points[:, 1]).max() == pytest.approx(0.5 if kind == CUBOID else 0.48, abs=0.05)


def test_proposals_do_not_depend_on_threads_or_the_call(scene):
    first, second = (propose(room_of(scene.points, scene.colours), "aligned", 256) for _ in range(2))
    np.testing.assert_array_equal(first.boxes, second.boxes)
    np.testing.assert_array_equal(first.objectness, second.objectness)
    assert (np.diff(first.objectness) <= 0).all()


def test_superpoints_part_surfaces_that_meet_at_an_edge():
    grid = np.stack(np.meshgrid(np.arange(25), np.arange(25)), axis=-1).reshape(-1, 2) * 0.04
    flat = np.column_stack([grid, np.zeros(len(grid))])
    upright = np.column_stack([grid[:, 0], np.full(len(grid), 1.0), 0.04 + grid[:, 1]])
    points = np.concatenate([flat, upright])
    normals = np.repeat(np.array([[0, 0, 1.0], [0, 1.0, 0]]), len(grid), axis=0)
    graph = superpoints.graph_of(points, normals, None)
    labels = superpoints.segments(graph, len(points))
    assert np.unique(labels[: len(grid)]).tolist() != np.unique(labels[len(grid) :]).tolist()
    assert labels.max() == 1
    groups = superpoints.merged(points, labels, graph).groups()
    assert sorted(map(len, groups)) == [len(grid), len(grid), 2 * len(grid)]
    half = np.where(points[:, 0] < 0.48, 0.1, 0.9)[:, None].repeat(3, axis=1)
    assert superpoints.segments(superpoints.graph_of(points, normals, half), len(points)).max() == 3


def test_a_diverse_order_does_not_let_a_large_box_drop_what_is_in_it():
    boxes = np.array(
        [[0, 0, 0, 4, 4, 2, 0], [0, 0, 0, 4.1, 4, 2, 0], [1, 1, 0, 0.5, 0.5, 1, 0], [-1, 1, 0, 1, 1, 1, 0.0]]
    )
    chosen, left = diverse(overlaps(boxes), np.array([0.9, 0.88, 0.5, 0.4]), 4)
    assert chosen.tolist() == [0, 2, 3]
    assert left[1] > 0.49
    turned = boxes + np.array([0, 0, 0, 0, 0, 0, 1e-12])
    np.testing.assert_allclose(overlaps(turned), overlaps(boxes), atol=1e-9)


def test_voxels_keep_colours(scene):
    thin = voxelized(scene, 0.05)
    assert thin.colours.shape == thin.points.shape
    assert abs(thin.colours.mean() - scene.colours.mean()) < 20
