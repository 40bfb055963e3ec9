"""How a head is trained: loss, schedule, optimizer."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi

import torch
from torch import Tensor

from pointclip.errors import InputError

OPTIMIZERS = ("sgd", "adamw")


@dataclass(frozen=True)
class Recipe:
    """Training hyperparameters; the defaults are PointCLIP V1's, from its published code and Dassl, its framework."""

    epochs: int = 250
    batch: int = 32  # shapes a step
    rate: float = 0.01  # learning rate
    warm_up: int = 1  # epochs, at `warm_up_rate`
    warm_up_rate: float = 1e-5
    spread: float = 0.2  # of each label, spread over the other classes
    optimizer: str = "sgd"  # or "adamw"
    momentum: float = 0.9  # of SGD
    decay: float = 5e-4  # weight decay
    patience: int = 0  # stop after this many epochs without improvement; 0 never stops early

    def __post_init__(self):
        if self.optimizer not in OPTIMIZERS:
            raise InputError(f"The optimizer is {self.optimizer!r}; 'sgd' or 'adamw' was expected.")
        if min(self.epochs, self.batch) < 1 or min(self.warm_up, self.patience) < 0:
            raise InputError(
                f"The recipe has epochs {self.epochs}, batch {self.batch}, warm-up {self.warm_up} and patience "
                f"{self.patience}; epochs and batch must be 1 or more, warm-up and patience 0 or more."
            )

    def rate_at(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0: warm-up, then cosine decay from `rate` towards 0."""
        if epoch < self.warm_up:
            return self.warm_up_rate
        return self.rate * (1 + cos(pi * (epoch - self.warm_up) / self.epochs)) / 2

    def optimizer_of(self, groups: Sequence[dict]) -> torch.optim.Optimizer:
        """An optimizer of parameter groups; the caller sets the learning rate of each epoch.

        A step is one pass over the weights ("fused") where torch can: on a CPU the passes take longer than the sums.
        """
        devices = {parameter.device.type for group in groups for parameter in group["params"]}
        fused = devices <= {"cpu", "cuda"}
        if self.optimizer == "adamw":
            return torch.optim.AdamW(groups, self.rate, weight_decay=self.decay, fused=fused)
        return torch.optim.SGD(groups, self.rate, momentum=self.momentum, weight_decay=self.decay, fused=fused)


def spread_cross_entropy(logits: Tensor, labels: Tensor, spread: float) -> Tensor:
    """Mean cross-entropy with `spread` of each label shared by the other classes (PointCLIP V1's published code).

    torch's label smoothing spreads it over all classes, the right one included.

    Args:
        logits: [n, K].
        labels: [n] int64.
    """
    classes = logits.shape[1]
    likelihood = logits.log_softmax(1)  # [n, K]
    right = likelihood.gather(1, labels[:, None])[:, 0]  # [n], of the right class
    others = (likelihood.sum(1) - right) / max(classes - 1, 1)
    return -((1 - spread) * right + spread * others).mean()
