"""Accuracy for many sentences or view weights at once, by linearity.

logit_k = 100 / √V · Σ_v w_v (f_v · t_k): the pooled feature Σ_v w_v f_v does not depend on the sentences, nor f_v · t_k
on the weights. The constant factor does not affect the ranking and is omitted.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pointclip.errors import InputError
from pointclip.search.choice import check_labels, check_weights
from pointclip.search.close_calls import count_wins, exact_products, load_kernels, product_bound, strongest_rivals


class Classification:
    """Shapes with class labels, scored by accuracy in percent; ties between logits go to the first class.

    Predictions are those of float64 arithmetic (see `pointclip.search.close_calls`); float32 arithmetic may classify
    differently a shape whose two largest logits differ by less than about 1e-6.
    """

    def __init__(self, features: Tensor, labels: Tensor):
        """
        Args:
            features: [n, V, C] unit features of the views.
            labels: [n] class indices from 0.

        Raises:
            InputError: for other shapes, labels that are negative or not integers, and features that are not finite.
        """
        if features.ndim != 3 or 0 in features.shape or labels.shape != features.shape[:1]:
            raise InputError(
                f"Features have shape {list(features.shape)} and labels {list(labels.shape)}; expected [n, V, C] and "
                "[n]."
            )
        if not bool(features.isfinite().all()):
            raise InputError("Some features are not finite; extract them again.")
        self.labels = check_labels(labels, "Labels")
        if self.labels.min() < 0:
            raise InputError(f"A label is {self.labels.min()}; leave out shapes of unknown class.")
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
        true_logits = np.take_along_axis(logits, self.labels[:, None, None], 2)  # [n, V, 1]
        margins = true_logits - np.take_along_axis(logits, others[:, None], 2)
        margins = np.ascontiguousarray(margins.transpose(0, 2, 1))  # [n, K-1, V], over each wrong class
        wins_ties = self.labels[:, None] < others  # [n, K-1]
        return lambda sets: _accuracies(margins, wins_ties, sets)

    def _check(self, texts: Tensor) -> None:
        if texts.ndim != 2 or texts.shape[1] != self.features.shape[2]:
            raise InputError(
                f"Sentences have shape {list(texts.shape)}; expected unit features [K, {self.features.shape[2]}]."
            )
        if self.labels.max() >= len(texts):
            raise InputError(
                f"A label is {self.labels.max()}, but there are sentences for only {len(texts)} classes; give them all."
            )


class ClassSentenceScorer:
    """One sentence per class at fixed view weights; see `pointclip.search.choice.SentenceScorer`."""

    def __init__(self, pooled: np.ndarray, labels: np.ndarray, texts: Tensor):
        self.pooled, self.labels = pooled, labels  # [n, C] float64, [n]
        self.logits = exact_products(pooled, texts.float().contiguous().numpy())  # [n, K] float64

    def scores_with(self, k: int, candidates: Tensor) -> np.ndarray:
        rival, index = strongest_rivals(self.logits, k)
        is_k, is_rival = self.labels == k, self.labels == index
        rows = np.flatnonzero(is_k != is_rival)  # the prediction is right either way, or wrong either way, elsewhere
        group = is_rival[rows].astype(np.int64)  # 0: predicting class k is right, 1: its rival would be right
        wins_ties = k <= index[rows]
        gained, lost = count_wins(self.pooled[rows], rival[rows], wins_ties, group, 2, candidates)
        return 100 * (is_rival.sum() + gained - lost) / len(self.labels)

    def replace(self, k: int, text: Tensor) -> None:
        self.logits[:, k] = exact_products(self.pooled, text.float()[None].numpy())[:, 0]


def _accuracies(margins: np.ndarray, wins_ties: np.ndarray, sets: Tensor) -> np.ndarray:
    """Accuracy [G] in percent at each set of weights [G, V], from the true class's margins in each view.

    margins: [n, K-1, V] float64. A shape is correct if all its weighted margins are positive, or 0 where `wins_ties`
    [n, K-1].
    """
    size = np.abs(margins).sum(2).max(1, initial=0)  # [n]
    bound = product_bound(margins.shape[2], size, float(sets.abs().max()))
    correct = np.zeros(len(sets), np.int64)
    columns = sets.float().T.contiguous().numpy()
    load_kernels().count_correct(margins, wins_ties, bound, columns, sets.contiguous().numpy(), correct)
    return 100 * correct / len(margins)
