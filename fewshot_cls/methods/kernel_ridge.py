"""Kernel ridge regression of the labels, beside zero-shot.

ProKeR (CVPR 2025) and ReHARK regress what zero-shot leaves, one-hot − softmax(zero-shot). On depth maps that softmax is
close to 0 or 1, right or wrong, so the scores would mostly unlearn zero-shot's mistakes; labels do better.

Solved in float64: float32 is too inexact for inverses over hundreds of nearly parallel vectors.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_cls.methods.grids import ALPHAS, BETAS
from fewshot_cls.methods.vector_head import VectorHead, rbf, shape_vectors
from fewshot_cls.methods.zero_shot import ZeroShot


class KernelRidge(VectorHead):
    """Scores kernel(x, X) · A.

    Args:
        keys: [m, d], the support vectors.
        coefficients: A, [m, K].
        beta: see `rbf`.
    """

    keys: Tensor
    coefficients: Tensor
    grid = {"alpha": ALPHAS, "beta": BETAS, "ridge": (0.001, 0.01, 0.1, 1, 10)}  # noqa: RUF012 - a constant

    tries = tuple({"beta": beta, "ridge": ridge} for beta in (1, 5.5, 10) for ridge in (0.1, 1))
    few = {"beta": 5.5, "ridge": 0.1}  # noqa: RUF012 - a constant
    fixed = {"alpha": 1000.0, "beta": 5.5, "ridge": 0.1}  # noqa: RUF012 - a constant
    strength = 34.0

    def __init__(
        self, zero: ZeroShot, keys: Tensor, coefficients: Tensor, alpha: float, beta: float, how: str = "concat"
    ):
        super().__init__(zero, alpha, how)
        self.beta = beta
        self.register_buffer("keys", keys)
        self.register_buffer("coefficients", coefficients.contiguous())  # so that a head from a file is bit-identical

    @classmethod
    def fit(  # type: ignore[override]  # has its own hyperparameters by name
        cls,
        zero: ZeroShot,
        views: Tensor,
        labels: Tensor,
        *,
        alpha: float = 1.0,
        beta: float = 5.5,
        ridge: float = 0.1,
        how: str = "concat",
    ) -> "KernelRidge":
        """A = (G + λI)⁻¹ L, with G the support's kernel matrix; see `Head.fit`. `ridge` is λ > 0."""
        keys = shape_vectors(views, zero.weights, how)  # [m, d]
        one_hot = F.one_hot(labels, len(zero.classes)).double()  # [m, K]
        kernel = rbf(keys.double(), keys.double(), beta)  # [m, m]
        kernel += ridge * torch.eye(len(keys), dtype=kernel.dtype, device=kernel.device)
        coefficients = torch.cholesky_solve(one_hot, torch.linalg.cholesky(kernel))
        return cls(zero, keys, coefficients.to(views), alpha, beta, how)

    def scores(self, vectors: Tensor) -> Tensor:
        return rbf(vectors, self.keys, self.beta) @ self.coefficients
