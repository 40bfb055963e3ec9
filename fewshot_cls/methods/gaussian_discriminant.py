"""Gaussian discriminant analysis: classes with a shared covariance (Wang et al., ICLR 2024).

Solved in float64: float32 is too inexact for sums and inverses over hundreds of nearly parallel vectors.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_cls.methods.grids import ALPHAS
from fewshot_cls.methods.vector_head import LinearHead, shape_vectors
from fewshot_cls.methods.zero_shot import ZeroShot


class GaussianDiscriminant(LinearHead):
    """w_k = Σ⁻¹μ_k, b_k = log π_k − ½ μ_kᵀΣ⁻¹μ_k."""

    grid = {"alpha": ALPHAS}  # noqa: RUF012 - a constant
    tries = ({"shrinkage": 0.5}, {"shrinkage": 0.9}, {"shrinkage": 0.97}, {"shrinkage": 1.0})
    few = {"shrinkage": 0.97}  # noqa: RUF012 - a constant
    fixed = {"alpha": 10.0}  # noqa: RUF012 - a constant

    @classmethod
    def fit(  # type: ignore[override]  # has its own hyperparameters by name
        cls,
        zero: ZeroShot,
        views: Tensor,
        labels: Tensor,
        *,
        alpha: float = 1.0,
        shrinkage: float | None = None,
        how: str = "concat",
    ) -> "GaussianDiscriminant":
        """Σ is shrunk to (1 − s)Σ + s · tr(Σ)/d · I; see `Head.fit`. Every class needs a shape.

        With one shape per class there is no scatter within classes; then Σ is the covariance of the whole support about
        its mean. `shrinkage` is s in (0, 1], None for Ledoit and Wolf's.
        """
        x = shape_vectors(views, zero.weights, how).double()  # [m, d]
        one_hot = F.one_hot(labels, len(zero.classes)).to(x)  # [m, K]
        count = one_hot.sum(0)  # [K]
        means = one_hot.T @ x / count[:, None]  # [K, d]
        scatter = x - (means[labels] if len(x) > len(means) else x.mean(0))  # [m, d]
        if shrinkage is None:
            shrinkage = ledoit_wolf(scatter)
        weight = solve_shrunk(scatter, shrinkage, means.T).T  # [K, d]
        bias = (count / len(x)).log() - (weight * means).sum(1) / 2  # [K]
        return cls(zero, weight.to(views), bias.to(views), alpha, how)


def ledoit_wolf(scatter: Tensor) -> float:
    """The shrinkage s of Ledoit and Wolf (2004) for centred vectors [m, d], in [0, 1].

    As scikit-learn's `ledoit_wolf_shrinkage`, but from the Gram matrix: a [d, d] with d = 5,120 takes seconds.
    """
    m, d = scatter.shape
    small = scatter @ scatter.T if m < d else scatter.T @ scatter
    mean = scatter.square().sum() / m / d  # of Σ's diagonal
    norm = small.square().sum() / m**2  # of Σ, squared
    error = (scatter.square().sum(1).square().sum() / m - norm) / m  # how far Σ is from the true one, squared
    distance = norm - d * mean**2  # of Σ from mean · I, squared
    return float((error / distance).clamp(0, 1)) if distance > 0 else 1.0


def solve_shrunk(scatter: Tensor, shrinkage: float, right: Tensor) -> Tensor:
    """((1 − s)Σ + s · tr(Σ)/d · I)⁻¹ · right with Σ = scatterᵀ · scatter / m: [m, d], [d, k] -> [d, k].

    With fewer vectors than dimensions it solves an [m, m] system (Woodbury) and never forms [d, d].
    """
    m, d = scatter.shape
    spread = scatter.square().sum() / m  # tr(Σ)
    ridge = shrinkage * spread / d
    factor = (1 - shrinkage) / m
    small, rest = (m, scatter @ scatter.T) if m < d else (d, scatter.T @ scatter)  # [m, m] or [d, d]
    matrix = factor * rest + ridge * torch.eye(small).to(rest)
    if m < d:
        inner = torch.linalg.solve(matrix, factor * (scatter @ right))  # [m, k]
        return (right - scatter.T @ inner) / ridge
    return torch.linalg.solve(matrix, right)
