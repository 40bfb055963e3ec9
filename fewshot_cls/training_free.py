"""Closed-form heads from the vectors and labels of a few support shapes.

Everything is solved in float64: float32 is too inexact for sums and inverses over hundreds of nearly parallel vectors.
"""

import warnings

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from fewshot_cls.heads import KernelRidge, Linear, TipAdapter, ZeroShot, rbf, shape_vectors


def tip_adapter(
    zero: ZeroShot, views: Tensor, labels: Tensor, *, alpha: float = 1.0, beta: float = 5.5, how: str = "joined"
) -> TipAdapter:
    """Tip-Adapter (Zhang et al., ECCV 2022): the support is the head.

    Args:
        zero: the zero-shot head, of K classes.
        views: [m, V, C], unit view features of the support.
        labels: [m] int64.
        alpha: weight of the support's votes beside the zero-shot logits.
        beta: see `TipAdapter`; alpha and beta default to the paper's.
        how: see `shape_vectors`.
    """
    values = F.one_hot(labels, len(zero.classes)).to(views)  # [m, K]
    return TipAdapter(zero, shape_vectors(views, zero.weights, how), values, alpha, beta, how)


def kernel_ridge(
    zero: ZeroShot,
    views: Tensor,
    labels: Tensor,
    *,
    alpha: float = 1.0,
    beta: float = 5.5,
    ridge: float = 0.1,
    how: str = "joined",
) -> KernelRidge:
    """A = (G + λI)⁻¹ (L − softmax z(X)), with G the support's kernel matrix (ProKeR, CVPR 2025).

    Args as in `tip_adapter`; `ridge` is λ > 0.
    """
    keys = shape_vectors(views, zero.weights, how)  # [m, d]
    residual = F.one_hot(labels, len(zero.classes)) - zero(views).double().softmax(1)  # [m, K]
    kernel = rbf(keys.double(), keys.double(), beta)  # [m, m]
    kernel += ridge * torch.eye(len(keys), dtype=kernel.dtype, device=kernel.device)
    coefficients = torch.cholesky_solve(residual, torch.linalg.cholesky(kernel))
    return KernelRidge(zero, keys, coefficients.to(views), alpha, beta, how)


def gaussian_discriminant(
    zero: ZeroShot,
    views: Tensor,
    labels: Tensor,
    *,
    alpha: float = 1.0,
    shrinkage: float | None = None,
    how: str = "joined",
) -> Linear:
    """Gaussian classes with a shared covariance: w_k = Σ⁻¹μ_k, b_k = log π_k − ½ μ_kᵀΣ⁻¹μ_k (Wang et al., ICLR 2024).

    Σ is shrunk to (1 − s)Σ + s · tr(Σ)/d · I. With one shape per class there is no scatter within classes; then Σ is
    the covariance of the whole support about its mean.

    Args as in `tip_adapter`; `shrinkage` is s in (0, 1], None for Ledoit and Wolf's. Every class needs a shape.
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
    return Linear(zero, weight.to(views), bias.to(views), alpha, how)


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


def linear_probe(
    zero: ZeroShot, views: Tensor, labels: Tensor, *, penalty: float = 30.0, how: str = "joined", max_iter: int = 1000
) -> Linear:
    """Logistic regression on the vectors alone, the plain baseline; zero-shot logits are not added.

    Args as in `tip_adapter`; `penalty` is scikit-learn's C, the inverse of the penalty's weight. The CLIP paper's
    linear probes use 0.3 or so on features about ten times as long. `max_iter` is scikit-learn's.
    """
    x = shape_vectors(views, zero.weights, how).double().cpu().numpy()
    probe = LogisticRegression(C=penalty, max_iter=max_iter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # predictions are stable long before 1,000 iterations
        probe.fit(x, labels.cpu().numpy())
    weight, bias = probe.coef_, probe.intercept_  # [K, d], [K]; with two classes [1, d], [1] of the second
    if len(zero.classes) == 2:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    weight, bias = (torch.from_numpy(part).to(views) for part in (weight, bias))
    return Linear(zero, weight, bias, 1.0, how, prior=False)
