"""Fused sampling against the literal order of operations, and labels of unseen points."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.zeroshot_seg.literal import literal_logits, random_inputs
from zeroshot_seg import segmenter
from zeroshot_seg.realistic_projection import ProjectedPoints, SeenPoints
from zeroshot_seg.segmenter import nearest_seen, part_logits, read_points, smoothing_matrix


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    batch=st.integers(1, 2),
    views=st.integers(1, 10),
    grid=st.sampled_from([1, 2, 4, 7, 14, 16, 24, 27]),
    count=st.integers(2, 40),
    parts=st.integers(1, 6),
)
def test_fused_sampling_equals_the_literal_one(seed, batch, views, grid, count, parts):
    patches, seen, weights, sentences = random_inputs(seed, batch, views, grid, count, 8, parts)
    expected = literal_logits(patches, seen, weights, sentences)
    # 1e-4 of logits of several hundred: float32 sums in another order
    by_features = part_logits(read_points(patches, seen, weights), sentences)
    torch.testing.assert_close(by_features, expected, atol=1e-4, rtol=1e-5)
    by_logits = read_points(part_logits(patches, sentences), seen, weights)
    torch.testing.assert_close(by_logits, expected, atol=1e-4, rtol=1e-5)


def test_full_size():
    patches, seen, weights, sentences = random_inputs(0, 1, 10, 14, 2048, 512, 4)
    logits = part_logits(read_points(patches, seen, weights)[0], sentences)
    torch.testing.assert_close(logits, literal_logits(patches, seen, weights, sentences)[0], atol=1e-4, rtol=1e-5)


def test_maps_of_all_pixels_give_the_same_result(monkeypatch):
    patches, seen, weights, _ = random_inputs(1, 2, 3, 14, 300, 5, 2)
    one_by_one = read_points(patches, seen, weights, image_size=224)
    monkeypatch.setattr(segmenter, "CHUNK", 70)
    assert torch.equal(read_points(patches, seen, weights), one_by_one)  # each point's sum is its own
    small = SeenPoints(seen.visible, seen.pixel % 16)  # 256 pixels
    with monkeypatch.context() as patch:
        patch.setattr(segmenter, "MAX_MAPPED", 0)
        expected = read_points(patches, small, weights, image_size=16)
    # 1e-5: float32 sums in another order
    torch.testing.assert_close(read_points(patches, small, weights, image_size=16), expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(read_points(patches, SeenPoints(small.visible, small.pixel.short()), weights, 16),
                       read_points(patches, small, weights, 16))  # fmt: skip


def test_smoothing_keeps_its_extent_in_the_image():
    # each of 14 patches is divided into three: the middle ones must give what the whole patch gave
    maps = torch.rand(14, generator=torch.Generator().manual_seed(0))
    smooth = smoothing_matrix(42) @ maps.repeat_interleave(3)
    torch.testing.assert_close(smooth[1::3], smoothing_matrix(14) @ maps)


@pytest.mark.parametrize("grid", [4, 7, 14, 16, 24, 27])
def test_points_sample_the_right_place_in_every_grid(grid):
    # a patch's feature is its position in the image; points sample it along the diagonal, away from the borders
    place = (torch.arange(grid) + 0.5) / grid
    patches = torch.stack(torch.meshgrid(place, place, indexing="ij"), -1).reshape(1, 1, -1, 2)
    pixel = torch.arange(90, 134)[:, None].expand(-1, 2)
    visible = torch.ones(1, 1, 44, dtype=torch.bool)
    seen = ProjectedPoints(images=torch.empty(0), visible=visible, pixel=pixel[None, None])
    read = read_points(patches, seen, torch.ones(1))[0]
    # the window extends one patch (of 14) further after than before, which shifts the sampled value by half a patch
    expected = (pixel + 0.5) / 224 + 0.5 / 14
    torch.testing.assert_close(read, expected, atol=0.2 / grid, rtol=0)


def test_unseen_points_get_the_label_of_the_nearest_seen_point():
    points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0.9, 0, 0], [0.2, 0, 0]])
    visible = torch.tensor([[True, False, False, False], [True, True, False, False]])
    assert nearest_seen(points, visible).tolist() == [0, 1, 1, 0]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(2, 400), grid=st.booleans())
def test_the_nearest_seen_point_is_no_farther_than_any_other(seed, count, grid):
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(count, 3, generator=generator)
    points = points.round() if grid else points  # with equal points and equal distances
    visible = torch.rand(2, count, generator=generator) < 0.2
    nearest = nearest_seen(points, visible)
    seen = visible.any(0)
    if not bool(seen.any()):
        assert torch.equal(nearest, torch.arange(count))
        return
    assert bool(seen[nearest].all())
    distances = (points.double()[:, None] - points.double()[None, seen]).norm(dim=-1)
    found = (points.double() - points.double()[nearest]).norm(dim=-1)
    torch.testing.assert_close(found, distances.amin(1))
    assert torch.equal(nearest[seen], torch.arange(count)[seen])


@pytest.mark.parametrize("all_seen", [True, False])
def test_all_or_no_points_seen(all_seen):
    assert nearest_seen(torch.rand(3, 3), torch.full((2, 3), all_seen)).tolist() == [0, 1, 2]
