"""Labels from logits, under each protocol."""

import numpy as np
import pytest
import torch

from pointclip.datasets.base import Shape
from pointclip.datasets.batches import Batch
from zeroshot_seg import labelling
from zeroshot_seg.labelling import Category, label_batch, label_points
from zeroshot_seg.realistic_projection import SeenPoints

ON_A_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
POINTS = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [2.1, 0, 0]], np.float32)


def labelled(name: str, protocol: str) -> list[int]:
    """Four points with features of parts 3, 2, 1 and none: no view sees the last one."""
    likeness = torch.eye(4) + torch.tensor([0.2, 0.1, 0, 0])
    logits = likeness[[3, 2, 1, 0]] * torch.tensor([1.0, 1, 1, 0])[:, None]
    visible = torch.tensor([[True, True, True, False]])
    return label_points(Shape(POINTS, 0, "s"), name, logits, visible, protocol).tolist()


@pytest.mark.parametrize(
    ("name", "protocol", "expected"),
    [
        ("chair", "standard", [3, 2, 1, 1]),  # the unseen point gets its neighbour's label
        ("chair", "published", [3, 2, 1, 2]),  # or, of four parts, the third
        ("lamp", "standard", [3, 2, 1, 1]),
        ("lamp", "published", [0, 0, 1, 0]),  # and lamp's last two parts are never predicted
    ],
)
def test_protocols(name, protocol, expected):
    assert labelled(name, protocol) == expected


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=ON_A_GPU)])
def test_shapes_of_a_category_can_be_labelled_together(device, monkeypatch):
    """As on a GPU: the batch keeps its order, and each shape gets the same labels as alone."""
    rng = torch.Generator().manual_seed(0)
    points, sides = torch.rand(5, 40, 3, generator=rng), ("left", "right")
    shapes = [Shape(cloud.numpy(), b % 2, f"s{b}") for b, cloud in enumerate(points)]
    batch = Batch(points, shapes, [10 + b for b in range(5)])
    seen = SeenPoints(
        torch.rand(5, 3, 40, generator=rng) < 0.4, torch.randint(0, 224, (5, 3, 40, 2), generator=rng).short()
    )
    patches = torch.randn(5, 3, 196, 8, generator=rng)
    categories = {
        name: Category(("a", "b", "c"), torch.randn(3, 8, generator=rng).to(device), torch.ones(3, device=device))
        for name in sides
    }
    alone = label_batch(
        batch, seen, patches, sides, {name: on(category, "cpu") for name, category in categories.items()}
    )
    monkeypatch.setattr(labelling, "ONE_BY_ONE", ())
    seen = SeenPoints(seen.visible.to(device), seen.pixel.to(device))
    together = label_batch(batch, seen, patches.to(device), sides, categories)
    assert [shape.name for shape in together] == ["s0", "s1", "s2", "s3", "s4"]
    for one, other in zip(alone, together, strict=True):
        assert (one.index, one.category, one.unseen) == (other.index, other.category, other.unseen)
        np.testing.assert_array_equal(one.labels, other.labels)


def on(category: Category, device: str) -> Category:
    return Category(category.parts, category.features.to(device), category.weights.to(device))
