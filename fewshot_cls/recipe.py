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
    batch_size: int = 32
    lr: float = 0.01
    warmup_epochs: int = 1  # at `warmup_lr`
    warmup_lr: float = 1e-5
    label_smoothing: float = 0.2  # share of each label that goes to the other classes
    optimizer: str = "sgd"  # or "adamw"
    momentum: float = 0.9  # of SGD
    weight_decay: float = 5e-4
    patience: int = 0  # stop after this many epochs without improvement; 0 never stops early

    def __post_init__(self):
        if self.optimizer not in OPTIMIZERS:
            raise InputError(f"The optimizer is {self.optimizer!r}; expected 'sgd' or 'adamw'.")
        if min(self.epochs, self.batch_size) < 1 or min(self.warmup_epochs, self.patience) < 0:
            raise InputError(
                f"The recipe has {self.epochs} epochs, batch size {self.batch_size}, {self.warmup_epochs} warm-up "
                f"epochs and patience {self.patience}; expected at least 1, 1, 0 and 0."
            )

    def lr_at(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0: warm-up, then cosine decay from `lr` towards 0."""
        if epoch < self.warmup_epochs:
            return self.warmup_lr
        return self.lr * (1 + cos(pi * (epoch - self.warmup_epochs) / self.epochs)) / 2

    def optimizer_of(self, groups: Sequence[dict]) -> torch.optim.Optimizer:
        """An optimizer of parameter groups; the caller sets the learning rate of each epoch.

        A step is one pass over the weights ("fused") where torch can: on a CPU the passes take longer than the sums.
        There torch 2.6 leaves most weights of half precision as they are in such a pass, without an error.
        """
        parameters = [parameter for group in groups for parameter in group["params"]]
        fused = all(
            parameter.device.type == "cuda" or (parameter.device.type == "cpu" and parameter.dtype == torch.float32)
            for parameter in parameters
        )
        if self.optimizer == "adamw":
            return torch.optim.AdamW(groups, self.lr, weight_decay=self.weight_decay, fused=fused)
        return torch.optim.SGD(groups, self.lr, momentum=self.momentum, weight_decay=self.weight_decay, fused=fused)


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
    """Mean cross-entropy with `label_smoothing` of each label shared by the other classes (PointCLIP V1's code).

    torch's `label_smoothing` is shared by all classes, the true one included.

    Args:
        logits: [n, K].
        labels: [n] int64.
    """
    classes = logits.shape[1]
    likelihood = logits.log_softmax(1)  # [n, K]
    true = likelihood.gather(1, labels[:, None])[:, 0]  # [n], of the true class
    others = (likelihood.sum(1) - true) / max(classes - 1, 1)
    return -((1 - label_smoothing) * true + label_smoothing * others).mean()
