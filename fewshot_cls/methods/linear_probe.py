"""Logistic regression on the features, beside zero-shot."""

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from fewshot_cls.methods.grids import ALPHAS
from fewshot_cls.methods.vector_head import LinearHead, shape_vectors
from fewshot_cls.methods.zero_shot import ZeroShot


class LinearProbe(LinearHead):
    """A linear head by logistic regression.

    Args:
        prior: whether the zero-shot logits are added; heads of earlier versions, whose files do not say, do without.
    """

    grid = {"alpha": ALPHAS, "C": (0.3, 3, 30, 300)}  # noqa: RUF012 - a constant
    tries = ({"C": 3}, {"C": 30})
    few = {"C": 30}  # noqa: RUF012 - a constant
    fixed = {"alpha": 30.0, "C": 30.0}  # noqa: RUF012 - a constant

    def __init__(self, zero: ZeroShot, weight: Tensor, bias: Tensor, alpha: float, how: str, prior: bool = False):
        super().__init__(zero, weight, bias, alpha, how)
        self.prior = prior

    @property
    def numbers(self) -> dict:
        return super().numbers | {"prior": self.prior}

    @classmethod
    def fit(  # type: ignore[override]  # has its own hyperparameters by name
        cls,
        zero: ZeroShot,
        views: Tensor,
        labels: Tensor,
        *,
        alpha: float = 1.0,
        C: float = 30.0,
        how: str = "concat",
        max_iter: int = 1000,
    ) -> "LinearProbe":
        """See `Head.fit`; `C`, the inverse of the penalty's weight, and `max_iter` are scikit-learn's.

        The CLIP paper's linear probes use 0.3 or so on features about ten times as long.
        """
        x = shape_vectors(views, zero.weights, how).double()  # [m, d]
        _, _, axes = torch.linalg.svd(x, full_matrices=False)  # [m, d]: the solution lies in the span of x
        probe = LogisticRegression(C=C, max_iter=max_iter)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # predictions are stable long before 1,000 iterations
            probe.fit((x @ axes.T).cpu().numpy(), labels.cpu().numpy())
        weight, bias = probe.coef_, probe.intercept_  # [K, d], [K]; with two classes [1, d], [1] of the second
        if len(zero.classes) == 2:
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        weight, bias = (torch.from_numpy(part).to(x) for part in (weight, bias))
        return cls(zero, (weight @ axes).to(views), bias.to(views), alpha, how, prior=True)
