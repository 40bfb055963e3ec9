"""Grid search for a closed-form head's hyperparameters, on labelled validation shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_cls.methods.vector_head import VectorHead
from fewshot_cls.methods.zero_shot import ZeroShot


@dataclass(frozen=True)
class GridResult:
    """The best combination of a grid."""

    hyperparameters: dict[str, float]
    accuracy: float  # on the validation shapes, in percent
    tried: int  # combinations


@torch.no_grad()
def grid_search(
    kind: type[VectorHead],
    zero: ZeroShot,
    support: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    how: str = "concat",
    grid: Mapping[str, Sequence[float]] | None = None,
) -> GridResult:
    """Try every combination of a grid and keep the most accurate; ties go to the lower loss.

    Args:
        kind: the head's class.
        zero: the zero-shot head.
        support: unit view features [m, V, C] and labels [m] of the shapes to learn from.
        validation: the same of the shapes that combinations are compared on.
        how: see `fewshot_cls.methods.vector_head.shape_vectors`.
        grid: hyperparameter -> its values; the head's own where None.
    """
    grid = dict(kind.grid if grid is None else grid)
    alphas = grid.pop("alpha", None)
    views, labels = validation
    prior, tried = zero(views), 0
    best: tuple[tuple[float, float], dict[str, float]] | None = None
    for values in product(*grid.values()):
        hyperparameters: dict[str, Any] = dict(zip(grid, values, strict=True))
        head = kind.fit(zero, *support, how=how, **hyperparameters)
        scores = head.scores(head.vectors(views))  # [n, K]
        for alpha in alphas or [1.0]:
            logits = prior * head.prior + alpha * scores
            accuracy = 100 * (logits.argmax(1) == labels).double().mean().item()
            rank = accuracy, -F.cross_entropy(logits, labels).item()
            tried += 1
            if best is None or rank > best[0]:
                best = rank, {**hyperparameters, "alpha": alpha} if alphas else hyperparameters
    if best is None:
        raise ValueError("The grid is empty; expected at least one value of each hyperparameter.")
    return GridResult(best[1], best[0][0], tried)
