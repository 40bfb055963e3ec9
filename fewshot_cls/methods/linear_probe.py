"""Logistic regression on the features alone: the plain baseline."""

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from fewshot_cls.methods.vector_head import LinearHead, shape_vectors
from fewshot_cls.methods.zero_shot import ZeroShot


class LinearProbe(LinearHead):
    """A linear head to which the zero-shot logits are not added."""

    grid = {"C": (0.3, 3, 30, 300)}  # noqa: RUF012 - a constant
    prior = False

    @classmethod
    def fit(
        cls,
        zero: ZeroShot,
        views: Tensor,
        labels: Tensor,
        *,
        C: float = 30.0,
        how: str = "concat",
        max_iter: int = 1000,
    ) -> "LinearProbe":
        """See `Head.fit`; `C`, the inverse of the penalty's weight, and `max_iter` are scikit-learn's.

        The CLIP paper's linear probes use 0.3 or so on features about ten times as long.
        """
        x = shape_vectors(views, zero.weights, how).double().cpu().numpy()
        probe = LogisticRegression(C=C, max_iter=max_iter)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # predictions are stable long before 1,000 iterations
            probe.fit(x, labels.cpu().numpy())
        weight, bias = probe.coef_, probe.intercept_  # [K, d], [K]; with two classes [1, d], [1] of the second
        if len(zero.classes) == 2:
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        weight, bias = (torch.from_numpy(part).to(views) for part in (weight, bias))
        return cls(zero, weight, bias, 1.0, how)
