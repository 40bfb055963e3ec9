"""Classification's projection with only some of its steps."""

import pytest
import torch

from pointclip.errors import InputError
from pointclip.projection import STEPS
from zeroshot_cls.realistic_projection import RealisticProjection

POINTS = torch.rand(2, 600, 3, generator=torch.Generator().manual_seed(0))


def test_all_steps_are_the_default():
    assert torch.equal(RealisticProjection(steps=STEPS)(POINTS), RealisticProjection()(POINTS))


@pytest.mark.parametrize("steps", [(), ("smooth",), ("densify", "squeeze"), ("smooth", "squeeze")])
def test_images_have_the_same_form(steps):
    images = RealisticProjection(steps=steps)(POINTS)
    assert images.shape == (2, 10, 3, 224, 224)
    assert torch.isfinite(images).all()
    assert images.min() >= 0
    assert images.max() == 1


def test_each_step_changes_the_maps():
    def filled(*steps):
        return (RealisticProjection(steps=steps)(POINTS) < 1).double().mean()

    assert filled("squeeze") < filled("smooth", "squeeze") < filled("densify", "squeeze") < filled(*STEPS)
    assert filled("densify", "smooth") == filled(*STEPS)  # squeeze decides how deep, not where
    unsqueezed = RealisticProjection(steps=("densify", "smooth"))(POINTS)
    assert not torch.allclose(unsqueezed, RealisticProjection()(POINTS))


def test_bad_steps():
    with pytest.raises(InputError, match="'voxelize' is not an optional step"):
        RealisticProjection(steps=["voxelize"])
