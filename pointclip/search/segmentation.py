"""Mean instance IoU of one category for very many sentences or view weights, by linearity.

Point logit = Σ_v w_v · visible_v · read_v: a point has one feature at given weights, whatever the sentences, and one
logit per view and part for given sentences, whatever the weights. IoU needs no labels, only counts of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
        fixed: Sequence[Tensor] | None = None,
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
            fixed: for each shape the parts [N] of points that get one part whatever is chosen; -1 for all others.

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
        self.fixed = [None] * len(self.truth)
        if fixed is not None:
            self.fixed = [check_labels(labels, f"The fixed parts of shape {i}") for i, labels in enumerate(fixed)]
        self._point_features, self._view_logits = point_features, view_logits

    def sentence_scorer(self, weights: Tensor, texts: Tensor) -> "PartSentenceScorer":
        """See `pointclip.search.choice.Problem`."""
        if self._point_features is None:
            raise InputError("Sentences cannot be searched without point_features; give that function.")
        features = self._point_features(check_weights(weights, self.views))
        counts = self._points(len(texts))
        return PartSentenceScorer(features, counts, texts, self.rule)

    def weight_scorer(self, texts: Tensor) -> Callable[[Tensor], np.ndarray]:
        """See `pointclip.search.choice.Problem`."""
        if self._view_logits is None:
            raise InputError("View weights cannot be searched without view_logits; give that function.")
        logits, counts = self._view_logits(texts), self._points(len(texts))
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
            for own, points in zip(logits, counts, strict=True):
                ious += _weighted_ious(own.cpu().float(), points, distinct, sets, self.rule)
            return ious / len(self.truth)

        return score

    def _points(self, sentences: int) -> list["Points"]:
        """The points of every shape, when so many parts have sentences."""
        parts = self._count_parts(sentences)
        return [Points.of(truth, fixed, sentences, parts) for truth, fixed in zip(self.truth, self.fixed, strict=True)]

    def _count_parts(self, sentences: int) -> int:
        """How many parts the IoU is the mean of, when so many have sentences."""
        parts = max(sentences, self.parts or 0)
        largest = max(int(own.max()) for own in self.truth)
        if largest >= parts:
            raise InputError(f"A point's part is {largest}, but there are only {parts} parts; give `parts`.")
        return parts


@dataclass(frozen=True)
class Points:
    """What is known of one shape's points before any choice."""

    free: np.ndarray  # [N] the parts of those whose label hangs on the choice; -1 for points that are unknown or fixed
    truth: np.ndarray  # [P] how many points of each part there are
    fixed_hit: np.ndarray  # [K] fixed points of each part that are labelled so
    fixed_predicted: np.ndarray  # [K] all known points that are fixed to it

    @classmethod
    def of(cls, truth: np.ndarray, fixed: np.ndarray | None, sentences: int, parts: int) -> "Points":
        """Of points with true parts [N] and, where there are any, fixed ones [N]."""
        fixed = np.full_like(truth, -1) if fixed is None else fixed
        known = (truth >= 0) & (fixed >= 0)
        return cls(
            free=np.where(fixed >= 0, -1, truth),
            truth=np.bincount(truth[truth >= 0], minlength=parts),
            fixed_hit=np.bincount(fixed[known & (fixed == truth)], minlength=sentences),
            fixed_predicted=np.bincount(fixed[known], minlength=sentences),
        )


class PartSentenceScorer:
    """One sentence per part at fixed view weights; see `pointclip.search.choice.SentenceScorer`."""

    def __init__(self, features: Sequence[Tensor], points: Sequence[Points], texts: Tensor, rule: str):
        self.features, self.points, self.rule = features, points, rule
        _check_count(features, points)
        texts = texts.float().contiguous().numpy()
        self.logits = [exact_products(self._rows(i, texts.shape[1]), texts) for i in range(len(points))]  # [N, K] each
        if not all(np.isfinite(own).all() for own in self.logits):
            raise InputError("Some point features are not finite numbers; extract them anew.")

    def scores_with(self, k: int, candidates: Tensor) -> np.ndarray:
        ious = np.zeros(len(candidates))
        for i, points in enumerate(self.points):
            rival, index = rivals(self.logits[i], k)
            classes, parts = self.logits[i].shape[1], len(points.truth)
            # what a point is, and what it is called without k
            group = np.where(points.free < 0, -1, points.free * classes + index)
            counts = count_wins(self._rows(i), rival, k <= index, group, parts * classes, candidates)
            wins = counts.reshape(parts, classes, -1)  # [P, K, J], points that are called k instead
            before = np.bincount(group[group >= 0], minlength=parts * classes).reshape(parts, classes)
            kept = before[:, :, None] - wins
            hit, predicted = kept[np.arange(classes), np.arange(classes)], kept.sum(0)  # [K, J]
            hit[k], predicted[k] = wins[k].sum(0), wins.sum((0, 1))
            ious += mean_ious(hit, predicted, points, self.rule)
        return ious / len(self.points)

    def put(self, k: int, text: Tensor) -> None:
        text = text.float()[None].numpy()
        for i, own in enumerate(self.logits):
            own[:, k] = exact_products(self._rows(i), text)[:, 0]

    def _rows(self, i: int, width: int | None = None) -> np.ndarray:
        """A shape's features [N, C] as float32."""
        rows = self.features[i].detach().cpu()
        count = len(self.points[i].free)
        if width is not None and rows.shape != (count, width):
            raise InputError(f"The features of shape {i} came as {list(rows.shape)}; [{count}, {width}] was expected.")
        if rows.dtype == torch.float16:  # by numpy, since torch would start its threads for a millisecond's work
            return np.ascontiguousarray(rows.numpy().astype(np.float32))
        return rows.float().contiguous().numpy()


def _check_count(given: Sequence[Tensor], truth: Sequence) -> None:
    if len(given) != len(truth):
        raise InputError(
            f"Features or logits of {len(given)} shapes came with parts of {len(truth)}; give both of each."
        )


def mean_ious(hit: np.ndarray, predicted: np.ndarray, points: Points, rule: str) -> np.ndarray:
    """The IoU of one shape for J predictions, [J] in percent, from counts of points.

    Args:
        hit, predicted: [K, J], free points of each part that are called so, and all that are; parts from K on are never
            predicted.
        rule: as in `pointclip.metrics.shape_iou`.
    """
    truth = points.truth
    both, either = np.zeros((2, len(truth), hit.shape[1]))
    both[: len(hit)] = hit + points.fixed_hit[:, None]
    either[: len(hit)] = predicted + points.fixed_predicted[:, None]
    either += truth[:, None] - both
    there = either > 0
    ious = 100 * both / np.maximum(either, 1)
    if rule == "standard":
        return np.where(there, ious, 100.0).sum(0) / len(truth)
    return ious.sum(0) / there.sum(0)


def _weighted_ious(logits: Tensor, points: Points, distinct: list[int], sets: Tensor, rule: str) -> np.ndarray:
    """The IoU of one shape at each set of weights [G, V], [G] in percent, from its logits [N, V, K]."""
    (views, classes), parts = logits.shape[1:], len(points.truth)
    own = np.ascontiguousarray(logits[:, :, distinct].transpose(1, 2).numpy())  # [N, K', V]
    column = np.full(parts + 1, parts)  # of each part; the last one of the list stands for unknown parts
    column[distinct], column[parts] = np.arange(len(distinct)), -1
    column_of_truth = column[points.free]
    size = np.abs(own).sum(2).max(1).astype(float)  # [N]
    bound = 2 * product_bound(views, size, float(sets.abs().max()))  # two logits make a gap
    predicted, hit = np.zeros((2, classes, len(sets)), np.int64)
    for j in range(0, len(sets), SETS):
        exact = sets[j : j + SETS].contiguous()
        columns = exact.float().T.contiguous().numpy()
        counts = np.zeros((2, len(distinct), len(exact)), np.int32)
        load_kernels().count_labels(own, bound, column_of_truth, columns, exact.numpy(), *counts)
        predicted[distinct, j : j + SETS], hit[distinct, j : j + SETS] = counts
    return mean_ious(hit, predicted, points, rule)
