"""The class whose shots' mean is nearest: the bar for every other method. Knows nothing of zero-shot."""

import torch.nn.functional as F
from torch import Tensor

from fewshot_cls.methods.vector_head import LinearHead, shape_vectors
from fewshot_cls.methods.zero_shot import ZeroShot


class NearestMean(LinearHead):
    """The cosine of a shape's vector and the mean of a class's."""

    fixed = {"alpha": 100.0}  # noqa: RUF012 - a constant
    grid = {"alpha": (100.0,)}  # noqa: RUF012 - a constant; α changes no answer
    prior = False

    @classmethod
    def fit(  # type: ignore[override]  # has its own hyperparameters by name
        cls, zero: ZeroShot, views: Tensor, labels: Tensor, *, alpha: float = 100.0, how: str = "concat"
    ) -> "NearestMean":
        """See `Head.fit`."""
        x = shape_vectors(views, zero.weights, how).double()  # [m, d]
        one_hot = F.one_hot(labels, len(zero.classes)).to(x)  # [m, K]
        weight = F.normalize(one_hot.T @ x, dim=1).to(views)  # [K, d]
        return cls(zero, weight, weight.new_zeros(len(weight)), alpha, how)
