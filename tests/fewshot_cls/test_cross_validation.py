"""Selection on the shots: no method loses to zero-shot or the nearest mean, whatever zero-shot is worth."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fewshot_cls.cross_validation import MIN_SHOTS, fit_temperature, select
from fewshot_cls.methods import METHODS
from fewshot_cls.methods.kernel_ridge import KernelRidge
from fewshot_cls.methods.zero_shot import ZeroShot
from tests.fewshot_cls.samples import labelled_views, zero_shot
from zeroshot_cls.calibration import calibration_error

REAL = Path(__file__).parents[1] / "fixtures" / "fewshot_real_train.npz"  # features of ModelNet10's clouds, turned
slow = partial(pytest.param, marks=pytest.mark.slow)
CLOSED_FORMS = [name for name, method in METHODS.items() if not method.trains]


def real(words: str) -> tuple[torch.Tensor, torch.Tensor, ZeroShot]:
    """Unit view features [200, 10, 128] of ten classes, their labels, and zero-shot that knows the words as said."""
    with np.load(REAL) as arrays:
        views, labels, classes = (torch.from_numpy(arrays[name]) for name in ("features", "labels", "classes"))
    views = F.normalize(views.float(), dim=-1)
    if words == "unknown":
        classes = torch.randn(classes.shape, generator=torch.Generator().manual_seed(1))
    elif words == "strong":  # no text: the mean of the class's own features
        classes = torch.stack([views[labels == k].mean((0, 1)) for k in range(10)]) - views.mean((0, 1))
    return views, labels, ZeroShot(F.normalize(classes, dim=-1), torch.ones(10))


def draw(labels: torch.Tensor, shots: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices of `shots` shapes a class, and of the others."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(np.flatnonzero(labels == k)) for k in labels.unique()]
    parts = slice(shots), slice(shots, None)
    return tuple(torch.tensor(np.concatenate([order[part] for order in orders])) for part in parts)


def accuracy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    return 100 * (logits.argmax(1) == labels).double().mean().item()


@pytest.mark.parametrize(("words", "shots"), [("weak", 1), ("unknown", 1), ("weak", 4), slow("strong", 4)])
def test_no_method_loses_to_nearest_mean_or_zero_shot(words, shots):
    """By two points at most in the mean of six draws; benchmarks/fewshot_accuracy.py takes forty."""
    views, labels, zero = real(words)
    found = {name: [] for name in [*CLOSED_FORMS, "zero-shot"] if name != "linear_probe"}  # which takes long
    for seed in range(6):
        support, test = draw(labels, shots, seed)
        found["zero-shot"].append(accuracy(zero(views[test]), labels[test]))
        for name in found.keys() - {"zero-shot"}:
            kind = METHODS[name].head
            selected = select(kind, zero, views[support], labels[support])
            head = kind.fit(zero, views[support], labels[support], how="concat", **selected.hyperparameters)
            found[name].append(accuracy(head(views[test]), labels[test]))
    means = {name: np.mean(values) for name, values in found.items()}
    bar = max(means.pop("nearest_mean"), means.pop("zero-shot"))
    assert {name: mean for name, mean in means.items() if mean < bar - 2} == {}


def test_copies_stay_in_one_fold():
    """With each shape there twice, a fold that split them would name all left-out rows rightly."""
    views, labels, zero = real("unknown")
    support, _ = draw(labels, 4, 0)
    twice = torch.cat([support, support])
    alone, together, apart = (
        select(KernelRidge, zero, views[rows], labels[rows], objects=objects).accuracy
        for rows, objects in ((support, None), (twice, twice), (twice, None))
    )
    assert abs(alone - together) < 15
    assert apart > together + 15


def test_too_few_shots_take_the_method_own_numbers():
    views, labels = labelled_views(MIN_SHOTS - 1)
    selected = select(KernelRidge, zero_shot(), views, labels)
    assert selected.folds == 0
    assert KernelRidge.few.items() <= selected.hyperparameters.items()
    assert 0 < selected.hyperparameters["alpha"] <= 2 * KernelRidge.strength * selected.temperature
    views, labels = labelled_views(MIN_SHOTS)
    assert select(KernelRidge, zero_shot(), views, labels).folds == MIN_SHOTS


def test_temperature_calibrates_shapes_that_were_not_shots():
    views, labels, zero = real("weak")
    before, after = [], []
    for seed in range(3):
        support, test = draw(labels, 8, seed)
        selected = select(KernelRidge, zero, views[support], labels[support])
        head = KernelRidge.fit(zero, views[support], labels[support], how="concat", **selected.hyperparameters)
        logits = head(views[test])
        before.append(calibration_error(logits.softmax(1), labels[test]))
        after.append(calibration_error((logits / selected.temperature).softmax(1), labels[test]))
    assert np.mean(before) > 30
    assert np.mean(after) < 15


def test_fitted_temperature():
    logits = 8 * torch.randn(4000, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.distributions.Categorical(logits=logits / 4).sample()
    assert fit_temperature(logits, labels) == pytest.approx(4, rel=0.1)
