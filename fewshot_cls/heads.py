"""Heads: modules that turn a shape's view features into class logits."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zeroshot_cls.classifier import view_weighted_logits

VECTORS = ("joined", "pooled")


class ZeroShot(nn.Module):
    """Zero-shot logits, which the other heads add to.

    Args:
        classes: [K, C], unit text features.
        weights: [V], the view weights.
    """

    def __init__(self, classes: Tensor, weights: Tensor):
        super().__init__()
        self.register_buffer("classes", classes)
        self.register_buffer("weights", weights)

    def forward(self, views: Tensor) -> Tensor:
        """View features [n, V, C] of unit length -> logits [n, K]."""
        return view_weighted_logits(views, self.classes, self.weights)


def shape_vectors(views: Tensor, weights: Tensor, how: str = "joined") -> Tensor:
    """One unit vector per shape: its weighted views concatenated ("joined"), [n, V · C], or summed ("pooled"), [n, C].

    Args:
        views: [n, V, C], unit features.
        weights: [V].
    """
    weighted = views * weights.to(views)[:, None]  # [n, V, C]
    return F.normalize(weighted.flatten(1) if how == "joined" else weighted.sum(1), dim=-1)


class Head(nn.Module):
    """Zero-shot logits plus α times a method's scores.

    Args:
        zero: the zero-shot head.
        alpha: weight of the scores.
        how: see `shape_vectors`.
    """

    prior = True  # whether the zero-shot logits are added

    def __init__(self, zero: ZeroShot, alpha: float, how: str = "joined"):
        super().__init__()
        self.zero, self.alpha, self.how = zero, alpha, how

    def vectors(self, views: Tensor) -> Tensor:
        """[n, V, C] -> [n, d]."""
        return shape_vectors(views, self.zero.weights, self.how)

    def scores(self, vectors: Tensor) -> Tensor:
        """[n, d] -> [n, K]."""
        raise NotImplementedError

    def forward(self, views: Tensor) -> Tensor:
        """View features [n, V, C] of unit length -> logits [n, K]."""
        scores = self.alpha * self.scores(self.vectors(views))
        return self.zero(views) + scores if self.prior else scores


class TipAdapter(Head):
    """Support shapes vote for their classes, nearer ones with more weight: exp(−β(1 − x · Xᵀ)) · L (Tip-Adapter).

    Args:
        keys: [m, d], the support vectors; a parameter, which Tip-Adapter-F trains.
        values: [m, K], the support's one-hot labels.
        beta: how fast a vote falls off with distance.
    """

    def __init__(self, zero: ZeroShot, keys: Tensor, values: Tensor, alpha: float, beta: float, how: str = "joined"):
        super().__init__(zero, alpha, how)
        self.keys, self.beta = nn.Parameter(keys), beta
        self.register_buffer("values", values)

    def scores(self, vectors: Tensor) -> Tensor:
        return rbf(vectors, self.keys, self.beta) @ self.values


class KernelRidge(Head):
    """Kernel ridge regression of the zero-shot residual (ProKeR, ReHARK): kernel(x, X) · A.

    Args:
        keys: [m, d], the support vectors.
        coefficients: A, [m, K].
        beta: see `rbf`.
    """

    def __init__(
        self, zero: ZeroShot, keys: Tensor, coefficients: Tensor, alpha: float, beta: float, how: str = "joined"
    ):
        super().__init__(zero, alpha, how)
        self.beta = beta
        self.register_buffer("keys", keys)
        self.register_buffer("coefficients", coefficients)

    def scores(self, vectors: Tensor) -> Tensor:
        return rbf(vectors, self.keys, self.beta) @ self.coefficients


class Linear(Head):
    """Scores that are linear in the shape's vector: Gaussian discriminant analysis, and linear probes.

    Args:
        weight: [K, d].
        bias: [K].
        prior: whether the zero-shot logits are added; a linear probe does without them.
    """

    def __init__(
        self, zero: ZeroShot, weight: Tensor, bias: Tensor, alpha: float = 1.0, how: str = "joined", prior: bool = True
    ):
        super().__init__(zero, alpha, how)
        self.prior = prior
        self.register_buffer("weight", weight.contiguous())  # so that a head read from a file is bit-identical
        self.register_buffer("bias", bias)

    def scores(self, vectors: Tensor) -> Tensor:
        return vectors @ self.weight.T + self.bias


def rbf(x: Tensor, keys: Tensor, beta: float) -> Tensor:
    """exp(−β(1 − x · Xᵀ)), for unit vectors the Gaussian kernel exp(−β/2 · ‖x − X‖²): [n, d], [m, d] -> [n, m]."""
    return torch.exp(beta * (x @ keys.T - 1))
