"""The fused reading against the literal order of operations, and what becomes of unseen points."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from zeroshot_seg.realistic_projection import ProjectedPoints
from zeroshot_seg.segmenter import label_unseen, part_logits, read_points


def literal_logits(patches, seen, weights, parts):
    """The published order: logit maps, smoothed, upsampled, gathered, seen or not, weighted: [B, N, K]."""
    batch, views, count, _ = patches.shape
    grid = round(count**0.5)
    maps = (100 * patches @ parts.T).permute(0, 1, 3, 2).reshape(batch * views, -1, grid, grid)
    maps = F.avg_pool2d(F.pad(maps, (2, 3, 2, 3), mode="replicate"), 6, stride=1)
    maps = F.interpolate(maps, size=(224, 224), mode="bilinear", align_corners=False)
    maps = maps.unflatten(0, (batch, views)).flatten(3)  # [B, V, K, 224 · 224]
    place = seen.pixel[..., 0] * 224 + seen.pixel[..., 1]  # [B, V, N]
    read = maps.gather(3, place[:, :, None].expand(-1, -1, maps.shape[2], -1))  # [B, V, K, N]
    read = read * seen.visible[:, :, None] * weights[:, None, None]
    return read.sum(1).transpose(1, 2)


def made_up(seed, batch, views, grid, count, width, parts):
    g = torch.Generator().manual_seed(seed)
    seen = ProjectedPoints(
        images=torch.empty(0),
        visible=torch.rand(batch, views, count, generator=g) < 0.6,
        pixel=torch.randint(0, 224, (batch, views, count, 2), generator=g),
    )
    seen.pixel[:, :, :2] = torch.tensor([0, 223])  # corners too
    patches = F.normalize(torch.randn(batch, views, grid * grid, width, generator=g), dim=-1)
    sentences = F.normalize(torch.randn(parts, width, generator=g), dim=-1)
    return patches, seen, torch.rand(views, generator=g), sentences


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    batch=st.integers(1, 2),
    views=st.integers(1, 10),
    grid=st.sampled_from([1, 2, 7, 14, 16, 24]),
    count=st.integers(2, 40),
    parts=st.integers(1, 6),
)
def test_fused_reading_equals_the_literal_one(seed, batch, views, grid, count, parts):
    patches, seen, weights, sentences = made_up(seed, batch, views, grid, count, 8, parts)
    expected = literal_logits(patches, seen, weights, sentences)
    # 1e-4 of logits that reach some hundreds: float32 sums in another order
    by_features = part_logits(read_points(patches, seen, weights), sentences)
    torch.testing.assert_close(by_features, expected, atol=1e-4, rtol=1e-5)
    by_logits = read_points(part_logits(patches, sentences), seen, weights)
    torch.testing.assert_close(by_logits, expected, atol=1e-4, rtol=1e-5)


def test_full_size():
    patches, seen, weights, sentences = made_up(0, 1, 10, 14, 2048, 512, 4)
    logits = part_logits(read_points(patches, seen, weights)[0], sentences)
    torch.testing.assert_close(logits, literal_logits(patches, seen, weights, sentences)[0], atol=1e-4, rtol=1e-5)


def test_unseen_points_take_their_nearest_seen_neighbours_label():
    points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0.9, 0, 0], [0.2, 0, 0]])
    labels = torch.tensor([3, 5, 0, 0])
    visible = torch.tensor([[True, False, False, False], [True, True, False, False]])
    filled, unseen = label_unseen(points, labels, visible)
    assert filled.tolist() == [3, 5, 5, 3]
    assert unseen == 2
    assert labels.tolist() == [3, 5, 0, 0]


@pytest.mark.parametrize("all_seen", [True, False])
def test_all_or_none_seen_changes_nothing(all_seen):
    labels = torch.tensor([1, 0, 1])
    filled, unseen = label_unseen(torch.rand(3, 3), labels, torch.full((2, 3), all_seen))
    assert torch.equal(filled, labels)
    assert unseen == (0 if all_seen else 3)
