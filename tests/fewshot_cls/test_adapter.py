"""V1's few-shot: views, adapter, logits and loss against the published code's output."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fewshot_cls.methods.adapter import InterViewAdapter, joined_logits
from fewshot_cls.projections import V1_FEW_SHOT
from fewshot_cls.recipe import Recipe, smoothed_cross_entropy
from tests.fewshot_cls.samples import labelled_views, zero_shot
from zeroshot_cls.perspective_projection import Camera, PerspectiveProjection

FIXTURE = Path(__file__).parents[1] / "fixtures" / "published_v1_fewshot.npz"
OUR_NAMES = {  # published state dict -> ours
    "fusion_ratio": "view_scale",
    "global_f.0.bn": "view_norm",
    "global_f.3": "gather",
    "global_f.4": "global_norm",
    "view_f.0": "hidden",
    "view_f.2": "spread",
}


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    with np.load(FIXTURE) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture
def adapter(published) -> InterViewAdapter:
    adapter = InterViewAdapter(views=10, width=16, dropout=0)
    state = {}
    for name, tensor in published.items():
        for published_name, our_name in OUR_NAMES.items():
            if name.startswith(f"state.{published_name}"):
                state[name.replace(f"state.{published_name}", our_name)] = tensor
    adapter.load_state_dict(state)
    return adapter


def test_depth_maps(published):
    projection = PerspectiveProjection(camera=V1_FEW_SHOT)
    maps = projection.depth_maps(published["points"])[0]
    torch.testing.assert_close(maps, published["depth_maps"], atol=1e-5, rtol=0)  # the same float32 arithmetic
    assert torch.equal(projection(published["points"])[0, :, 1], maps)  # 224 x 224 already


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_adapted_features(published, adapter, mode):
    adapter.train(mode == "train")
    adapted = adapter(published["features"].view(6, 10, 16))
    torch.testing.assert_close(adapted.flatten(1), published[f"adapted_{mode}"], atol=1e-5, rtol=0)


def test_logits(published, adapter):
    logits = joined_logits(adapter.eval()(published["features"].view(6, 10, 16)), published["text"])
    torch.testing.assert_close(logits, published["logits_eval"], atol=1e-4, rtol=0)


def test_loss(published):
    loss = smoothed_cross_entropy(published["loss_logits"], published["loss_labels"], 0.2)
    torch.testing.assert_close(loss, published["loss"], atol=1e-6, rtol=0)


def test_initial_weights_depend_on_the_seed():
    adapter = InterViewAdapter(views=3, width=8, scale=0.5, dropout=0.5, seed=4)
    again, other = InterViewAdapter(3, 8, seed=4), InterViewAdapter(3, 8, seed=5)
    assert adapter.view_scale.tolist() == [0.5] * 3
    assert torch.equal(adapter.gather.weight, again.gather.weight)
    assert not torch.equal(adapter.gather.weight, other.gather.weight)
    assert adapter.gather.weight.abs().max() <= 24**-0.5  # torch's initialisation of linear layers


def test_joined_logits_are_zero_shot_logits_divided_by_root_of_view_count():
    views, _ = labelled_views(3)
    zero = zero_shot()
    zero.weights = torch.ones(views.shape[1])
    torch.testing.assert_close(joined_logits(views, zero.classes), zero(views) / views.shape[1] ** 0.5)


def test_points_outside_the_image_are_dropped():
    near = torch.tensor([[[0.0, 0, 1], [0, 0, -1], [0, 0.9, -0.1], [0, -0.9, 0.1], [0.9, 0, 0], [-0.9, 0, 0]]])
    identity = (((0.0, 0.0, 0.0),),)
    maps = PerspectiveProjection(camera=Camera(identity, size=8, distance=1.05)).depth_maps(near)[0, 0]
    # at z = −0.1 a point at offset 0.9 projects to 0.9 / 0.95 of half an image, and outside it on the pinhole's side
    assert (maps > 0).sum() < 6
    assert maps.max() <= 2.05 + 1e-6


def test_schedule():
    recipe = Recipe()
    assert [recipe.lr_at(epoch) for epoch in (0, 1, 126)] == pytest.approx([1e-5, 0.01, 0.005])
    assert 0 < recipe.lr_at(249) < 1e-5


def test_spread_loss_differs_from_torch_label_smoothing():
    logits, labels = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0])
    exact = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.3)
    torch.testing.assert_close(smoothed_cross_entropy(logits, labels, 0.2), exact)  # 0.3 over all = 0.2 over the others
    assert smoothed_cross_entropy(logits, labels, 0.3) != exact
