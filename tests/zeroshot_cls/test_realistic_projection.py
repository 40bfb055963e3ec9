"""The projection against the published code's output, and properties for any cloud."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pointclip.errors import InputError
from pointclip.projection import BACKENDS
from zeroshot_cls.realistic_projection import RealisticProjection

FIXTURE = Path(__file__).parents[1] / "fixtures" / "published_cls_projection.npz"


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    with np.load(FIXTURE) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="the triton backend needs a CUDA GPU")


@pytest.mark.parametrize("backend", [pytest.param(b, marks=NO_GPU) if b == "triton" else b for b in BACKENDS])
class TestPublished:
    # 1e-5: the same float32 arithmetic in another order; a point in the wrong cell would change a pixel by far more.

    def test_depth_maps(self, published, backend):
        device = "cuda" if backend == "triton" else "cpu"
        maps = RealisticProjection(backend).to(device).depth_maps(published["points"].to(device)).cpu()
        assert maps.shape == (3, 10, 110, 110)
        torch.testing.assert_close(maps, published["depth_maps"], atol=1e-5, rtol=0)

    def test_clip_input(self, published, backend):
        device = "cuda" if backend == "triton" else "cpu"
        images = RealisticProjection(backend).to(device)(published["points"].to(device)).cpu()
        assert images.shape == (3, 10, 3, 224, 224)
        for channel in range(3):
            row = images[:, :, channel, 100]
            torch.testing.assert_close(row, published["clip_input_row100"], atol=1e-5, rtol=0)
        # the checksum is the sum over 50,176 pixels, so it may be off by that many pixels' tolerance
        checksum = images[:, :, 0].double().sum((2, 3))
        torch.testing.assert_close(checksum, published["clip_input_checksum"], atol=224 * 224 * 1e-5 / 10, rtol=0)


def clouds(max_points: int = 60):
    """Clouds of distinct points in float64; whole numbers too, so that many coordinates coincide."""
    numbers = st.one_of(st.floats(-1, 1, width=32), st.integers(-3, 3).map(float))
    shapes = st.tuples(st.integers(2, max_points), st.just(3))
    arrays = hnp.arrays(np.float64, shapes, elements=numbers)
    return arrays.filter(lambda points: np.ptp(points, axis=0).max() > 1e-3).map(torch.from_numpy)


@settings(max_examples=40, deadline=None)
@given(points=clouds())
def test_range(points):
    maps = RealisticProjection().depth_maps(points[None])
    assert torch.isfinite(maps).all()
    assert maps.min() == 0  # the nearest
    assert maps.max() == 1  # the background


@settings(max_examples=40, deadline=None)
@given(points=clouds(), scale=st.floats(1e-3, 1e3), shift=hnp.arrays(np.float64, 3, elements=st.floats(-10, 10)))
def test_unchanged_by_scaling_and_shifting(points, scale, shift):
    # In float64 the moved cloud rounds to the same float32 numbers, or to their neighbours one unit in the last place
    # away, which may put a point on the border of two cells into the other one: then a window around it differs.
    projection = RealisticProjection()
    maps = projection.depth_maps(points[None])
    moved = projection.depth_maps((points * scale + torch.from_numpy(shift))[None])
    assert (maps - moved).abs().gt(1e-5).double().mean() < 0.01


@settings(max_examples=20, deadline=None)
@given(points=clouds(), exponent=st.integers(-20, 20))
def test_bit_identical_when_scaled_by_powers_of_two(points, exponent):
    projection = RealisticProjection()
    assert torch.equal(projection.depth_maps(points[None]), projection.depth_maps(points[None] * 2.0**exponent))


@settings(max_examples=30, deadline=None)
@given(points=clouds(), seed=st.integers(0, 1000))
def test_unchanged_by_reordering(points, seed):
    projection = RealisticProjection()
    order = torch.randperm(len(points), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(projection.depth_maps(points[None]), projection.depth_maps(points[None, order]))


@settings(max_examples=20, deadline=None)
@given(first=clouds(), seed=st.integers(0, 1000), size=st.integers(1, 4))
def test_batch_equals_its_members(first, seed, size):
    noise = torch.randn(size, *first.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    batch = torch.cat([first[None], noise])
    projection = RealisticProjection()
    alone = torch.cat([projection.depth_maps(cloud[None]) for cloud in batch])
    assert torch.equal(projection.depth_maps(batch), alone)


def test_same_on_one_thread_and_many(published):
    projection, threads = RealisticProjection(), torch.get_num_threads()
    many = projection.depth_maps(published["points"])
    try:
        torch.set_num_threads(1)
        assert torch.equal(projection.depth_maps(published["points"]), many)
    finally:
        torch.set_num_threads(threads)


def test_gradient_reaches_the_points():
    points = torch.rand(1, 50, 3, requires_grad=True)
    RealisticProjection("reference").depth_maps(points).sum().backward()
    assert torch.isfinite(points.grad).all()
    assert points.grad.abs().sum() > 0


def test_fewer_views(published):
    maps = RealisticProjection(views=[7, 2]).depth_maps(published["points"])
    assert torch.equal(maps, RealisticProjection().depth_maps(published["points"])[:, [7, 2]])


CLOUD = torch.rand(5, 3)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.zeros((1, 5, 3), np.float32), "ndarray"),
        (CLOUD, r"\[5, 3\]"),
        (torch.rand(1, 5, 2), r"\[1, 5, 2\]"),
        (torch.ones(1, 5, 3, dtype=torch.int64), "int64"),
        (torch.zeros(1, 0, 3), "0 point"),
        (torch.zeros(1, 1, 3), "1 point"),
        (torch.ones(2, 5, 3), "cloud 0 of the batch, cloud 1 of the batch: all points coincide"),
        (torch.stack([CLOUD, CLOUD * torch.nan]), "cloud 1 of the batch: NaN"),
        (torch.stack([CLOUD, CLOUD / 0]), "cloud 1 of the batch: NaN or infinite"),
    ],
)
def test_bad_points_are_rejected(points, words):
    with pytest.raises(InputError, match=words):
        RealisticProjection().depth_maps(points)


def test_unknown_backend():
    with pytest.raises(InputError, match="choose one of auto"):
        RealisticProjection("opencl")
