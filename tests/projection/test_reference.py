"""The reference engine's gradients against finite differences."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointclip.projection import Cells, reference
from zeroshot_cls.realistic_projection import SPEC as CLASSIFICATION
from zeroshot_seg.realistic_projection import SPEC as SEGMENTATION

SPECS = {
    "classification": replace(CLASSIFICATION, resolution=18, depth_cells=7),
    "segmentation": replace(SEGMENTATION, resolution=18, depth_cells=10),
}


def scattered_cells(spec, views=2, count=12):
    """Cells of random points whose values are far enough apart that a small step changes no maximum."""
    random = np.random.default_rng(3)

    def places(low, high):
        return torch.from_numpy(random.integers(low, high, (1, views, count)))

    values = torch.linspace(1.5, spec.depth_cells - 2, views * count, dtype=torch.float64)
    values = values[torch.from_numpy(random.permutation(views * count))].reshape(1, views, count)
    size = spec.resolution
    return Cells(places(3, size - 3), places(3, size - 3), places(1, spec.depth_cells - 1), values)


@pytest.mark.parametrize("task", SPECS)
def test_gradients_match_finite_differences(task):
    spec = SPECS[task]
    cells = scattered_cells(spec)
    lookup = replace(cells, depth=cells.depth.clamp(1, spec.depth_cells - 3))

    def project(values):
        return reference.project(replace(cells, value=values), spec, lookup)

    assert torch.autograd.gradcheck(project, cells.value.requires_grad_(), eps=1e-6, atol=1e-6)


def test_only_visible_points_receive_gradients():
    """Of two points in one cell the larger value alone counts."""
    place = torch.tensor([[[9, 9, 4]]])
    values = torch.tensor([[[2.0, 3.0, 4.0]]], dtype=torch.float64, requires_grad=True)
    cells = Cells(place, place, torch.tensor([[[3, 3, 2]]]), values)
    reference.project(cells, SPECS["classification"])[0].sum().backward()
    assert values.grad[0, 0, 0] == 0
    assert values.grad[0, 0, 1:].abs().min() > 0
