"""Labels from logits, under each protocol."""

import numpy as np
import pytest
import torch

from pointclip.datasets.base import Shape
from zeroshot_seg.labelling import label_points

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
