"""The projection selected by the settings."""

import pytest
import torch
from yacs.config import CfgNode

from pointclip.errors import InputError
from zeroshot_cls.perspective_projection import PerspectiveProjection
from zeroshot_cls.projections import open_projection, open_view_weights, selected_views
from zeroshot_cls.realistic_projection import RealisticProjection


def settings(**changes: str) -> CfgNode:
    projection = {"METHOD": "realistic", "BACKEND": "auto", "STEPS": "all", "VIEWS": "all"}
    return CfgNode({"PROJECTION": projection | changes, "VIEW_WEIGHTS": "modelnet40_vit_b16"})


@pytest.fixture(scope="module")
def points() -> torch.Tensor:
    return torch.rand(2, 200, 3, generator=torch.Generator().manual_seed(0))


def test_defaults_are_the_realistic_projection(points):
    projection = open_projection(settings())
    assert isinstance(projection, RealisticProjection)
    assert torch.equal(projection(points), RealisticProjection()(points))
    assert selected_views(settings()) == (list(range(10)), 10)


def test_pointclip_v1(points):
    projection = open_projection(settings(METHOD="pointclip_v1"))
    assert isinstance(projection, PerspectiveProjection)
    assert torch.equal(projection(points), PerspectiveProjection()(points))
    assert selected_views(settings(METHOD="pointclip_v1")) == (list(range(6)), 6)


@pytest.mark.parametrize("method", ["realistic", "pointclip_v1"])
def test_views_come_in_the_order_given(method, points):
    some = settings(METHOD=method, VIEWS="5, 2")
    every = open_projection(settings(METHOD=method)).depth_maps(points)
    assert torch.equal(open_projection(some).depth_maps(points), every[:, [5, 2]])
    assert selected_views(some)[0] == [5, 2]


def test_backend_and_steps():
    projection = open_projection(settings(BACKEND="reference", STEPS="squeeze, densify"))
    assert projection.backend == "reference"
    assert projection.spec == RealisticProjection(steps=("densify", "squeeze")).spec != RealisticProjection().spec


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"METHOD": "pointclip"}, "PROJECTION.METHOD is 'pointclip'; expected 'realistic' or 'pointclip_v1'"),
        ({"VIEWS": "10"}, "from 0 to 9"),
        ({"METHOD": "pointclip_v1", "VIEWS": "6"}, "from 0 to 5"),
        ({"VIEWS": "1,1"}, "twice"),
        ({"STEPS": "sqeeze"}, "'sqeeze' is not an optional step"),
        ({"STEPS": "smooth,smooth"}, "once"),
        ({"BACKEND": "opencl"}, "choose one of auto"),
        ({"METHOD": "pointclip_v1", "STEPS": "smooth"}, "no such steps"),
        ({"METHOD": "pointclip_v1", "STEPS": "none"}, "no such steps"),
        ({"METHOD": "pointclip_v1", "BACKEND": "numba"}, "plain torch"),
    ],
)
def test_bad_settings_are_rejected(changes, words):
    with pytest.raises(InputError, match=words):
        open_projection(settings(**changes))


def test_searched_weights_start_uniform():
    some = settings(VIEWS="5, 3")
    assert open_view_weights(some, searched=False).values.tolist() == [1, 0.25]
    begun = open_view_weights(some, searched=True)
    assert begun.values.tolist() == [1, 1]
    assert not begun.origin.tuned
