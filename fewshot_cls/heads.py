"""Heads: what turns the view features of a shape into logits of its classes, without training."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zeroshot_cls.classifier import view_weighted_logits

VECTORS = ("joined", "pooled")


class ZeroShot(nn.Module):
    """Zero-shot's logits, from which the other heads start.

    Args:
        classes: [K, C], unit features of the classes' sentences.
        weights: [V], of the views.
    """

    def __init__(self, classes: Tensor, weights: Tensor):
        super().__init__()
        self.register_buffer("classes", classes)
        self.register_buffer("weights", weights)

    def forward(self, views: Tensor) -> Tensor:
        """View features [n, V, C] of unit length -> logits [n, K]."""
        return view_weighted_logits(views, self.classes, self.weights)


def shape_vectors(views: Tensor, weights: Tensor, how: str = "joined") -> Tensor:
    """One unit vector a shape: its weighted views joined, [n, V · C], or summed ("pooled"), [n, C].

    Args:
        views: [n, V, C], unit features.
        weights: [V].
    """
    weighted = views * weights.to(views)[:, None]  # [n, V, C]
    return F.normalize(weighted.flatten(1) if how == "joined" else weighted.sum(1), dim=-1)


class Head(nn.Module):
    """Zero-shot's logits plus α times a method's scores of the shape's vector.

    Args:
        zero: zero-shot's head.
        alpha: how much the scores count.
        how: see `shape_vectors`.
    """

    prior = True  # whether zero-shot's logits count at all

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
    """Every support shape votes for its class, the more the nearer it is: exp(−β(1 − x · Xᵀ)) · L (Tip-Adapter).

    Args:
        keys: [m, d], the support's vectors; a parameter, which Tip-Adapter-F trains.
        values: [m, K], its one-hot labels.
        beta: how fast a vote fades.
    """

    def __init__(self, zero: ZeroShot, keys: Tensor, values: Tensor, alpha: float, beta: float, how: str = "joined"):
        super().__init__(zero, alpha, how)
        self.keys, self.beta = nn.Parameter(keys), beta
        self.register_buffer("values", values)

    def scores(self, vectors: Tensor) -> Tensor:
        return rbf(vectors, self.keys, self.beta) @ self.values


class KernelRidge(Head):
    """Kernel ridge regression of what zero-shot leaves (ProKeR, ReHARK): kernel(x, X) · A.

    Args:
        keys: [m, d], the support's vectors.
        coefficients: A, [m, K].
        beta: of the kernel, see `rbf`.
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
        prior: whether zero-shot's logits count; a plain linear probe has none of them.
    """

    def __init__(
        self, zero: ZeroShot, weight: Tensor, bias: Tensor, alpha: float = 1.0, how: str = "joined", prior: bool = True
    ):
        super().__init__(zero, alpha, how)
        self.prior = prior
        self.register_buffer("weight", weight.contiguous())  # as a file gives it back, to the bit
        self.register_buffer("bias", bias)

    def scores(self, vectors: Tensor) -> Tensor:
        return vectors @ self.weight.T + self.bias


def rbf(x: Tensor, keys: Tensor, beta: float) -> Tensor:
    """exp(−β(1 − x · Xᵀ)), for unit vectors the Gaussian kernel exp(−β/2 · ‖x − X‖²): [n, d], [m, d] -> [n, m]."""
    return torch.exp(beta * (x @ keys.T - 1))
