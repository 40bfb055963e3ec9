"""How a head is trained: the loss, the schedule, the optimizer."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi

import torch
from torch import Tensor

from pointclip.errors import InputError

OPTIMIZERS = ("sgd", "adamw")


@dataclass(frozen=True)
class Recipe:
    """PointCLIP V1's training by default, from its published code and Dassl, the framework that it runs in."""

    epochs: int = 250
    batch: int = 32  # shapes a step
    rate: float = 0.01  # learning rate
    warm_up: int = 1  # epochs, at `warm_up_rate`
    warm_up_rate: float = 1e-5
    spread: float = 0.2  # of each label, over the other classes
    optimizer: str = "sgd"  # or "adamw"
    momentum: float = 0.9  # of SGD
    decay: float = 5e-4  # weight decay
    patience: int = 0  # stop after so many epochs without a better one; 0 never stops early

    def __post_init__(self):
        if self.optimizer not in OPTIMIZERS:
            raise InputError(f"The optimizer is {self.optimizer!r}; 'sgd' or 'adamw' was expected.")
        if min(self.epochs, self.batch) < 1 or min(self.warm_up, self.patience) < 0:
            raise InputError(
                f"epochs {self.epochs}, batch {self.batch}, warm-up {self.warm_up} and patience {self.patience} came; "
                "the first two are 1 or more, the others 0 or more."
            )

    def rate_at(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0: warm-up, then a cosine from `rate` towards 0."""
        if epoch < self.warm_up:
            return self.warm_up_rate
        return self.rate * (1 + cos(pi * (epoch - self.warm_up) / self.epochs)) / 2

    def optimizer_of(self, groups: Sequence[dict]) -> torch.optim.Optimizer:
        """The optimizer of groups of parameters, its learning rate still to be set for each epoch.

        Where torch can, a step is one pass over the weights ("fused"): on a CPU the passes take longer than the sums.
        """
        devices = {parameter.device.type for group in groups for parameter in group["params"]}
        fused = devices <= {"cpu", "cuda"}
        if self.optimizer == "adamw":
            return torch.optim.AdamW(groups, self.rate, weight_decay=self.decay, fused=fused)
        return torch.optim.SGD(groups, self.rate, momentum=self.momentum, weight_decay=self.decay, fused=fused)


TIP_ADAPTER_F = Recipe(epochs=20, batch=256, rate=1e-3, warm_up=0, spread=0.0, optimizer="adamw", decay=0.01)


def spread_cross_entropy(logits: Tensor, labels: Tensor, spread: float) -> Tensor:
    """Mean cross-entropy with `spread` of each label shared by the other classes (PointCLIP V1's published code).

    torch's own label smoothing shares it among all classes, the right one included.

    Args:
        logits: [n, K].
        labels: [n] int64.
    """
    classes = logits.shape[1]
    likelihood = logits.log_softmax(1)  # [n, K]
    right = likelihood.gather(1, labels[:, None])[:, 0]  # [n]
    others = (likelihood.sum(1) - right) / max(classes - 1, 1)
    return -((1 - spread) * right + spread * others).mean()
