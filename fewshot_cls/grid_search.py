"""Grid search for a training-free head's hyperparameters, on labelled validation shapes."""

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
class GridResult:
    """The best combination of a grid."""

    hyperparameters: dict[str, float]
    accuracy: float  # on the validation shapes, in percent
    tried: int  # combinations


@torch.no_grad()
def grid_search(
    method: str,
    zero: ZeroShot,
    support: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    how: str = "joined",
    grid: Mapping[str, Sequence[float]] | None = None,
) -> GridResult:
    """Try every combination of a grid and keep the most accurate; ties go to the lower loss.

    Args:
        method: of `CLOSED_FORMS`.
        zero: the zero-shot head.
        support: unit view features [m, V, C] and labels [m] of the shapes to learn from.
        validation: the same of the shapes that combinations are compared on.
        how: see `shape_vectors`.
        grid: hyperparameter -> its values; the method's default where None.
    """
    grid = dict(GRIDS[method] if grid is None else grid)
    alphas = grid.pop("alpha", None)
    views, labels = validation
    prior, best, tried = zero(views), None, 0
    for values in product(*grid.values()):
        hyperparameters = dict(zip(grid, values, strict=True))
        head = CLOSED_FORMS[method](zero, *support, how=how, **hyperparameters)
        scores = head.scores(head.vectors(views))  # [n, K]
        for alpha in alphas or [1.0]:
            logits = prior * head.prior + alpha * scores
            accuracy = 100 * (logits.argmax(1) == labels).double().mean().item()
            rank = accuracy, -F.cross_entropy(logits, labels).item()
            tried += 1
            if best is None or rank > best[0]:
                best = rank, {**hyperparameters, "alpha": alpha} if alphas else hyperparameters
    return GridResult(best[1], best[0][0], tried)
