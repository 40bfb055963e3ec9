"""Heads on one vector a shape: zero-shot logits plus α times a method's scores."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_cls.methods.head import Head
from fewshot_cls.methods.zero_shot import ZeroShot
from pointclip.errors import InputError
from pointclip.renamed import current_value

VIEW_FUSIONS = ("concat", "sum")

LINEAR_STRENGTH = 18.0  # see `LinearHead.strength`


class VectorHead(Head):
    """Zero-shot logits plus α times a method's scores.

    Args:
        zero: the zero-shot head.
        alpha: weight of the scores.
        how: see `shape_vectors`.
    """

    zero: ZeroShot
    prior = True  # whether the zero-shot logits are added
    tries: ClassVar[Sequence[Mapping[str, float]]] = ({},)  # that cross-validation compares; it fits α itself
    few: ClassVar[Mapping[str, float]] = {}  # instead of them where there are too few shots
    fixed: ClassVar[Mapping[str, float]] = {}  # with α, where nothing is selected
    by_accuracy = False  # whether cross-validation compares accuracies, and not losses

    def __init__(self, zero: ZeroShot, alpha: float, how: str = "concat"):
        super().__init__()
        self.zero, self.alpha, self.how = zero, alpha, how

    @property
    def numbers(self) -> dict:
        return {name: getattr(self, name) for name in ("alpha", "beta", "how") if hasattr(self, name)}

    @classmethod
    def fit(cls, zero: ZeroShot, views: Tensor, labels: Tensor, *, how: str, **hyperparameters: float) -> "VectorHead":
        raise NotImplementedError

    @classmethod
    def rebuild(cls, tensors: Mapping[str, Tensor], numbers: Mapping) -> "VectorHead":
        zero = ZeroShot(tensors["zero.classes"], tensors["zero.weights"])
        own: dict[str, Any] = {name: tensor for name, tensor in tensors.items() if not name.startswith("zero.")}
        numbers = {name: current_value("VIEW_FUSION", value) for name, value in numbers.items()}
        return cls(zero, **own, **numbers)

    def zero_shot(self, weights: Tensor) -> ZeroShot:
        return self.zero

    @property
    def strength(self) -> float:
        """The weight of the scores in calibrated logits where there are too few shots to fit it.

        For a separation of 1; see `fewshot_cls.cross_validation`.
        """
        raise NotImplementedError

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


class LinearHead(VectorHead):
    """Scores that are linear in the shape's vector.

    Args:
        weight: [K, d].
        bias: [K].
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, zero: ZeroShot, weight: Tensor, bias: Tensor, alpha: float = 1.0, how: str = "concat"):
        super().__init__(zero, alpha, how)
        self.register_buffer("weight", weight.contiguous())  # so that a head read from a file is bit-identical
        self.register_buffer("bias", bias)

    @property
    def strength(self) -> float:
        """Such that the classes' weights have the same distances from their mean for all methods."""
        return LINEAR_STRENGTH / (self.weight - self.weight.mean(0)).norm(dim=1).mean().item()

    def scores(self, vectors: Tensor) -> Tensor:
        return vectors @ self.weight.T + self.bias


def shape_vectors(views: Tensor, weights: Tensor, how: str = "concat") -> Tensor:
    """One unit vector per shape: its weighted views concatenated ("concat"), [n, V · C], or summed ("sum"), [n, C].

    Args:
        views: [n, V, C], unit features.
        weights: [V].

    Raises:
        InputError: for another `how`.
    """
    if how not in VIEW_FUSIONS:
        raise InputError(f"The views are fused by {how!r}; expected {' or '.join(VIEW_FUSIONS)}.")
    weighted = views * weights.to(views)[:, None]  # [n, V, C]
    return F.normalize(weighted.flatten(1) if how == "concat" else weighted.sum(1), dim=-1)


def rbf(x: Tensor, keys: Tensor, beta: float) -> Tensor:
    """exp(−β(1 − x · Xᵀ)), for unit vectors the Gaussian kernel exp(−β/2 · ‖x − X‖²): [n, d], [m, d] -> [n, m]."""
    return torch.exp(beta * (x @ keys.T - 1))
