"""Mean instance IoU of one category for very many sentences or view weights, by linearity.

Point logit = Σ_v w_v · visible_v · read_v: a point has one feature at given weights, whatever the sentences, and one
logit per view and part for given sentences, whatever the weights. IoU needs no labels, only counts of them.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from pointclip.errors import InputError
from pointclip.metrics import IOU_RULES
from pointclip.search.choice import check_labels, check_weights
from pointclip.search.close_calls import count_wins, exact_products, load_kernels, product_bound, rivals

SETS = 512  # sets of weights that a point is labelled by at a time: what that needs stays in a core's own cache


class Segmentation:
    """Shapes of one category with known parts, scored by mean instance IoU in percent.

    A point's part is the first largest logit. Sums are those of float64 over the features or logits as they are given
    (see `pointclip.search.close_calls`). Where an unseen point is to take the part of the nearest seen one, give
    it that one's features and logits. A tensor [n, N, …] counts as a sequence of n shapes; where shapes differ in
    size, give lists. A sequence may also make its items when it is asked for them, to save memory for time: each is
    read once per part and sweep.
    """

    def __init__(
        self,
        truth: Sequence[Tensor],
        views: int,
        point_features: Callable[[Tensor], Sequence[Tensor]] | None = None,
        view_logits: Callable[[Tensor], Sequence[Tensor]] | None = None,
        parts: int | None = None,
        rule: str = "standard",
    ):
        """
        Args:
            truth: for each of n shapes its points' parts [N] from 0; points of unknown part are -1 and do not count.
            views: V, how many weights there are.
            point_features: view weights [V] float64 -> each shape's features [N, C], float16 or float32, of points
                (Σ_v w_v visible_v read_v); needed to search sentences.
            view_logits: sentences [K, C] -> each shape's logits per view and part [N, V, K], 0 where a point is not
                visible; needed to search weights.
            parts: how many parts the IoU is the mean of, if more than have sentences.
            rule: what becomes of a part absent from truth and prediction; see `pointclip.metrics.shape_iou`.

        Raises:
            InputError: for an unknown rule, parts that are no whole numbers, and a shape without a known part.
        """
        if rule not in IOU_RULES:
            raise InputError(f"The IoU rule is {rule!r}; {' or '.join(IOU_RULES)} was expected.")
        if not len(truth):
            raise InputError("No shapes came; give at least one with its points' parts.")
        self.truth = [check_labels(own, f"The parts of shape {i}") for i, own in enumerate(truth)]
        for i, own in enumerate(self.truth):
            if not (own >= 0).any():
                raise InputError(f"Shape {i} has no point whose part is known; leave it out.")
        self.views, self.rule, self.parts = views, rule, parts
        self._point_features, self._view_logits = point_features, view_logits

    def sentence_scorer(self, weights: Tensor, texts: Tensor) -> "PartSentenceScorer":
        """See `pointclip.search.choice.Problem`."""
        if self._point_features is None:
            raise InputError("Sentences cannot be searched without point_features; give that function.")
        features = self._point_features(check_weights(weights, self.views))
        return PartSentenceScorer(features, self.truth, texts, self._count_parts(len(texts)), self.rule)

    def weight_scorer(self, texts: Tensor) -> Callable[[Tensor], np.ndarray]:
        """See `pointclip.search.choice.Problem`."""
        if self._view_logits is None:
            raise InputError("View weights cannot be searched without view_logits; give that function.")
        logits, parts = self._view_logits(texts), self._count_parts(len(texts))
        _check_count(logits, self.truth)
        for i, (own, truth) in enumerate(zip(logits, self.truth, strict=True)):
            if own.shape != (len(truth), self.views, len(texts)) or not bool(own.isfinite().all()):
                raise InputError(
                    f"The view logits of shape {i} came as {list(own.shape)}; finite ones "
                    f"[{len(truth)}, {self.views}, {len(texts)}] were expected."
                )
        # Of parts with equal sentences the first is predicted, so the others need no look.
        distinct = [k for k in range(len(texts)) if not any(torch.equal(texts[k], texts[j]) for j in range(k))]

        def score(sets: Tensor) -> np.ndarray:
            ious = np.zeros(len(sets))
            for own, truth in zip(logits, self.truth, strict=True):
                ious += _weighted_ious(own.cpu().float(), truth, distinct, parts, sets, self.rule)
            return ious / len(self.truth)

        return score

    def _count_parts(self, sentences: int) -> int:
        """How many parts the IoU is the mean of, when so many have sentences."""
        parts = max(sentences, self.parts or 0)
        largest = max(int(own.max()) for own in self.truth)
        if largest >= parts:
            raise InputError(f"A point's part is {largest}, but there are only {parts} parts; give `parts`.")
        return parts


class PartSentenceScorer:
    """One sentence per part at fixed view weights; see `pointclip.search.choice.SentenceScorer`."""

    def __init__(self, features: Sequence[Tensor], truth: Sequence[np.ndarray], texts: Tensor, parts: int, rule: str):
        self.features, self.truth, self.parts, self.rule = features, truth, parts, rule
        _check_count(features, truth)
        texts = texts.float().contiguous().numpy()
        self.logits = [exact_products(self._rows(i, texts.shape[1]), texts) for i in range(len(truth))]  # [N, K] each
        if not all(np.isfinite(own).all() for own in self.logits):
            raise InputError("Some point features are not finite numbers; extract them anew.")

    def scores_with(self, k: int, candidates: Tensor) -> np.ndarray:
        ious = np.zeros(len(candidates))
        for i, truth in enumerate(self.truth):
            rival, index = rivals(self.logits[i], k)
            classes = self.logits[i].shape[1]
            group = np.where(truth < 0, -1, truth * classes + index)  # what a point is, and what it is called without k
            counts = count_wins(self._rows(i), rival, k <= index, group, self.parts * classes, candidates)
            wins = counts.reshape(self.parts, classes, -1)  # [P, K, J], points that are called k instead
            before = np.bincount(group[group >= 0], minlength=self.parts * classes).reshape(self.parts, classes)
            kept = before[:, :, None] - wins
            hit, predicted = kept[np.arange(classes), np.arange(classes)], kept.sum(0)  # [K, J]
            hit[k], predicted[k] = wins[k].sum(0), wins.sum((0, 1))
            ious += mean_ious(hit, predicted, np.bincount(truth[truth >= 0], minlength=self.parts), self.rule)
        return ious / len(self.truth)

    def put(self, k: int, text: Tensor) -> None:
        text = text.float()[None].numpy()
        for i, own in enumerate(self.logits):
            own[:, k] = exact_products(self._rows(i), text)[:, 0]

    def _rows(self, i: int, width: int | None = None) -> np.ndarray:
        """A shape's features [N, C] as float32."""
        rows = self.features[i].detach().cpu()
        if width is not None and rows.shape != (len(self.truth[i]), width):
            raise InputError(
                f"The features of shape {i} came as {list(rows.shape)}; [{len(self.truth[i])}, {width}] was expected."
            )
        if rows.dtype == torch.float16:  # by numpy, since torch would start its threads for a millisecond's work
            return np.ascontiguousarray(rows.numpy().astype(np.float32))
        return rows.float().contiguous().numpy()


def _check_count(given: Sequence[Tensor], truth: Sequence[np.ndarray]) -> None:
    if len(given) != len(truth):
        raise InputError(
            f"Features or logits of {len(given)} shapes came with parts of {len(truth)}; give both of each."
        )


def mean_ious(hit: np.ndarray, predicted: np.ndarray, truth: np.ndarray, rule: str) -> np.ndarray:
    """The IoU of one shape for J predictions, [J] in percent, from counts of points.

    Args:
        hit, predicted: [K, J], points of each part that are called so, and all that are.
        truth: [P], points of each part; parts from K on are never predicted.
        rule: as in `pointclip.metrics.shape_iou`.
    """
    both, either = np.zeros((2, len(truth), hit.shape[1]))
    both[: len(hit)] = hit
    either[: len(hit)] = predicted
    either += truth[:, None] - both
    there = either > 0
    ious = 100 * both / np.maximum(either, 1)
    if rule == "standard":
        return np.where(there, ious, 100.0).sum(0) / len(truth)
    return ious.sum(0) / there.sum(0)


def _weighted_ious(
    logits: Tensor, truth: np.ndarray, distinct: list[int], parts: int, sets: Tensor, rule: str
) -> np.ndarray:
    """The IoU of one shape at each set of weights [G, V], [G] in percent, from its logits [N, V, K]."""
    views, classes = logits.shape[1:]
    own = np.ascontiguousarray(logits[:, :, distinct].transpose(1, 2).numpy())  # [N, K', V]
    column = np.full(parts + 1, parts)  # of each part; the last one of the list stands for unknown parts
    column[distinct], column[parts] = np.arange(len(distinct)), -1
    column_of_truth = column[truth]
    size = np.abs(own).sum(2).max(1).astype(float)  # [N]
    bound = 2 * product_bound(views, size, float(sets.abs().max()))  # two logits make a gap
    predicted, hit = np.zeros((2, classes, len(sets)), np.int64)
    for j in range(0, len(sets), SETS):
        exact = sets[j : j + SETS].contiguous()
        columns = exact.float().T.contiguous().numpy()
        counts = np.zeros((2, len(distinct), len(exact)), np.int32)
        load_kernels().count_labels(own, bound, column_of_truth, columns, exact.numpy(), *counts)
        predicted[distinct, j : j + SETS], hit[distinct, j : j + SETS] = counts
    return mean_ious(hit, predicted, np.bincount(truth[truth >= 0], minlength=parts), rule)
