"""PointCLIP V1's training: augmented clouds and their cropped depth maps, a step, and its half precision."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fewshot_cls.augmentation import SCALES, SHIFT, AugmentedViews, augment
from fewshot_cls.methods.adapter import AdaptedHead, InterViewAdapter
from fewshot_cls.projections import V1_FEW_SHOT
from fewshot_cls.recipe import Recipe
from fewshot_cls.training import train
from pointclip.encoder import load_encoder
from pointclip.projection.views import rotation
from tests.fewshot_cls.samples import VIEWS, WIDTH, labelled_views, zero_shot
from zeroshot_cls.perspective_projection import Camera, PerspectiveProjection, to_unit_sphere

CLOUD = torch.from_numpy(np.random.default_rng(3).normal(size=(200, 3)).astype(np.float32))


def published_map(points: np.ndarray, euler: tuple, size: int, distance: float) -> np.ndarray:
    """One depth map, point by point: points outside the image or behind the camera are dropped, the others averaged."""
    total, count = np.zeros((size, size)), np.zeros((size, size))
    for x, y, z in points.astype(np.float64) @ rotation(euler).numpy().T:
        depth = z + distance
        row, column = (np.ceil((side / depth + 1) * size / 2 - 0.5) for side in (x, y))
        if depth >= 0 and 0 <= row < size and 0 <= column < size:
            total[int(row), int(column)] += 1 / depth
            count[int(row), int(column)] += 1
    return np.divide(count, total, out=np.zeros_like(total), where=count > 0)


@pytest.mark.parametrize("seed", range(4))
def test_depth_maps_of_augmented_clouds_are_the_published_ones(seed):
    """They are cropped, since nothing centres a cloud after its augmentation."""
    rng = np.random.default_rng(seed)
    factors = torch.from_numpy(np.stack([rng.uniform(*SCALES, 3), rng.uniform(-SHIFT, SHIFT, 3)])[:, None])
    cloud = augment(CLOUD[None], *factors)
    np.testing.assert_allclose(cloud[0], to_unit_sphere(CLOUD[None])[0] * factors[0] + factors[1], atol=1e-6)
    maps = PerspectiveProjection(camera=V1_FEW_SHOT, normalise=False).depth_maps(cloud)[0].numpy()
    dropped = 0
    for one, (euler,) in zip(maps, V1_FEW_SHOT.views, strict=True):
        expected = published_map(cloud[0].numpy(), euler, V1_FEW_SHOT.size, V1_FEW_SHOT.distance)
        assert (np.abs(one - expected) > 1e-5).mean() < 1e-4  # a point on the border of two pixels may differ
        dropped += (expected > 0).sum() < 200
    assert dropped > 0
    centred = PerspectiveProjection(camera=V1_FEW_SHOT).depth_maps(cloud)[0].numpy()
    assert (np.abs(centred - maps) > 1e-3).any()


def test_points_behind_the_camera_are_not_seen():
    points = torch.tensor([[[0.0, 0, -1.5], [0, 0, 0.5], [0.1, 0, 0]]])
    identity = Camera((((0.0, 0.0, 0.0),),), size=8, distance=1.4)
    maps = PerspectiveProjection(camera=identity, normalise=False).depth_maps(points)[0, 0]
    assert sorted(maps[maps > 0].tolist()) == pytest.approx([2 / (1 / 1.9 + 1 / 1.4)])


def test_every_call_augments_anew_and_a_seed_determines_it():
    encoder = load_encoder("tiny-vit", None, precision="fp32")
    projection = PerspectiveProjection(views=[0], camera=V1_FEW_SHOT, normalise=False)
    views = AugmentedViews(projection, encoder, unit=False, batch=2)
    clouds, found = [CLOUD, CLOUD, CLOUD[:100]], []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(views(clouds))
    first, again, other = found
    assert first.shape[:2] == (3, 1)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])
    plain = encoder.encode_images(projection(to_unit_sphere(CLOUD[None]))[0], unit=False)
    assert not torch.allclose(first[0], plain, atol=1e-4)  # the plain cloud is never seen


def literal_step(head: AdaptedHead, views: torch.Tensor, labels: torch.Tensor, recipe: Recipe) -> dict:
    """The head's parameters after one step of the published training, with autograd as the only help."""
    head.train()
    adapted = head.adapter(views)  # agrees with the published adapter, see test_adapter.py
    joined = F.normalize(adapted.flatten(1), dim=-1)
    text = F.normalize(head.classes.repeat(1, views.shape[1]), dim=-1)
    likelihood = (100 * joined @ text.T).log_softmax(1)
    target = torch.full_like(likelihood, recipe.label_smoothing / (likelihood.shape[1] - 1))
    target.scatter_(1, labels[:, None], 1 - recipe.label_smoothing)
    loss = -(target * likelihood).sum(1).mean()
    named = dict(head.named_parameters())
    gradients = torch.autograd.grad(loss, list(named.values()))
    pairs = zip(named.items(), gradients, strict=True)
    return {name: (p - recipe.lr * (g + recipe.weight_decay * p)).detach() for (name, p), g in pairs}


def trained(precision: torch.dtype, recipe: Recipe) -> AdaptedHead:
    views, labels = labelled_views(4)
    head = AdaptedHead(InterViewAdapter(VIEWS, WIDTH, dropout=0), zero_shot().classes).to(precision)
    train(head, lambda places: head(views[places].to(precision)), labels, recipe)
    return head.float()


def test_a_step_is_the_published_one_and_in_half_precision_nearly():
    recipe = Recipe(epochs=1, batch_size=20, warmup_epochs=0)
    views, labels = labelled_views(4)
    expected = literal_step(
        AdaptedHead(InterViewAdapter(VIEWS, WIDTH, dropout=0), zero_shot().classes), views, labels, recipe
    )
    for precision, tolerance in ((torch.float32, 1e-6), (torch.float16, 2e-2)):  # fp16: its own, at weights up to 1
        found = dict(trained(precision, recipe).named_parameters())
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name].detach(), tensor, atol=tolerance, rtol=0)
            if precision == torch.float16:
                assert torch.equal(found[name], found[name].half().float()), "trained in fp16"
