"""The training loop: it learns, keeps the best epoch, and resumes exactly."""

import pytest
import torch
from torch import nn

from fewshot_cls import training
from fewshot_cls.checkpoint import load_checkpoint, save_checkpoint
from fewshot_cls.methods.adapter import AdaptedHead, InterViewAdapter
from fewshot_cls.methods.tip_adapter_f import TipAdapterF
from fewshot_cls.recipe import Recipe
from fewshot_cls.training import train
from pointclip.errors import InputError
from tests.fewshot_cls.samples import VIEWS, WIDTH, labelled_views, zero_shot

RECIPE = Recipe(epochs=6, batch_size=8, warmup_epochs=1)


class Stop(Exception):
    pass


def fit(recipe=RECIPE, checkpoint=None, on_epoch=lambda epoch: None, key="a", seed=0):
    """Train an adapter with dropout, and validate it on other shapes."""
    views, labels = labelled_views(4)
    other, truth = labelled_views(3, seed=1)
    model = AdaptedHead(InterViewAdapter(VIEWS, WIDTH, dropout=0.3), zero_shot().classes)
    outcome = train(
        model,
        lambda places: model(views[places]),
        labels,
        recipe,
        seed=seed,
        validate=lambda: (model(other), truth),
        checkpoint=checkpoint,
        key=key,
        on_epoch=on_epoch,
    )
    return model, outcome


@pytest.mark.parametrize(("earliest", "chosen"), [(False, 2), (True, 1)])
def test_ties_go_to_the_lower_loss_or_to_the_earlier_epoch(earliest, chosen):
    views, labels = labelled_views(2)
    model = AdaptedHead(InterViewAdapter(VIEWS, WIDTH), zero_shot().classes)
    sureness = iter([(1, 0.1), (4, 0.1), (4, 5.0)])  # of the epochs: how many are correct, and how surely

    def validate():
        correct, logit = next(sureness)
        logits = torch.zeros(4, 2)
        logits[:correct, 1] = logit
        logits[correct:, 0] = logit
        return logits, torch.ones(4, dtype=torch.int64)

    recipe = Recipe(epochs=3, batch_size=10)
    outcome = train(model, lambda places: model(views[places]), labels, recipe, validate=validate, earliest=earliest)
    assert outcome.chosen == chosen


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("stop_after", [0, 1, 4])
def test_resumed_training_is_bit_identical(tmp_path, monkeypatch, optimizer, stop_after):
    monkeypatch.setattr(training, "SAVE_SECONDS", 0)
    recipe = Recipe(epochs=6, batch_size=8, optimizer=optimizer)
    model, outcome = fit(recipe)
    path = tmp_path / "training.safetensors"

    def stop(epoch):
        if epoch.number == stop_after + 1:  # which is not saved yet
            raise Stop

    with pytest.raises(Stop):
        fit(recipe, path, stop)
    assert path.is_file()
    seen = []
    again, resumed = fit(recipe, path, lambda epoch: seen.append(epoch.number))
    assert seen == list(range(stop_after + 1, 6))
    assert resumed == outcome
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    assert not path.exists()


def test_checkpoint_with_another_key_is_ignored(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SAVE_SECONDS", 0)
    path = tmp_path / "training.safetensors"

    def stop(epoch):
        if epoch.number == 2:
            raise Stop

    with pytest.raises(Stop):
        fit(checkpoint=path, on_epoch=stop)
    seen = []
    fit(checkpoint=path, key="b", on_epoch=lambda epoch: seen.append(epoch.number))
    assert seen == list(range(6))


def test_training_depends_on_the_seed():
    assert fit()[1] == fit()[1]
    assert fit()[1] != fit(seed=1)[1]


def test_training_keeps_the_global_random_state():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    fit()
    assert torch.equal(torch.rand(2), expected)


def test_learns_and_keeps_the_best_epoch():
    model, outcome = fit(Recipe(epochs=40, batch_size=8))
    assert outcome.epochs[-1].loss < outcome.epochs[0].loss
    best = max(outcome.epochs, key=lambda epoch: (epoch.chosen_on, -epoch.chosen_on_loss, -epoch.number))
    assert outcome.chosen == best.number
    other, truth = labelled_views(3, seed=1)
    assert 100 * (model(other).argmax(1) == truth).double().mean().item() == pytest.approx(best.chosen_on)


def test_early_stop():
    _, outcome = fit(Recipe(epochs=400, batch_size=8, patience=3))
    assert outcome.stopped
    assert len(outcome.epochs) == outcome.chosen + 4


def test_last_epoch_is_kept_without_validation():
    model = nn.Linear(2, 3)
    points, labels = torch.randn(9, 2), torch.arange(9) % 3
    outcome = train(model, lambda places: model(points[places]), labels, Recipe(epochs=3, batch_size=4))
    assert outcome.chosen == 2
    assert not outcome.stopped


def test_tip_adapter_f_trains_only_its_keys():
    views, labels = labelled_views(3)
    head = TipAdapterF.fit(zero_shot(), views, labels)
    before = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    train(head, lambda places: head(views[places]), labels, head.recipe)
    changed = [name for name, tensor in head.state_dict().items() if not torch.equal(tensor, before[name])]
    assert changed == ["keys"]


@pytest.mark.parametrize("content", [b"", b"not safetensors", None])
def test_damaged_checkpoint_is_ignored(tmp_path, content):
    path = tmp_path / "x.safetensors"
    if content is not None:
        path.write_bytes(content)
    assert load_checkpoint(path) == ({}, {})


def test_checkpoint_round_trip(tmp_path):
    path = tmp_path / "x.safetensors"
    save_checkpoint(path, {"a": torch.arange(3)}, {"k": [1, "ü"]})
    tensors, metadata = load_checkpoint(path)
    assert torch.equal(tensors["a"], torch.arange(3))
    assert metadata == {"k": [1, "ü"]}
    path.write_bytes(path.read_bytes()[:-5])
    assert load_checkpoint(path) == ({}, {})


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 0}, {"patience": -1}, {"optimizer": "lion"}])
def test_invalid_recipes_are_rejected(wrong):
    with pytest.raises(InputError):
        Recipe(**wrong)
