"""Which projection the settings choose."""

import pytest
import torch
from yacs.config import CfgNode

from pointclip.errors import InputError
from zeroshot_seg.projections import open_projection, views_of
from zeroshot_seg.realistic_projection import RealisticProjection


def settings(lookup: str = "corrected", **changes: str) -> CfgNode:
    return CfgNode({"LOOKUP": lookup, "PROJECTION": {"BACKEND": "auto", "STEPS": "all", "VIEWS": "all"} | changes})


@pytest.mark.parametrize("lookup", ["corrected", "published"])
def test_lookup_and_views(lookup):
    points = torch.rand(1, 200, 3, generator=torch.Generator().manual_seed(0))
    ours, every = open_projection(settings(lookup, VIEWS="9,0"))(points), RealisticProjection(lookup)(points)
    for name in ("images", "visible", "pixel"):
        assert torch.equal(getattr(ours, name), getattr(every, name)[:, [9, 0]])
    assert views_of(settings(VIEWS="9,0")) == ([9, 0], 10)


def test_backend_and_steps():
    projection = open_projection(settings(BACKEND="reference", STEPS="none"))
    assert projection.backend == "reference"
    assert projection.spec == RealisticProjection(steps=()).spec != RealisticProjection().spec


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (settings("swapped"), "lookup is 'swapped'"),
        (settings(VIEWS="10"), "from 0 to 9"),
        (settings(STEPS="squeezed"), "'squeezed' is not a step"),
        (settings(BACKEND="opencl"), "choose one of auto"),
    ],
)
def test_bad_settings_are_told(bad, words):
    with pytest.raises(InputError, match=words):
        open_projection(bad)
