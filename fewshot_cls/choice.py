"""The choice of a training-free head's numbers by the labels of other shapes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_cls.heads import Head, ZeroShot
from fewshot_cls.training_free import gaussian_discriminant, kernel_ridge, linear_probe, tip_adapter

ALPHAS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
BETAS = (1, 3, 5.5, 10, 30, 100, 300)

CLOSED_FORMS: dict[str, Callable[..., Head]] = {
    "tip_adapter": tip_adapter,
    "gaussian_discriminant": gaussian_discriminant,
    "kernel_ridge": kernel_ridge,
    "linear_probe": linear_probe,
}
GRIDS: dict[str, dict[str, Sequence[float]]] = {
    "tip_adapter": {"beta": BETAS, "alpha": ALPHAS},
    "gaussian_discriminant": {"alpha": ALPHAS},
    "kernel_ridge": {"beta": BETAS, "ridge": (0.001, 0.01, 0.1, 1, 10), "alpha": ALPHAS},
    "linear_probe": {"penalty": (0.3, 3, 30, 300)},
}


@dataclass(frozen=True)
class Choice:
    """The best of a grid."""

    numbers: dict[str, float]
    accuracy: float  # on the shapes that chose, in percent
    tried: int


@torch.no_grad()
def choose(
    method: str,
    zero: ZeroShot,
    support: tuple[Tensor, Tensor],
    judged: tuple[Tensor, Tensor],
    how: str = "joined",
    grid: Mapping[str, Sequence[float]] | None = None,
) -> Choice:
    """Try every combination of a grid and keep the one of best accuracy, of equal ones that of lowest loss.

    Args:
        method: of `CLOSED_FORMS`.
        zero: zero-shot's head.
        support: unit view features [m, V, C] and labels [m] of the shapes to learn from.
        judged: those of the shapes that choose.
        how: see `shape_vectors`.
        grid: for each number its values; the method's own by default.
    """
    grid = dict(GRIDS[method] if grid is None else grid)
    alphas = grid.pop("alpha", None)
    views, labels = judged
    prior, best, tried = zero(views), None, 0
    for values in product(*grid.values()):
        numbers = dict(zip(grid, values, strict=True))
        head = CLOSED_FORMS[method](zero, *support, how=how, **numbers)
        scores = head.scores(head.vectors(views))  # [n, K]
        for alpha in alphas or [1.0]:
            logits = prior * head.prior + alpha * scores
            accuracy = 100 * (logits.argmax(1) == labels).double().mean().item()
            rank = accuracy, -F.cross_entropy(logits, labels).item()
            tried += 1
            if best is None or rank > best[0]:
                best = rank, {**numbers, "alpha": alpha} if alphas else numbers
    return Choice(best[1], best[0][0], tried)
