"""Crops, class probabilities, the size filter, and detections."""

import numpy as np
import pytest
import torch

from pointclip.errors import InputError
from zeroshot_cls.realistic_projection import RealisticProjection
from zeroshot_det.class_names import SCANNET, SUNRGBD, named_classes
from zeroshot_det.crop_classifier import class_probabilities, crop
from zeroshot_det.detector import detect
from zeroshot_det.proposals.base import Proposals
from zeroshot_det.settings import class_names
from zeroshot_det.size_filter import fits, read_extents

BOX = np.array([1, 2, 0.5, 2, 1, 1, 0.4])


def points_in_box(count: int, seed: int = 0) -> np.ndarray:
    local = np.random.default_rng(seed).uniform(-0.5, 0.5, (count, 3)) * BOX[3:6]
    cos, sin = np.cos(BOX[6]), np.sin(BOX[6])
    return (local @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + BOX[:3]).astype(np.float32)


def test_crop_contains_box_and_margin_with_y_up():
    points = np.concatenate([points_in_box(200), [[1, 2, 1.03], [1, 2, 1.2]]])
    assert len(np.unique(crop(points, BOX, 0.0, 256), axis=0)) == 200
    shape = crop(points, BOX, 0.05, 256)
    assert shape.shape == (256, 3)
    assert shape.dtype == np.float32
    assert len(np.unique(shape, axis=0)) == 201
    assert np.linalg.norm(shape, axis=1).max() == pytest.approx(1)
    extent = np.ptp(shape, axis=0)
    assert extent[0] > 1.5 * extent[1]  # long side along x, height along y
    assert len(crop(points, BOX + np.array([9, 0, 0, 0, 0, 0, 0]), 0, 256)) == 0


def test_repeated_points_do_not_change_depth_maps():
    points, projection = points_in_box(300), RealisticProjection()
    maps = [projection.depth_maps(torch.from_numpy(crop(points, BOX, 0, n))[None]) for n in (300, 512)]
    assert torch.equal(*maps)


def test_quarter_turn_permutes_views():
    points, projection = points_in_box(2000), RealisticProjection()
    turned = np.array([*BOX[:3], BOX[4], BOX[3], BOX[5], BOX[6] + np.pi / 2])
    one, other = (projection.depth_maps(torch.from_numpy(crop(points, box, 0, 2000))[None])[0] for box in (BOX, turned))
    nearest = (one[:, None] - other[None]).abs().mean((2, 3)).min(1).values
    assert (nearest[:8] < 0.01).all()  # corner and side views, except for points on pixel borders


def test_mean_and_published_logits():
    g = torch.Generator().manual_seed(0)
    views = torch.nn.functional.normalize(torch.randn(3, 10, 8, generator=g), dim=-1)
    classes = torch.nn.functional.normalize(torch.randn(4, 8, generator=g), dim=-1)
    cosines = (views @ classes.T).double()
    mean = class_probabilities(views, classes, torch.ones(10), "mean", 4)
    np.testing.assert_allclose(mean, (100 * cosines.mean(1)).softmax(1), rtol=1e-4)  # logits of 100 in float32
    published = class_probabilities(views, classes, torch.ones(10), "published", 4)
    np.testing.assert_allclose(published, (100 * 10**0.5 * cosines.mean(1)).softmax(1), rtol=1e-3)
    rest = class_probabilities(views, classes, torch.ones(10), "mean", 3)
    np.testing.assert_allclose(rest, mean[:, :3])  # the fourth is "none of these"


def test_bundled_extents_cover_both_benchmarks():
    extents = read_extents()
    names = [*SCANNET.values(), *SUNRGBD, *class_names("@scannet200")]
    sides = [extents[name.replace("_", " ")] for name in names]
    boxes = np.array([[0, 0, 0, *size, 0.0] for size in sides])
    assert fits(boxes, names, extents, 0.99).diagonal().all()
    quarter = boxes[:, [0, 1, 2, 4, 3, 5, 6]]
    assert fits(quarter, names, extents, 0.99).diagonal().all()  # whatever their heading


def test_size_filter_checks_each_axis_and_passes_unknown_classes():
    extents = {"bed": (2.0, 1.5, 0.5), "cup": (0.1, 0.1, 0.1)}
    boxes = np.array([[0, 0, 0, 1.1, 1.5, 0.5, 0], [0, 0, 0, 0.9, 0.7, 0.5, 0]])
    assert fits(boxes, ["bed", "cup", "robot"], extents, 0.5).tolist() == [[True, False, True], [False, False, True]]
    assert fits(boxes, ["bed", "cup", "robot"], extents, 0.0).all()
    slab, room, speck = ([0, 0, 0, *size, 0.0] for size in ([1.3, 0.8, 0.05], [5, 4, 2.4], [0.05, 0.04, 0.04]))
    several = np.array([slab, room, speck, boxes[0]])
    table_or_robot = fits(several, ["table", "office tables", "robot"], read_extents(), 0.2)
    assert table_or_robot.tolist() == [[False, False, True], [False] * 3, [False] * 3, [True] * 3]


@pytest.mark.parametrize("text", ["- 1", "bed: [1, 2]", "bed: [1, 2, 0]", "bed: [a, 1, 1]"])
def test_bad_extents_are_rejected(tmp_path, text):
    (tmp_path / "extents.yaml").write_text(text)
    with pytest.raises(InputError, match="expected"):
        read_extents(tmp_path / "extents.yaml")


def test_detections_are_filtered_and_suppressed():
    boxes = np.array([[0, 0, 0, 1, 1, 1, 0], [0.1, 0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1, 0], [5, 0, 0, 9, 9, 9, 0.0]])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    proposals = Proposals(boxes, np.array([0.5, 0.9, 0.4, 0.8]))
    plain = detect(proposals, probabilities, ["a", "b"], {})
    assert plain.objectness.tolist() == [0.9, 0.8, 0.4]
    assert plain.labels.tolist() == [0, 0, 1]
    np.testing.assert_allclose(plain.scores, [0.72, 0.48, 0.28])
    extents = {"a": (1.0, 1.0, 1.0), "b": (2.0, 2.0, 2.0)}
    filtered = detect(proposals, probabilities, ["a", "b"], extents, size_filter=0.6)
    assert filtered.objectness.tolist() == [0.9]  # the large box fits neither class, the others become a
    kept = detect(proposals, probabilities, ["a", "b"], extents, size_filter=0.6, keep_unnamed=True)
    assert kept.objectness.tolist() == [0.9, 0.8]
    names = named_classes(["a", "b"], keep_unnamed=True)
    assert [names[label] for label in kept.labels[kept.ranked]] == ["a", "object"]
    none = detect(Proposals(np.zeros((0, 7)), np.zeros(0)), np.zeros((0, 2)), ["a", "b"], {})
    assert len(none.labels) == len(none.scores) == 0
