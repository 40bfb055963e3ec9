"""PointCLIP V1's projection against the published code's output, and properties for any cloud."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pointclip.errors import InputError
from pointclip.projection.views import rotation
from zeroshot_cls.perspective_projection import PerspectiveProjection, to_unit_sphere

FIXTURE = Path(__file__).parents[1] / "fixtures" / "published_v1_projection.npz"
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    with np.load(FIXTURE) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def random_cloud(count: int = 500, seed: int = 0, batch: int = 1) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(batch, count, 3)))


@pytest.mark.parametrize("device", DEVICES)
def test_published_depth_maps(published, device):
    # 1e-5: the same float32 arithmetic in another order; a point in another pixel would change two by 0.6 or more.
    maps = PerspectiveProjection().to(device).depth_maps(published["points"].to(device)).cpu()
    assert maps.shape == (3, 6, 128, 128)
    assert maps.dtype == torch.float32
    torch.testing.assert_close(maps, published["depth_maps"], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("scale", "shift"), [(3.0, 5.0), (1e-3, 0.2), (1e4, -2e4)])
def test_published_depth_maps_of_shifted_and_scaled_clouds(published, scale, shift):
    moved = published["points"].double() * scale + torch.tensor([shift, -shift, shift / 2])
    maps = PerspectiveProjection().depth_maps(moved)
    # normalising rounds by about 1e-7, which occasionally moves a point on the border of a pixel into the next one
    assert ((maps - published["depth_maps"]).abs() > 1e-5).double().mean() < 1e-4


def test_clip_input(published):
    projection = PerspectiveProjection()
    images, maps = projection(published["points"]), projection.depth_maps(published["points"])
    assert images.shape == (3, 6, 3, 224, 224)
    assert torch.equal(images[:, :, 0], images[:, :, 2])
    # corners aligned: those of the map are those of the image, and a middle between two pixels is their mean
    assert torch.equal(images[:, :, 0, ::223, ::223], maps[:, :, ::127, ::127])
    larger = torch.nn.functional.interpolate(maps, 224, mode="bilinear", align_corners=True)
    assert torch.equal(images[:, :, 1], larger)


def test_one_pixel_holds_the_harmonic_mean_of_its_points():
    # A unit sphere's poles fix the normalisation; the view without tilt is turned back, so that z is the depth.
    turned = torch.tensor([[0.0, 0, 0.4], [0, 0, -0.4], [0, 0, 0.2], [1, 0, 0], [-1, 0, 0], [0, 0, -0.2]])
    points = turned.double() @ rotation((0, 0, np.pi / 2))
    image = PerspectiveProjection(views=[0]).depth_maps(points[None].float())[0, 0]
    depths = np.array([2.0, 1.2, 1.8, 1.4])
    assert image[64, 64].item() == pytest.approx(len(depths) / (1 / depths).sum(), abs=1e-6)
    # (±1 / 1.6 + 1) / 2 · 128 − 0.5 = 103.5 and 23.5, rounded up: x runs down the rows
    assert image[104, 64].item() == pytest.approx(1.6, abs=1e-6)
    assert image[24, 64].item() == pytest.approx(1.6, abs=1e-6)
    assert (image > 0).sum() == 3


def test_top_of_the_shape_is_at_the_top_of_the_image():
    # a cone that stands on its base: few points at the top, whose row (in the four views from the sides) is small
    height = torch.linspace(-1, 1, 400)
    angle = torch.linspace(0, 150, 400)
    cone = torch.stack([(1 - height) / 2 * angle.cos(), height, (1 - height) / 2 * angle.sin()], dim=-1)
    maps = PerspectiveProjection(views=range(4)).depth_maps(cone[None])[0]
    widths = (maps > 0).sum(-1)  # [4, rows]
    assert (widths[:, :50].sum(-1) < widths[:, 78:].sum(-1)).all()


@settings(max_examples=30, deadline=None)
@given(
    points=hnp.arrays(np.float64, st.tuples(st.integers(2, 60), st.just(3)), elements=st.floats(-1, 1, width=32)),
    scale=st.floats(1e-6, 1e6),
    shift=st.floats(-1e3, 1e3),
)
def test_any_cloud_fits_into_the_image(points, scale, shift):
    cloud = torch.from_numpy(points * scale + shift)
    if np.ptp(cloud.numpy(), axis=0).max() <= 1e-9 * max(1, abs(shift)):
        return
    maps = PerspectiveProjection().depth_maps(cloud[None])
    filled = maps[maps > 0]
    assert ((maps > 0).sum((2, 3)) >= 1).all()
    assert filled.min() > 0.598  # 1.6 − 1.001
    assert filled.max() < 2.602


@pytest.mark.parametrize("device", DEVICES)
def test_result_does_not_depend_on_order_batch_and_device(device):
    clouds = random_cloud(3000, batch=3)
    projection = PerspectiveProjection().to(device)
    maps = projection.depth_maps(clouds.to(device))
    order = torch.randperm(3000, generator=torch.Generator().manual_seed(1))
    # the mean that centres a cloud is itself a sum, so the normalised cloud is reordered
    normal = to_unit_sphere(clouds)
    assert torch.equal(projection.depth_maps(normal[:, order].to(device)), projection.depth_maps(normal.to(device)))
    alone = torch.cat([projection.depth_maps(cloud[None].to(device)) for cloud in clouds])
    assert torch.equal(alone, maps)


class TestUnitSphere:
    def test_centres_and_scales(self):
        points = to_unit_sphere(random_cloud(200, batch=2) * torch.tensor([4.0, 1.0, 0.1]) + 7)
        torch.testing.assert_close(points.mean(1), torch.zeros(2, 3), atol=1e-6, rtol=0)
        torch.testing.assert_close(points.norm(dim=-1).amax(1), torch.ones(2), atol=1e-6, rtol=0)

    def test_half_of_a_normalised_cloud_is_unchanged(self):
        half = to_unit_sphere(random_cloud(2048))[:, :1024]
        half = half / half.norm(dim=-1).max() * 0.95  # its farthest point is among the other half
        assert half.mean(1).norm() > 1e-3
        assert torch.equal(to_unit_sphere(half), half)

    @pytest.mark.parametrize(("scale", "shift"), [(0.5, 0.0), (1.1, 0.0), (0.7, 0.25)])
    def test_other_clouds_are_normalised(self, scale, shift):
        normal = to_unit_sphere(random_cloud(300))
        again = to_unit_sphere(normal * scale + torch.tensor([shift, 0, 0]))
        torch.testing.assert_close(again, normal, atol=1e-6, rtol=0)

    def test_clouds_of_a_batch_are_normalised_separately(self):
        normal = to_unit_sphere(random_cloud(300))
        both = to_unit_sphere(torch.cat([normal, normal * 9 + 1]))
        assert torch.equal(both[0], normal[0])
        torch.testing.assert_close(both[1], normal[0], atol=1e-6, rtol=0)


def test_fewer_views(published):
    maps = PerspectiveProjection(views=[5, 0]).depth_maps(published["points"])
    assert torch.equal(maps, PerspectiveProjection().depth_maps(published["points"])[:, [5, 0]])


CLOUD = torch.rand(5, 3)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.zeros((1, 5, 3), np.float32), "ndarray"),
        (CLOUD, r"\[5, 3\]"),
        (torch.ones(1, 5, 3, dtype=torch.int64), "int64"),
        (torch.zeros(1, 1, 3), "1 point"),
        (torch.ones(2, 5, 3), "cloud 0 of the batch, cloud 1 of the batch: all points coincide"),
        (torch.stack([CLOUD, CLOUD * torch.nan]), "cloud 1 of the batch: NaN"),
        (torch.rand(1, 5, 3, requires_grad=True), "require gradients"),
    ],
)
def test_bad_points_are_rejected(points, words):
    with pytest.raises(InputError, match=words):
        PerspectiveProjection().depth_maps(points)
