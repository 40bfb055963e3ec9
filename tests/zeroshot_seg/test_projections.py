"""The projection selected by the settings."""

import pytest
import torch
from yacs.config import CfgNode

from pointclip.errors import InputError
from zeroshot_seg.projections import open_projection, open_view_weights, selected_views
from zeroshot_seg.realistic_projection import RealisticProjection


def settings(lookup: str = "corrected", weights: str = "uniform", **changes: str) -> CfgNode:
    projection = {"BACKEND": "auto", "STEPS": "all", "VIEWS": "all"} | changes
    return CfgNode({"LOOKUP": lookup, "VIEW_WEIGHTS": weights, "PROJECTION": projection})


@pytest.mark.parametrize("lookup", ["corrected", "published"])
def test_lookup_and_views(lookup):
    points = torch.rand(1, 200, 3, generator=torch.Generator().manual_seed(0))
    ours, every = open_projection(settings(lookup, VIEWS="9,0"))(points), RealisticProjection(lookup)(points)
    for name in ("images", "visible", "pixel"):
        assert torch.equal(getattr(ours, name), getattr(every, name)[:, [9, 0]])
    assert selected_views(settings(VIEWS="9,0")) == ([9, 0], 10)


def test_backend_and_steps():
    projection = open_projection(settings(BACKEND="reference", STEPS="none"))
    assert projection.backend == "reference"
    assert projection.spec == RealisticProjection(steps=()).spec != RealisticProjection().spec


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (settings("swapped"), "Unknown lookup 'swapped'"),
        (settings(VIEWS="10"), "from 0 to 9"),
        (settings(STEPS="squeezed"), "'squeezed' is not an optional step"),
        (settings(BACKEND="opencl"), "choose one of auto"),
    ],
)
def test_bad_settings_are_rejected(bad, words):
    with pytest.raises(InputError, match=words):
        open_projection(bad)


def test_published_weights_have_one_set_per_category():
    published = settings(weights="published", VIEWS="9, 0")
    weights = open_view_weights(published, ["Mug", "chair"], searched=False)
    assert list(weights) == ["Mug", "chair"]
    assert {given.origin.words for given in weights.values()} == {"published, one set per category"}
    assert all(given.origin.tuned and "test split" in given.origin.note for given in weights.values())
    begun = open_view_weights(published, ["mug"], searched=True)["mug"]
    assert (begun.values.tolist(), begun.origin.tuned) == ([1, 1], False)
    with pytest.raises(InputError, match="there are none for 'sofa'"):
        open_view_weights(published, ["sofa"], searched=False)
