"""PointCLIP's inter-view adapter: a small network on the frozen features of a shape's views."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fewshot_cls.methods.head import Head
from fewshot_cls.methods.zero_shot import ZeroShot

RESIDUAL = 0.6  # weight of the adapted features in the result; the frozen ones get the rest
SCALE = 100  # CLIP's logit scale


class InterViewAdapter(nn.Module):
    """Combines all views into one global feature and feeds it back to each view (PointCLIP V1, section 3.2).

    scale of each view -> batch norm -> dropout -> flatten -> linear to C -> batch norm -> ReLU -> dropout gives the
    global feature; linear to C -> ReLU -> linear to V · C -> ReLU turns it into view features; the result is 0.6 of
    these plus 0.4 of the frozen ones. The constants are the published code's.

    Args:
        views: V.
        width: C.
        scale: initial value of each view's learned scale.
        dropout: probability, in both places; V1 uses 0.075, V2 0.5.
        hidden_dropout: whether there is dropout also between the two layers of the view features (compiled files of
            V2's few-shot).
        seed: of the initial weights, which follow torch's default for linear layers.
    """

    def __init__(
        self,
        views: int,
        width: int,
        scale: float = 0.5,
        dropout: float = 0.075,
        seed: int = 0,
        hidden_dropout: bool = False,
    ):
        super().__init__()
        self.numbers = {"scale": scale, "dropout": dropout}  # that rebuild it; dropout does not matter any more then
        self.hidden_dropout = hidden_dropout
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.view_scale = nn.Parameter(torch.full((views,), scale))
            self.view_norm = nn.BatchNorm1d(width)
            self.gather = nn.Linear(views * width, width)
            self.global_norm = nn.BatchNorm1d(width)
            self.hidden = nn.Linear(width, width)
            self.spread = nn.Linear(width, views * width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Adapted features, not normalised: [n, V, C] as the encoder returns them -> [n, V, C]."""
        scaled = features * self.view_scale[:, None]  # [n, V, C]
        normed = self.view_norm(scaled.flatten(0, 1)).view_as(scaled)  # statistics of a channel are over n · V
        gathered = _weights_first(self.gather, self.dropout(normed).flatten(1))  # [n, C]
        overall = self.dropout(F.relu(self.global_norm(gathered)))  # [n, C], the global feature
        hidden = F.relu(self.hidden(overall))  # [n, C]
        spread = F.relu(
            _weights_first(self.spread, self.dropout(hidden) if self.hidden_dropout else hidden)
        )  # [n, V · C]
        return torch.lerp(features, spread.reshape(features.shape), RESIDUAL)


class AdaptedHead(Head):
    """The inter-view adapter and the classes it scores against."""

    classes: Tensor  # [K, C]

    def __init__(self, adapter: InterViewAdapter, classes: Tensor):
        super().__init__()
        self.adapter = adapter
        self.register_buffer("classes", classes)

    @property
    def numbers(self) -> dict:
        return self.adapter.numbers

    @classmethod
    def untrained(
        cls, zero: ZeroShot, views: Tensor, seed: int, *, scale: float, dropout: float, hidden_dropout: bool = False
    ) -> "AdaptedHead":
        return cls(InterViewAdapter(views.shape[1], views.shape[2], scale, dropout, seed, hidden_dropout), zero.classes)

    @classmethod
    def rebuild(cls, tensors: Mapping[str, Tensor], numbers: Mapping) -> "AdaptedHead":
        views, width = len(tensors["adapter.view_scale"]), tensors["classes"].shape[1]
        head = cls(InterViewAdapter(views, width, **numbers), tensors["classes"])
        head.load_state_dict(tensors)
        return head

    def zero_shot(self, weights: Tensor) -> ZeroShot:
        return ZeroShot(self.classes, weights)

    def forward(self, views: Tensor) -> Tensor:
        """View features [n, V, C] -> logits [n, K]."""
        return joined_logits(self.adapter(views), self.classes)


def _weights_first(layer: nn.Linear, x: Tensor) -> Tensor:
    """`layer(x)` as W · xᵀ: for few shapes and a large W the product, and its gradients, are faster on a CPU."""
    return torch.addmm(layer.bias[:, None], layer.weight, x.T).T


def joined_logits(features: Tensor, classes: Tensor, scale: float = SCALE) -> Tensor:
    """Cosine similarity of a shape's concatenated views and each class's feature, repeated per view, times `scale`.

    For unit features these are `zeroshot_cls.classifier.view_weighted_logits` with equal weights, divided by √V.

    Args:
        features: [n, V, C] of any length; a shape's views are normalised together.
        classes: [K, C], unit features.

    Returns:
        [n, K].
    """
    shapes = F.normalize(features.flatten(1), dim=-1).view_as(features)  # unit over V · C
    scale /= features.shape[1] ** 0.5  # 1/√V: the length of a class's unit feature in each of its repetitions
    return scale * shapes.sum(1) @ F.normalize(classes.to(shapes), dim=-1).T
