"""The training loop: epochs over the shots, selection of the best epoch, and resuming from a checkpoint."""

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fewshot_cls.checkpoint import load_checkpoint, save_checkpoint, with_prefix
from fewshot_cls.recipe import Recipe, smoothed_cross_entropy

SAVE_SECONDS = 30  # between checkpoints


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch."""

    number: int  # from 0
    rate: float  # learning rate
    loss: float  # mean over the steps
    accuracy: float  # on the shots, during training, in percent
    chosen_on: float | None = None  # accuracy on the shapes that select the epoch, in percent; None without them
    chosen_on_loss: float | None = None


@dataclass
class Training:
    """A finished training; the model has the selected epoch's weights."""

    epochs: list[Epoch]
    chosen: int  # number of the epoch whose weights were kept
    stopped: bool = False  # early, for lack of improvement


Validate = Callable[[], tuple[Tensor, Tensor]]


def train(
    model: nn.Module,
    logits_of: Callable[[Tensor], Tensor],
    labels: Tensor,
    recipe: Recipe,
    *,
    seed: int = 0,
    validate: Validate | None = None,
    checkpoint: Path | None = None,
    key: str = "",
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    share: Callable[[str], float] = lambda name: 1.0,
    earliest: bool = False,
) -> Training:
    """Train a model's parameters on labelled shots.

    An epoch's shuffling and dropout depend only on the seed and the epoch's number, so that a resumed run gives exactly
    the result of an uninterrupted one.

    Args:
        model: its parameters that require gradients are trained.
        logits_of: indices of shots [b] -> their logits [b, K], by the model in training mode.
        labels: [n] int64, of the shots.
        recipe: the training hyperparameters.
        validate: returns logits [m, K] and labels [m] of the shapes that select the epoch, by the model in evaluation
            mode; the most accurate epoch is kept, ties go to the lower loss, then to the earlier one. None keeps the
            last epoch.
        checkpoint: a file written every half minute, from which an interrupted run with the same key resumes; it is
            removed at the end.
        key: identifies this training.
        on_epoch: called after every epoch.
        share: parameter name -> the fraction of the learning rate it gets.
        earliest: whether ties go to the earlier epoch whatever its loss, as in PointCLIP V1's published code.
    """
    trainer = _Trainer(model, recipe, share, earliest)
    if checkpoint is not None:
        trainer.resume(checkpoint, key)
    saved = time.monotonic()
    while not trainer.finished:
        number = len(trainer.epochs)
        with torch.random.fork_rng(devices=_gpus(model)):
            torch.manual_seed(_epoch_seed(seed, number))
            epoch = trainer.run_epoch(logits_of, labels)
        trainer.record(_validated(epoch, model, validate))
        on_epoch(trainer.epochs[-1])
        if checkpoint is not None and time.monotonic() - saved >= SAVE_SECONDS:
            trainer.save(checkpoint, key)
            saved = time.monotonic()
    model.load_state_dict(trainer.best)
    model.eval()
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return Training(trainer.epochs, trainer.chosen, len(trainer.epochs) < recipe.epochs)


class _Trainer:
    """The state that a checkpoint holds: model, optimizer, best weights so far, epochs so far."""

    def __init__(self, model: nn.Module, recipe: Recipe, share: Callable[[str], float], earliest: bool):
        self.model, self.recipe, self.earliest = model, recipe, earliest
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                groups.setdefault(share(name), []).append(parameter)
        self.optimizer = recipe.optimizer_of([{"params": group, "share": part} for part, group in groups.items()])
        self.epochs: list[Epoch] = []
        self.best, self.chosen = copy.deepcopy(model.state_dict()), 0

    @property
    def finished(self) -> bool:
        done, patience = len(self.epochs), self.recipe.patience
        without_improvement = done - 1 - self.chosen
        return done >= self.recipe.epochs or bool(done and patience and without_improvement >= patience)

    def run_epoch(self, logits_of: Callable[[Tensor], Tensor], labels: Tensor) -> Epoch:
        """Train on every shot once, dropping a last batch that is not full."""
        number, batch_size = len(self.epochs), self.recipe.batch_size
        rate = self.recipe.lr_at(number)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        self.model.train()
        order = torch.randperm(len(labels))
        losses, right, seen = [], 0, 0
        for start in range(0, max(len(order) - batch_size + 1, 1), batch_size):
            places = order[start : start + batch_size].to(labels.device)
            logits = logits_of(places)  # [b, K]
            loss = smoothed_cross_entropy(logits, labels[places], self.recipe.label_smoothing)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
            right += int((logits.argmax(1) == labels[places]).sum())
            seen += len(places)
        return Epoch(number, rate, sum(losses) / len(losses), 100 * right / seen)

    @torch.no_grad()
    def record(self, epoch: Epoch) -> None:
        """Append an epoch, and keep its weights if it is the best so far or nothing selects."""
        self.epochs.append(epoch)
        if len(self.epochs) == 1 or epoch.chosen_on is None or self._rank(epoch) > self._rank(self.epochs[self.chosen]):
            self.chosen = epoch.number
            for name, tensor in self.model.state_dict().items():
                self.best[name].copy_(tensor)

    def _rank(self, epoch: Epoch) -> tuple[float, float]:
        assert epoch.chosen_on is not None
        assert epoch.chosen_on_loss is not None
        return epoch.chosen_on, 0.0 if self.earliest else -epoch.chosen_on_loss

    def save(self, path: Path, key: str) -> None:
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
        state = {"key": key, "chosen": self.chosen, "epochs": [asdict(epoch) for epoch in self.epochs]}
        save_checkpoint(path, tensors, state)

    def resume(self, path: Path, key: str) -> None:
        """Continue from the file if its key is the same."""
        tensors, state = load_checkpoint(path)
        if state.get("key") != key:
            return
        named = {kind: with_prefix(kind, tensors) for kind in ("model", "best", "optimizer")}
        self.model.load_state_dict(named["model"])
        self.best, self.chosen = named["best"], state["chosen"]
        self.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        moments: dict[int, dict] = {}
        for name, tensor in named["optimizer"].items():
            number, part = name.split(".", 1)
            moments.setdefault(int(number), {})[part] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})


@torch.no_grad()
def _validated(epoch: Epoch, model: nn.Module, validate: Validate | None) -> Epoch:
    if validate is None:
        return epoch
    model.eval()
    logits, labels = validate()
    accuracy = 100 * (logits.argmax(1) == labels).double().mean().item()
    loss = nn.functional.cross_entropy(logits.float(), labels).item()
    return Epoch(epoch.number, epoch.rate, epoch.loss, epoch.accuracy, accuracy, loss)


def _epoch_seed(seed: int, number: int) -> int:
    return seed * 1_000_003 + number


def _gpus(model: nn.Module) -> list[torch.device]:
    return list({parameter.device for parameter in model.parameters() if parameter.device.type == "cuda"})
