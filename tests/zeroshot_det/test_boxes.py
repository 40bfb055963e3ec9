"""Boxes: conversions, IoU and points inside."""

from math import pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.affinity import rotate, translate
from shapely.geometry import box as rectangle

from pointclip.errors import InputError
from tests.real_data import REAL, needs_real_data
from zeroshot_det.boxes import (
    best_overlaps,
    check_boxes,
    corners_of,
    from_bounds,
    from_camera_corners,
    from_scannet,
    from_sunrgbd,
    hulls_of,
    in_box_axes,
    inside,
    iou,
)

CAMERA = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # scan axes, z up -> camera axes, y down


def random_boxes(seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack(
        [rng.uniform(-1, 1, (count, 3)), rng.uniform(0.3, 2, (count, 3)), rng.uniform(-2 * pi, 2 * pi, count)]
    )


def iou_by_shapely(a: np.ndarray, b: np.ndarray) -> float:
    one, other = (
        translate(rotate(rectangle(-r[3] / 2, -r[4] / 2, r[3] / 2, r[4] / 2), r[6], (0, 0), use_radians=True), *r[:2])
        for r in (a, b)
    )
    height = max(0, min(a[2] + a[5] / 2, b[2] + b[5] / 2) - max(a[2] - a[5] / 2, b[2] - b[5] / 2))
    common = one.intersection(other).area * height
    return common / (a[3:6].prod() + b[3:6].prod() - common)


@pytest.mark.parametrize("seed", range(4))
def test_iou_agrees_with_shapely(seed):
    first, second = random_boxes(seed, 25), random_boxes(seed + 100, 25)
    expected = [[iou_by_shapely(a, b) for b in second] for a in first]
    assert (iou(first, second) > 0).mean() > 0.3
    np.testing.assert_allclose(iou(first, second), expected, atol=1e-12)  # both in double precision


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(-pi, pi), st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_iou_is_symmetric_and_invariant_to_rigid_motion(seed, angle, shift):
    a, b = random_boxes(seed, 2)[:, None]
    before = iou(a, b)[0, 0]
    assert 0 <= before <= 1 + 1e-12
    assert iou(b, a)[0, 0] == pytest.approx(before, abs=1e-12)
    cos, sin = np.cos(angle), np.sin(angle)
    for moved in (a, b):
        moved[:, :3] = moved[:, :3] @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + shift
        moved[:, 6] += angle
    assert iou(a, b)[0, 0] == pytest.approx(before, abs=1e-9)  # coordinates of 5 leave 1e-15 · 5 in each product


def test_iou_of_axis_aligned_boxes():
    low, high = np.array([[0.0, 0, 0]]), np.array([[2.0, 2, 2]])
    assert iou(from_bounds(low, high), from_bounds(low + 1, high + 1))[0, 0] == pytest.approx(1 / 15)
    assert iou(from_bounds(low, high), from_bounds(low, high))[0, 0] == pytest.approx(1)
    assert iou(from_bounds(low, high), from_bounds(low + 2, high + 2))[0, 0] == 0  # touching at a corner


def test_corner_order_is_counter_clockwise():
    eight = corners_of(np.array([[0, 0, 0, 4, 2, 2, pi / 2]]))[0]
    np.testing.assert_allclose(eight[:4], [[-1, 2, 1], [-1, -2, 1], [1, -2, 1], [1, 2, 1]], atol=1e-12)
    np.testing.assert_allclose(eight[4:], eight[:4] - (0, 0, 2), atol=1e-12)
    np.testing.assert_allclose(hulls_of(np.array([[0, 0, 0, 4, 2, 2, pi / 2]]))[0], [-1, -2, -1, 1, 2, 1], atol=1e-12)


def test_camera_corners_round_trip():
    boxes = random_boxes(7, 20)
    x, y, z = boxes[:, 3:6].T / 2
    signs = [(1, 1), (1, -1), (-1, -1), (-1, 1)]  # VoteNet's corner order: lower four, then upper four
    unit = np.stack([np.column_stack([a * x, b * y, c * z]) for c in (-1, 1) for a, b in signs], axis=1)  # [n, 8, 3]
    cos, sin = np.cos(boxes[:, 6]), np.sin(boxes[:, 6])
    turn = np.stack([np.stack([cos, -sin, 0 * cos], 1), np.stack([sin, cos, 0 * cos], 1), [[0, 0, 1]] * 20], axis=1)
    corners = np.einsum("nij,nkj->nki", turn, unit) + boxes[:, None, :3]
    back = from_camera_corners(corners @ CAMERA.T)
    np.testing.assert_allclose(back[:, :6], boxes[:, :6], atol=1e-12)
    np.testing.assert_allclose(np.cos(back[:, 6] - boxes[:, 6]), 1, atol=1e-12)


def test_sunrgbd_half_sizes_and_clockwise_heading_are_converted():
    row = np.array([[1, 2, 3, 2, 0.5, 1, -pi / 4, 5]])  # elongated along x = y, if the heading is clockwise
    boxes, labels = from_sunrgbd(row)
    assert labels.tolist() == [5]
    np.testing.assert_allclose(boxes[0], [1, 2, 3, 4, 1, 2, pi / 4])
    points = np.array([[1, 2, 3]]) + np.linspace(-1.3, 1.3, 20)[:, None] * (1, 1, 0)
    assert inside(points, boxes[0]).all()
    assert not inside(points * (1, -1, 1) + (0, 4, 0), boxes[0]).all()


@needs_real_data
@pytest.mark.parametrize(
    ("scene", "box_index", "count", "count_if_mirrored"), [("005051", 7, 29709, 13886), ("005060", 1, 8013, 4273)]
)
def test_elongated_real_box_contains_its_points(scene, box_index, count, count_if_mirrored):
    folder = REAL / "sunrgbd_pc_bbox_votes_50k_v1_train"
    points = np.load(folder / f"{scene}_pc.npz")["pc"][:, :3]
    box = from_sunrgbd(np.load(folder / f"{scene}_bbox.npy"))[0][box_index]
    mirrored = box * (1, 1, 1, 1, 1, 1, -1)
    assert inside(points, box).sum() == count
    assert inside(points, mirrored).sum() == pytest.approx(count_if_mirrored, rel=0.02)  # known to the nearest hundred


def test_scannet_boxes_are_axis_aligned():
    boxes, ids = from_scannet(np.array([[1, 2, 3, 4, 5, 6, 39]]))
    assert boxes.tolist() == [[1, 2, 3, 4, 5, 6, 0]]
    assert ids.tolist() == [39]


def test_points_inside_a_box_and_its_margin():
    box = np.array([1, 1, 0, 2, 1, 1, pi / 2])
    points = np.array([[1, 1.9, 0], [1.9, 1, 0], [1.55, 1, 0], [1, 1, 0.5]])
    assert inside(points, box).tolist() == [True, False, False, True]
    assert inside(points, box, 0.1).tolist() == [True, False, True, True]
    np.testing.assert_allclose(in_box_axes(points, box)[0], [0.9, 0, 0], atol=1e-12)


def test_best_overlap_is_among_boxes_of_the_same_label():
    truth = np.array([[0, 0, 0, 1, 1, 1, 0], [0.5, 0, 0, 1, 1, 1, 0]])
    overlap, which = best_overlaps(truth[:1].repeat(3, 0), np.array([0, 1, 2]), truth, np.array([0, 1]))
    np.testing.assert_allclose(overlap, [1, 1 / 3, -1])
    assert which.tolist() == [0, 1, -1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": np.zeros((2, 6))}, r"shape \[2, 6\]"),
        ({"index": (0, 3), "value": 0.0}, "the size 0 × 1 × 1"),
        ({"index": (1, 0), "value": np.nan}, "box 1 holds NaN"),
        ({"index": (1, 6), "value": 90.0}, "degrees"),
        ({"boxes": np.array([["a"] * 7])}, "numbers"),
    ],
)
def test_bad_boxes_are_rejected_in_one_sentence(change, message):
    boxes = change.get("boxes", np.array([[0, 0, 0, 1, 1, 1, 0.0]] * 2))
    if "index" in change:
        boxes[change["index"]] = change["value"]
    with pytest.raises(InputError, match=message) as caught:
        check_boxes(boxes, "room.npz")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("order", [[0, 2, 1, 3, 4, 6, 5, 7], [0, 1, 2, 4, 3, 5, 6, 7]])
def test_corners_in_another_order_are_rejected(order):
    corners = corners_of(np.array([[1, 2, 3, 1, 2, 3, 0.5]]))[:, [4, 5, 6, 7, 0, 1, 2, 3]] @ CAMERA.T
    assert from_camera_corners(corners).shape == (1, 7)
    for wrong in (corners[:, order], corners[..., [1, 2, 0]]):
        with pytest.raises(InputError, match="corners of box 0 are not those of an upright box"):
            from_camera_corners(wrong)
    with pytest.raises(InputError, match=r"expected \[n, 8, 3\]"):
        from_camera_corners(np.zeros((3, 7)))
