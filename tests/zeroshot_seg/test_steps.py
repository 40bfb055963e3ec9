"""Segmentation's projection with only some of its steps: pixels and visibility."""

from itertools import combinations

import pytest
import torch

from pointclip.errors import InputError
from pointclip.projection import STEPS
from zeroshot_seg.realistic_projection import MARGIN, RealisticProjection

SUBSETS = [chosen for count in range(len(STEPS) + 1) for chosen in combinations(STEPS, count)]


def two_walls(side: int = 40) -> torch.Tensor:
    """Two parallel square walls of equal points, the first 1.6 in front of the other along z: [2, side · side, 3]."""
    place = torch.linspace(-0.8, 0.8, side)
    x, y = torch.meshgrid(place, place, indexing="ij")
    return torch.stack([torch.stack([x, y, torch.full_like(x, z)], dim=-1).flatten(0, 1) for z in (0.8, -0.8)])


def seen_from_the_front(points: torch.Tensor, steps) -> torch.Tensor:
    """Visibility of points [N, 3] in a frontal view, where large z is near: [N]."""
    projection = RealisticProjection(backend="reference", views=[0], steps=steps)
    projection.rotations = torch.eye(3).repeat(1, 3, 1, 1)
    return projection(points[None]).visible[0, 0]


class TestVisible:
    @pytest.mark.parametrize("steps", SUBSETS)
    def test_the_front_wall_is_seen_and_the_back_wall_hidden(self, steps):
        front, back = seen_from_the_front(two_walls().flatten(0, 1), steps).chunk(2)
        assert front.all()  # also where the nearest layer of the grid is the only filled one
        assert not back.any()

    def test_a_wall_with_gaps_hides_only_with_densify(self):
        # The front wall's points stand 9 pixels apart, within reach of densify's window of 11, not of smooth's of 5;
        # the back wall's stand in the middle of the gaps.
        front, back = two_walls(18)
        points = torch.cat([front, back + torch.tensor([0.047, 0.047, 0])])
        seen = {
            steps: seen_from_the_front(points, steps).chunk(2)[1].double().mean()
            for steps in (STEPS, ("smooth", "squeeze"), ("squeeze",))
        }
        assert seen[STEPS] < 0.2  # those past the edge
        assert seen["smooth", "squeeze"] == 1
        assert seen["squeeze",] == 1

    @pytest.mark.parametrize("steps", [steps for steps in SUBSETS if "squeeze" not in steps])
    def test_visibility_does_not_depend_on_squeeze(self, steps):
        points = torch.rand(1, 500, 3, generator=torch.Generator().manual_seed(0))
        ours = RealisticProjection(views=[3, 8], steps=steps)(points)
        squeezed = RealisticProjection(views=[3, 8], steps=(*steps, "squeeze"))(points)
        assert torch.equal(ours.visible, squeezed.visible)
        assert torch.equal(ours.pixel, squeezed.pixel)
        assert not torch.equal(ours.images, squeezed.images)


@pytest.mark.parametrize("lookup", ["corrected", "published"])
@pytest.mark.parametrize("steps", SUBSETS)
def test_images_and_maps(steps, lookup):
    points = torch.rand(1, 500, 3, generator=torch.Generator().manual_seed(0))
    projection = RealisticProjection(lookup, views=[3, 8], steps=steps)
    seen, maps = projection(points), projection.depth_maps(points)
    assert maps.shape == (1, 2, 224, 224)
    assert maps.min() == 0
    assert maps.max() == 1
    cut = maps[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
    assert torch.equal(seen.images[:, :, 0, ::223, ::223], cut[:, :, ::183, ::183])
    assert seen.visible.any(2).all()


def test_all_steps_are_the_default():
    points = torch.rand(1, 500, 3, generator=torch.Generator().manual_seed(0))
    ours, default = RealisticProjection(steps=STEPS)(points), RealisticProjection()(points)
    for name in ("images", "visible", "pixel"):
        assert torch.equal(getattr(ours, name), getattr(default, name))


def test_bad_steps():
    with pytest.raises(InputError, match="'voxelize' is not an optional step"):
        RealisticProjection(steps=["voxelize"])
