"""Random view features of a few classes, for tests of learning."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_cls.methods.zero_shot import ZeroShot

CLASSES, VIEWS, WIDTH = 5, 4, 12


def labelled_views(count: int, seed: int = 0, noise: float = 1.5) -> tuple[Tensor, Tensor]:
    """Unit view features [5 · count, 4, 12] around a centre for each class, and labels [5 · count]."""
    centres = torch.randn(CLASSES, VIEWS, WIDTH, generator=torch.Generator().manual_seed(99))
    labels = torch.arange(CLASSES).repeat_interleave(count)
    spread = torch.randn(len(labels), VIEWS, WIDTH, generator=torch.Generator().manual_seed(seed))
    return F.normalize(centres[labels] + noise * spread, dim=-1), labels


def zero_shot() -> ZeroShot:
    """Random text features and uneven view weights."""
    classes = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(5))
    return ZeroShot(F.normalize(classes, dim=-1), torch.tensor([1.0, 0.5, 0.75, 0.25]))
