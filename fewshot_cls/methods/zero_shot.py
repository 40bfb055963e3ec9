"""The zero-shot head, which most others add to; where only the smoothing learns, it is the head."""

from collections.abc import Mapping

from torch import Tensor

from fewshot_cls.methods.head import Head
from zeroshot_cls.classifier import view_weighted_logits


class ZeroShot(Head):
    """Zero-shot logits.

    Args:
        classes: [K, C], unit text features.
        weights: [V], the view weights.
    """

    classes: Tensor
    weights: Tensor

    def __init__(self, classes: Tensor, weights: Tensor):
        super().__init__()
        self.register_buffer("classes", classes)
        self.register_buffer("weights", weights)

    def forward(self, views: Tensor) -> Tensor:
        """View features [n, V, C] of unit length -> logits [n, K]."""
        return view_weighted_logits(views, self.classes, self.weights)

    @classmethod
    def untrained(cls, zero: "ZeroShot", views: Tensor, seed: int, **rest: float) -> "ZeroShot":
        """Itself: it has nothing to train."""
        return zero

    @classmethod
    def rebuild(cls, tensors: Mapping[str, Tensor], numbers: Mapping) -> "ZeroShot":
        return cls(**tensors)

    def zero_shot(self, weights: Tensor) -> "ZeroShot":
        return self
