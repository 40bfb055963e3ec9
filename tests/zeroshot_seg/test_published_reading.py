"""The published scoring: scrambled patch features, and the parts of points that no view sees."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pointclip.errors import InputError
from tests.zeroshot_seg.literal import literal_logits, random_inputs, smoothed
from zeroshot_seg.protocol import PUBLISHED_UNSEEN, fixed_parts
from zeroshot_seg.realistic_projection import CROP_SIZE, MARGIN, SeenPoints
from zeroshot_seg.segmenter import arranged, part_logits, read_points

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="module")
def published():
    """The input of the published scoring, and its labels."""
    labels = np.load(FIXTURES / "published_seg_reading.npz")
    seen = np.load(FIXTURES / "published_seg_projection.npz")
    rng = np.random.default_rng(7)
    draws = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 10, 196, 512), (6, 512)))
    patches, text = (F.normalize(torch.from_numpy(draw), dim=-1) for draw in draws)
    pixel = torch.from_numpy(seen["published_pixel"].astype(np.int64))
    pixel = torch.ceil((pixel - MARGIN) * 224 / CROP_SIZE).long()
    points = SeenPoints(torch.from_numpy(seen["published_visible"]), pixel)
    return patches, text, points, torch.from_numpy(labels["view_weights"]), labels


@pytest.mark.parametrize("parts", [2, 3, 4, 6])
@pytest.mark.parametrize(("order", "name"), [("scrambled", "labels"), ("in_order", "ordered_labels")])
def test_labels_match_the_published_code(published, parts, order, name):
    """The published code computes logits in half precision, which decides up to 0.1 % of the labels otherwise."""
    patches, text, seen, weights, labels = published
    logits = part_logits(arranged(patches, order), text[:parts])
    predictions = read_points(logits, seen, weights).argmax(-1).numpy()
    expected = labels[f"{name}_{parts}"]
    visible = seen.visible.any(1).numpy()
    assert (predictions == expected)[visible].mean() >= 0.999
    for shape in range(2):
        fixed = fixed_parts(seen.visible[shape].numpy(), parts, "published")
        assert np.array_equal(fixed < 0, visible[shape])
        assert np.array_equal(fixed[~visible[shape]], expected[shape][~visible[shape]])


def test_scrambled_features_match_the_published_code():
    """Stored as [B · V, C, 14, 14], read as [B, V, 196, C]; then logits, padding, pooling, upsampling, gathering."""
    patches, seen, weights, text = random_inputs(3, batch=2, views=4, grid=14, count=50, width=24, parts=3)
    kept = patches.flatten(0, 1).permute(0, 2, 1).reshape(8, 24, 14, 14).contiguous()
    read_back = kept.reshape(-1, 4, 196, 24)
    maps = (100 * read_back @ text.T).permute(0, 1, 3, 2).reshape(8, 3, 14, 14)
    maps = F.interpolate(smoothed(maps), size=(224, 224), mode="bilinear", align_corners=False)
    place = seen.pixel[..., 0] * 224 + seen.pixel[..., 1]
    read = maps.unflatten(0, (2, 4)).flatten(3).gather(3, place[:, :, None].expand(-1, -1, 3, -1))
    expected = (read * seen.visible[:, :, None] * weights[:, None, None]).sum(1).transpose(1, 2)

    scrambled = arranged(patches, "scrambled")
    torch.testing.assert_close(read_points(part_logits(scrambled, text), seen, weights), expected)
    # sampling is linear: a point's feature is sampled first, and multiplied with the sentences afterwards
    torch.testing.assert_close(100 * read_points(scrambled, seen, weights) @ text.T, expected, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(literal_logits(scrambled, seen, weights, text), expected)
    assert not torch.allclose(read_points(part_logits(patches, text), seen, weights), expected, atol=1.0)


def test_in_order_is_unchanged_and_other_grids_are_rejected():
    patches = torch.rand(1, 2, 16, 8)
    assert arranged(patches, "in_order") is patches
    with pytest.raises(InputError, match="14 × 14 patches, but the encoder has 16"):
        arranged(patches, "scrambled")


@pytest.mark.parametrize(("parts", "expected"), [(2, 0), (3, 0), (4, 2), (6, 3), (5, 0)])
def test_unseen_points_get_the_fixed_part_of_the_published_protocol(parts, expected):
    visible = np.array([[True, False, False], [False, False, True]])
    assert fixed_parts(visible, parts, "published").tolist() == [-1, expected, -1]
    assert fixed_parts(visible, parts, "standard").tolist() == [-1, -1, -1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("parts", sorted(PUBLISHED_UNSEEN))
def test_a_gpu_takes_the_first_part_for_unseen_points(parts):
    """On GPUs `topk` of equal values differs from that on a CPU; see docs/published.md."""
    assert torch.zeros(1, 2048, parts, device="cuda").topk(1, -1).indices.unique().tolist() == [0]
