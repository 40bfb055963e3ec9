"""Accuracy of very many sentences or view weights, by linearity.

logit_k = 100 / √V · Σ_v w_v (f_v · t_k): the pooled feature Σ_v w_v f_v does not depend on the sentences, and f_v · t_k
not on the weights. The factor changes no order and is left out.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pointclip.errors import InputError
from pointclip.search.choice import check_labels, check_weights
from pointclip.search.close_calls import count_wins, exact_products, load_kernels, product_bound, rivals


class Classification:
    """Shapes of known class, scored by accuracy in percent; a prediction is the first largest logit.

    Sums are those of float64 (see `pointclip.search.close_calls`); a run that sums in float32 may name a shape
    differently whose two best logits are within about 1e-6 of each other.
    """

    def __init__(self, features: Tensor, labels: Tensor):
        """
        Args:
            features: [n, V, C] unit features of the views.
            labels: [n] classes from 0.

        Raises:
            InputError: for other shapes, labels that are no whole numbers or below 0, and features that are not finite.
        """
        if features.ndim != 3 or 0 in features.shape or labels.shape != features.shape[:1]:
            raise InputError(
                f"Features came as {list(features.shape)} with labels {list(labels.shape)}; [n, V, C] with [n] was "
                "expected."
            )
        if not bool(features.isfinite().all()):
            raise InputError("Some features are not finite numbers; extract them anew.")
        self.labels = check_labels(labels, "Labels")
        if self.labels.min() < 0:
            raise InputError(f"A label is {self.labels.min()}; leave out shapes whose class is not known.")
        self.features = features.detach().cpu().float()
        self.views = features.shape[1]

    def sentence_scorer(self, weights: Tensor, texts: Tensor) -> "ClassSentenceScorer":
        """See `pointclip.search.choice.Problem`."""
        self._check(texts)
        weights = check_weights(weights, self.views)
        pooled = torch.einsum("nvc,v->nc", self.features.double(), weights)  # [n, C]
        return ClassSentenceScorer(pooled.numpy(), self.labels, texts)

    def weight_scorer(self, texts: Tensor) -> Callable[[Tensor], np.ndarray]:
        """See `pointclip.search.choice.Problem`."""
        self._check(texts)
        rows = self.features.flatten(0, 1).contiguous().numpy()
        logits = exact_products(rows, texts.float().contiguous().numpy()).reshape(-1, self.views, len(texts))
        others = np.arange(len(texts) - 1)[None]
        others = others + (others >= self.labels[:, None])  # [n, K-1], each shape's wrong classes
        own = np.take_along_axis(logits, self.labels[:, None, None], 2)  # [n, V, 1]
        leads = own - np.take_along_axis(logits, others[:, None], 2)
        leads = np.ascontiguousarray(leads.transpose(0, 2, 1))  # [n, K-1, V], over each other class
        ahead = self.labels[:, None] < others  # [n, K-1], whether the true class wins a tie
        return lambda sets: _accuracies(leads, ahead, sets)

    def _check(self, texts: Tensor) -> None:
        if texts.ndim != 2 or texts.shape[1] != self.features.shape[2]:
            raise InputError(
                f"Sentences came as {list(texts.shape)}; unit features [K, {self.features.shape[2]}] were expected."
            )
        if self.labels.max() >= len(texts):
            raise InputError(
                f"A label is {self.labels.max()}, but sentences came for only {len(texts)} classes; give them all."
            )


class ClassSentenceScorer:
    """One sentence per class at fixed view weights; see `pointclip.search.choice.SentenceScorer`."""

    def __init__(self, pooled: np.ndarray, labels: np.ndarray, texts: Tensor):
        self.pooled, self.labels = pooled, labels  # [n, C] float64, [n]
        self.logits = exact_products(pooled, texts.float().contiguous().numpy())  # [n, K] float64

    def scores_with(self, k: int, candidates: Tensor) -> np.ndarray:
        rival, index = rivals(self.logits, k)
        own, other = self.labels == k, self.labels == index
        rows = np.flatnonzero(own != other)  # elsewhere it does not matter whether class k is named
        group = other[rows].astype(np.int64)  # 0: naming class k is right, 1: it is wrong, and would be right without
        first = k <= index[rows]
        gained, lost = count_wins(self.pooled[rows], rival[rows], first, group, 2, candidates)
        return 100 * (other.sum() + gained - lost) / len(self.labels)

    def put(self, k: int, text: Tensor) -> None:
        self.logits[:, k] = exact_products(self.pooled, text.float()[None].numpy())[:, 0]


def _accuracies(leads: np.ndarray, ahead: np.ndarray, sets: Tensor) -> np.ndarray:
    """Accuracy [G] in percent at each set of weights [G, V], from how far the true class leads, view by view.

    leads: [n, K-1, V] float64. A shape is right when all its weighted leads are above 0, or 0 and `ahead` [n, K-1].
    """
    size = np.abs(leads).sum(2).max(1, initial=0)  # [n]
    bound = product_bound(leads.shape[2], size, float(sets.abs().max()))
    right = np.zeros(len(sets), np.int64)
    columns = sets.float().T.contiguous().numpy()
    load_kernels().count_right(leads, ahead, bound, columns, sets.contiguous().numpy(), right)
    return 100 * right / len(leads)
