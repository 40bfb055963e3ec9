"""Tip-Adapter (Zhang et al., ECCV 2022): the support is the head."""

import torch.nn.functional as F
from torch import Tensor, nn

from fewshot_cls.methods.grids import ALPHAS, BETAS
from fewshot_cls.methods.vector_head import VectorHead, rbf, shape_vectors
from fewshot_cls.methods.zero_shot import ZeroShot


class TipAdapter(VectorHead):
    """Support shapes vote for their classes, nearer ones with more weight: exp(−β(1 − x · Xᵀ)) · L.

    Args:
        keys: [m, d], the support vectors; a parameter, which Tip-Adapter-F trains.
        values: [m, K], the support's one-hot labels.
        beta: how fast a vote falls off with distance.
        centre: [d], subtracted from a shape's vector, which is then made unit again, before it is compared with the
            keys; None leaves it as it is, as published.
    """

    keys: Tensor
    values: Tensor
    centre: Tensor | None
    grid = {"alpha": ALPHAS, "beta": BETAS}  # noqa: RUF012 - a constant

    tries = tuple({"beta": beta, "centred": True} for beta in (3, 5.5, 10))
    few = {"beta": 5.5}  # noqa: RUF012 - a constant
    fixed = {"alpha": 1000.0, "beta": 5.5}  # noqa: RUF012 - a constant
    by_accuracy = True  # votes that few shapes decide name well, but are sure of it by chance
    strength = 36.0

    def __init__(
        self,
        zero: ZeroShot,
        keys: Tensor,
        values: Tensor,
        alpha: float,
        beta: float,
        how: str = "concat",
        centre: Tensor | None = None,
    ):
        super().__init__(zero, alpha, how)
        self.keys, self.beta = nn.Parameter(keys), beta
        self.register_buffer("centre", centre)
        self.register_buffer("values", values)

    @classmethod
    def fit(  # type: ignore[override]  # has its own hyperparameters by name
        cls,
        zero: ZeroShot,
        views: Tensor,
        labels: Tensor,
        *,
        alpha: float = 1.0,
        beta: float = 5.5,
        centred: bool = False,
        how: str = "concat",
    ) -> "TipAdapter":
        """See `Head.fit`; the defaults are the paper's. `centred` subtracts the support's mean from all vectors."""
        values = F.one_hot(labels, len(zero.classes)).to(views)  # [m, K]
        keys = shape_vectors(views, zero.weights, how)
        centre = keys.mean(0) if centred else None
        return cls(zero, _compared(keys, centre), values, alpha, beta, how, centre)

    def scores(self, vectors: Tensor) -> Tensor:
        return rbf(_compared(vectors, self.centre), self.keys, self.beta) @ self.values


def _compared(vectors: Tensor, centre: Tensor | None) -> Tensor:
    return vectors if centre is None else F.normalize(vectors - centre, dim=-1)
