"""V2's learned smoothing: it starts as the fixed one, and its gradients are correct."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from fewshot_cls.realistic_projection import DENSIFY, LearnedProjection
from fewshot_cls.smoothing import LearnedSmoothing
from pointclip.datasets.synthetic import generate
from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor
from pointclip.projection.spec import gaussian
from zeroshot_cls.classifier import view_weighted_logits
from zeroshot_cls.realistic_projection import SPEC, RealisticProjection
from zeroshot_seg.realistic_projection import SPEC as SEG_SPEC

VIEWS = (0, 5, 9)


def cloud(category: str = "chair") -> torch.Tensor:
    return torch.from_numpy(generate(category, 7, 600).points)[None]


@torch.no_grad()
def test_untrained_smoothing_gives_zero_shot_logits():
    encoder = load_encoder("demo", precision="fp32")
    sentences = {name: [f"a depth map of a {name}."] for name in ("chair", "mug", "lamp")}
    logits = []
    for projection in (LearnedProjection(VIEWS).eval(), RealisticProjection("reference", VIEWS)):
        extractor = FeatureExtractor(projection, encoder, progress=False)
        views = extractor.encode_views(projection(cloud()))
        logits.append(view_weighted_logits(views, extractor.class_features(sentences), torch.ones(len(VIEWS))))
    # 1e-4 of logits of about 100: the Gaussian is one 2-D sum instead of two 1-D ones, and CLIP amplifies the rounding
    torch.testing.assert_close(*logits, atol=1e-4, rtol=0)


@torch.no_grad()
def test_only_frozen_statistics_start_from_zero_shot():
    fixed = RealisticProjection("reference", VIEWS)(cloud())
    frozen, batch = (LearnedProjection(VIEWS, statistics=kind).train() for kind in ("frozen", "batch"))
    torch.testing.assert_close(frozen(cloud()), fixed, atol=1e-5, rtol=0)
    assert (batch(cloud()) - fixed).abs().max() > 0.01
    assert torch.equal(frozen.smoothing.norms[0].running_mean, torch.zeros(3))
    assert not torch.equal(batch.smoothing.norms[0].running_mean, torch.zeros(3))


@torch.no_grad()
def test_compiled_form_is_convolved_and_divided_as_it_says():
    projection = LearnedProjection(VIEWS[:1], form="compiled").eval()
    grid = projection.grids(cloud())[0]
    images = projection.images(grid)
    row = torch.tensor(gaussian(3, SPEC.sigma_image))
    maps = F.conv3d(grid[:, None], (row[:, None] * row).expand(3, 1, 1, 3, 3), padding=(0, 1, 1))
    for before, after in ((3, 8), (8, 3)):
        weight = torch.full((after, before, 3, 5, 5), 1e-5)
        weight[:, :, 1, 2, 2] += 1 / before
        maps = F.relu(F.conv3d(F.relu(maps / (1 + 1e-5) ** 0.5), weight, torch.full((after,), 1e-5), padding=(1, 2, 2)))
    maps = (maps / (1 + 1e-5) ** 0.5).amax(2)  # the batch norms' ε; squeeze
    expected = 1 - maps / (maps.amax((2, 3), keepdim=True) + 1e-8)
    expected = F.interpolate(expected, size=(224, 224), mode="bilinear", align_corners=True)
    torch.testing.assert_close(images, expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_paper_densify_keeps_all_rows():
    assert LearnedProjection(VIEWS[:1]).grids(cloud()).shape == (1, 1, 8, 110, 110)
    paper = LearnedProjection(VIEWS[:1], densify="paper")
    assert paper.grids(cloud()).shape == (1, 1, 8, 112, 112)
    assert paper(cloud()).shape == (1, 1, 3, 224, 224)


def test_every_filter_gets_gradients():
    projection = LearnedProjection(VIEWS[:1]).train()
    images = projection(cloud())
    (images * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    for convolution in projection.smoothing.convolutions[::2]:
        assert convolution.weight.grad.flatten(2).abs().amax(-1).min() > 0
    # the blurs get gradients as soon as the third convolution's weights for them are non-zero
    third = projection.smoothing.convolutions[2].weight
    assert third.grad[:, 3:].abs().max() > 0
    assert not torch.equal(third.grad[:, 3], third.grad[:, 4])


def test_gradients_in_float64():
    torch.manual_seed(0)
    spec = replace(SPEC, resolution=9, depth_cells=4, densify_window=(1, 1, 1), densify_padding=(0, 0, 0))
    projection = LearnedProjection((0,))
    projection.spec, projection.smoothing = spec, LearnedSmoothing(spec, seed=1).double()
    for parameter in projection.smoothing.parameters():
        parameter.data += 0.02 * torch.rand_like(parameter)  # no equal channels, no zero weights
    grids = 1 + torch.rand(2, 4, 9, 9, dtype=torch.float64)  # positive and distinct: no ties
    names, values = zip(*projection.smoothing.named_parameters(), strict=True)
    probe = torch.randn(2, 3, 224, 224, dtype=torch.float64)

    def loss(*weights):
        state = dict(zip((f"smoothing.{name}" for name in names), weights, strict=True))
        images = torch.func.functional_call(_Images(projection), {f"inner.{k}": v for k, v in state.items()}, (grids,))
        return (images * probe).sum() / 1000

    assert torch.autograd.gradcheck(loss, values, fast_mode=True)  # along one random direction


class _Images(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, grids):
        return self.inner.images(grids)


def test_all_zero_map_gives_a_white_image():
    projection = LearnedProjection(VIEWS[:1])
    with torch.no_grad():
        projection.smoothing.convolutions[0].weight.neg_()
        torch.testing.assert_close(projection(cloud()), torch.ones(1, 1, 3, 224, 224))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LearnedProjection(densify="fine"), "'zeroshot' or 'paper'"),
        (lambda: LearnedProjection(statistics="none"), "'frozen' or 'batch'"),
        (lambda: LearnedSmoothing(SEG_SPEC), r"\(5, 5, 5\)"),
    ],
)
def test_errors(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_paper_densify_image_size():
    assert DENSIFY["paper"].image_size == 112
