"""The training loop: epochs of shots, the choice of one of them, and going on after a stop."""

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fewshot_cls.checkpoint import load_checkpoint, save_checkpoint
from fewshot_cls.recipe import Recipe, spread_cross_entropy

SAVE_SECONDS = 30  # between checkpoints


@dataclass(frozen=True)
class Epoch:
    """What one epoch did."""

    number: int  # from 0
    rate: float  # learning rate
    loss: float  # mean over the steps
    accuracy: float  # of the shots as they were trained on, in percent
    chosen_on: float | None = None  # accuracy of the shapes that choose the epoch, in percent; None where none do
    chosen_on_loss: float | None = None


@dataclass
class Training:
    """What came out of it; the model has the chosen epoch's weights."""

    epochs: list[Epoch]
    chosen: int  # number of the epoch whose weights were kept
    stopped: bool = False  # early, for want of a better epoch


Judge = Callable[[], tuple[Tensor, Tensor]]


def train(
    model: nn.Module,
    logits_of: Callable[[Tensor], Tensor],
    labels: Tensor,
    recipe: Recipe,
    *,
    seed: int = 0,
    judge: Judge | None = None,
    checkpoint: Path | None = None,
    key: str = "",
    watch: Callable[[Epoch], None] = lambda epoch: None,
    share: Callable[[str], float] = lambda name: 1.0,
) -> Training:
    """Train a model's parameters on labelled shots.

    An epoch's order and dropout follow from the seed and the epoch's number alone, so that a run that was stopped goes
    on exactly as if it had not been.

    Args:
        model: in whose parameters that require gradients the training happens.
        logits_of: places among the shots [b] -> their logits [b, K], by the model in training mode.
        labels: [n] int64, of the shots.
        recipe: how.
        judge: the logits [m, K] and labels [m] of the shapes that choose the epoch, by the model in evaluation mode;
            the best accuracy is kept, of equal ones that of lower loss, then the earliest. None keeps the last epoch.
        checkpoint: a file that is written every half minute, and from which a stopped run with the same key goes on;
            it is removed at the end.
        key: what tells this training from any other.
        watch: told every epoch.
        share: of the learning rate that a parameter gets, by its name.
    """
    trainer = _Trainer(model, recipe, share)
    if checkpoint is not None:
        trainer.resume(checkpoint, key)
    saved = time.monotonic()
    while not trainer.finished:
        number = len(trainer.epochs)
        with torch.random.fork_rng(devices=_gpus(model)):
            torch.manual_seed(_epoch_seed(seed, number))
            outcome = trainer.run_epoch(logits_of, labels)
        trainer.keep(_judged(outcome, model, judge))
        watch(trainer.epochs[-1])
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

    def __init__(self, model: nn.Module, recipe: Recipe, share: Callable[[str], float]):
        self.model, self.recipe = model, recipe
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                groups.setdefault(share(name), []).append(parameter)
        self.optimizer = recipe.optimizer_of([{"params": own, "share": part} for part, own in groups.items()])
        self.epochs: list[Epoch] = []
        self.best, self.chosen = copy.deepcopy(model.state_dict()), 0

    @property
    def finished(self) -> bool:
        done, patience = len(self.epochs), self.recipe.patience
        waited = done - 1 - self.chosen
        return done >= self.recipe.epochs or bool(done and patience and waited >= patience)

    def run_epoch(self, logits_of: Callable[[Tensor], Tensor], labels: Tensor) -> Epoch:
        """Every shot once, but for a last batch that is not full."""
        number, batch = len(self.epochs), self.recipe.batch
        rate = self.recipe.rate_at(number)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        self.model.train()
        order = torch.randperm(len(labels))
        losses, right, seen = [], 0, 0
        for start in range(0, max(len(order) - batch + 1, 1), batch):
            places = order[start : start + batch].to(labels.device)
            logits = logits_of(places)  # [b, K]
            loss = spread_cross_entropy(logits, labels[places], self.recipe.spread)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
            right += int((logits.argmax(1) == labels[places]).sum())
            seen += len(places)
        return Epoch(number, rate, sum(losses) / len(losses), 100 * right / seen)

    @torch.no_grad()
    def keep(self, epoch: Epoch) -> None:
        """Remember an epoch, and the weights after it where it is the best so far, or where none is better."""
        self.epochs.append(epoch)
        if len(self.epochs) == 1 or epoch.chosen_on is None or _rank(epoch) > _rank(self.epochs[self.chosen]):
            self.chosen = epoch.number
            for name, tensor in self.model.state_dict().items():
                self.best[name].copy_(tensor)

    def save(self, path: Path, key: str) -> None:
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        for place, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{place}.{name}": torch.as_tensor(value) for name, value in state.items()}
        state = {"key": key, "chosen": self.chosen, "epochs": [asdict(epoch) for epoch in self.epochs]}
        save_checkpoint(path, tensors, state)

    def resume(self, path: Path, key: str) -> None:
        """Go on where the file's training stopped, if it is this one."""
        tensors, state = load_checkpoint(path)
        if state.get("key") != key:
            return
        named = {kind: _under(kind, tensors) for kind in ("model", "best", "optimizer")}
        self.model.load_state_dict(named["model"])
        self.best, self.chosen = named["best"], state["chosen"]
        self.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        moments: dict[int, dict] = {}
        for name, tensor in named["optimizer"].items():
            place, part = name.split(".", 1)
            moments.setdefault(int(place), {})[part] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})


def _rank(epoch: Epoch) -> tuple[float, float]:
    return epoch.chosen_on, -epoch.chosen_on_loss


@torch.no_grad()
def _judged(epoch: Epoch, model: nn.Module, judge: Judge | None) -> Epoch:
    if judge is None:
        return epoch
    model.eval()
    logits, labels = judge()
    accuracy = 100 * (logits.argmax(1) == labels).double().mean().item()
    loss = nn.functional.cross_entropy(logits, labels).item()
    return Epoch(epoch.number, epoch.rate, epoch.loss, epoch.accuracy, accuracy, loss)


def _epoch_seed(seed: int, number: int) -> int:
    return seed * 1_000_003 + number


def _gpus(model: nn.Module) -> list[torch.device]:
    return list({parameter.device for parameter in model.parameters() if parameter.device.type == "cuda"})


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
