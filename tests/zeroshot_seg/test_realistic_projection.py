"""Segmentation's projection against the published code's output, and its pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pointclip.errors import InputError
from zeroshot_seg.realistic_projection import CROP_SIZE, MARGIN, RealisticProjection

FIXTURE = Path(__file__).parents[1] / "fixtures" / "published_seg_projection.npz"


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    with np.load(FIXTURE) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.mark.parametrize("backend", ["reference", "numba"])
def test_published_lookup_matches_the_published_code(published, backend):
    projection = RealisticProjection("published", backend)
    maps = projection.depth_maps(published["points"])
    # 1e-5: the same float32 arithmetic in another order
    torch.testing.assert_close(maps, published["depth_maps"], atol=1e-5, rtol=0)
    seen = projection(published["points"])
    assert torch.equal(seen.visible, published["published_visible"])
    pixel = torch.ceil((published["published_pixel"].double() - MARGIN) * 224 / CROP_SIZE)
    assert torch.equal(seen.pixel, pixel.long())


def test_corrected_lookup_stays_close_to_the_published_maps(published):
    # A cell keeps its nearest point instead of its last. Where several points fall into one cell, the value and what is
    # smoothed with it move by up to one cell's depth, 1 / 110 of the range: 2.2 % of these pixels by over 1e-5, 0.3 %
    # by over 1e-3, none by over 0.0070.
    maps = RealisticProjection("corrected").depth_maps(published["points"])
    off = (maps - published["depth_maps"]).abs()
    assert off.max() < 1 / 110
    assert (off > 1e-5).double().mean() < 0.025
    assert (off > 1e-3).double().mean() < 0.003
    assert (maps - published["depth_maps"]).max() < 1e-5  # the nearest is never farther than the last


def test_lookups_see_different_points(published):
    # on these clouds the swap leaves 28 % or so of the points visible, and looks up background for many others
    shares, background = {}, {}
    for lookup in ("corrected", "published"):
        seen = RealisticProjection(lookup)(published["points"])
        shares[lookup] = seen.visible.double().mean().item()
        background[lookup] = (at_pixels(seen) == 1).double().mean().item()
    assert shares["published"] < 0.35 < 0.6 < shares["corrected"]
    assert background["corrected"] == 0 < background["published"]


def at_pixels(seen) -> torch.Tensor:
    """The image's value at each point's pixel: [B, V, N]."""
    place = seen.pixel[..., 0] * 224 + seen.pixel[..., 1]
    return seen.images[:, :, 0].flatten(2).gather(2, place)


def clouds():
    numbers = st.one_of(st.floats(-1, 1, width=32), st.integers(-3, 3).map(float))
    shapes = st.tuples(st.integers(2, 40), st.just(3))
    arrays = hnp.arrays(np.float32, shapes, elements=numbers)
    return arrays.filter(lambda points: np.ptp(points, axis=0).max() > 1e-3).map(torch.from_numpy)


@settings(max_examples=30, deadline=None)
@given(points=clouds())
def test_corrected_points_land_on_the_object(points):
    seen = RealisticProjection()(points[None])
    assert seen.images.min() >= 0
    assert seen.images.max() <= 1
    assert (at_pixels(seen) < 1).all()
    assert seen.visible.any(2).all()  # the nearest point is seen in every view


@settings(max_examples=15, deadline=None)
@given(points=clouds(), seed=st.integers(0, 1000))
def test_corrected_is_unchanged_by_reordering(points, seed):
    projection = RealisticProjection()
    order = torch.randperm(len(points), generator=torch.Generator().manual_seed(seed))
    one, other = projection(points[None]), projection(points[None, order])
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.visible[:, :, order], other.visible)
    assert torch.equal(one.pixel[:, :, order], other.pixel)


@pytest.mark.parametrize("count", [2, 100, 5000])
@pytest.mark.parametrize("lookup", ["corrected", "published"])
def test_any_number_of_points(count, lookup):
    points = torch.rand(2, count, 3, generator=torch.Generator().manual_seed(count))
    seen = RealisticProjection(lookup)(points)
    assert seen.images.shape == (2, 10, 3, 224, 224)
    assert seen.visible.shape == (2, 10, count)
    assert seen.pixel.shape == (2, 10, count, 2)
    assert ((seen.pixel >= 0) & (seen.pixel < 224)).all()
    alone = RealisticProjection(lookup)(points[1:])
    assert torch.equal(seen.images[1:], alone.images)
    assert torch.equal(seen.visible[1:], alone.visible)


def test_unknown_lookup():
    with pytest.raises(InputError, match="corrected or published"):
        RealisticProjection("mirrored")


@pytest.mark.parametrize("lookup", ["corrected", "published"])
def test_large_clouds_are_processed_view_by_view_bit_identically(lookup, monkeypatch):
    points = torch.rand(1, 500, 3, generator=torch.Generator().manual_seed(0))
    whole = RealisticProjection(lookup)(points)
    maps = RealisticProjection(lookup).depth_maps(points)
    monkeypatch.setattr("pointclip.projection.cells.MAX_PLACED", 1200)  # two views of 500 points
    some = RealisticProjection(lookup, pixel_type=torch.int16)(points)
    assert torch.equal(some.images, whole.images)
    assert torch.equal(some.visible, whole.visible)
    assert torch.equal(some.pixel.long(), whole.pixel)
    assert some.pixel.dtype == torch.int16
    assert torch.equal(RealisticProjection(lookup).depth_maps(points), maps)


@pytest.mark.parametrize("lookup", ["corrected", "published"])
@pytest.mark.parametrize("backend", ["reference", "numba"])
def test_crowded_clouds_are_reduced_to_cells_bit_identically(lookup, backend, monkeypatch):
    points = torch.rand(2, 3000, 3, generator=torch.Generator().manual_seed(0)).pow(4)  # many in one cell
    projection = RealisticProjection(lookup, backend, views=[0, 5])
    one_by_one, maps = projection(points), projection.depth_maps(points)
    monkeypatch.setattr("pointclip.projection.CROWDED", 3000)
    crowded = projection(points)
    for name in ("images", "visible", "pixel"):
        assert torch.equal(getattr(crowded, name), getattr(one_by_one, name))
    assert torch.equal(projection.depth_maps(points), maps)
