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
    """

    grid = {"alpha": ALPHAS, "beta": BETAS}  # noqa: RUF012 - a constant

    def __init__(self, zero: ZeroShot, keys: Tensor, values: Tensor, alpha: float, beta: float, how: str = "concat"):
        super().__init__(zero, alpha, how)
        self.keys, self.beta = nn.Parameter(keys), beta
        self.register_buffer("values", values)

    @classmethod
    def fit(
        cls,
        zero: ZeroShot,
        views: Tensor,
        labels: Tensor,
        *,
        alpha: float = 1.0,
        beta: float = 5.5,
        how: str = "concat",
    ) -> "TipAdapter":
        """See `Head.fit`; alpha and beta default to the paper's."""
        values = F.one_hot(labels, len(zero.classes)).to(views)  # [m, K]
        return cls(zero, shape_vectors(views, zero.weights, how), values, alpha, beta, how)

    def scores(self, vectors: Tensor) -> Tensor:
        return rbf(vectors, self.keys, self.beta) @ self.values
