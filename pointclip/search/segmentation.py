"""Mean instance IoU of one category for many sentences or view weights at once, by linearity.

Point logit = Σ_v w_v · visible_v · read_v: for given weights a point has a single feature whatever the sentences, and
for given sentences one logit per view and part whatever the weights. IoU depends only on counts of labels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pointclip.errors import InputError
from pointclip.metrics import IOU_RULES
from pointclip.search.choice import check_labels, check_weights
from pointclip.search.close_calls import count_wins, exact_products, load_kernels, product_bound, strongest_rivals

SETS_CHUNK = 512  # sets of weights scored at a time, few enough to stay in a core's private cache


class Segmentation:
    """Shapes of one category with part labels, scored by mean instance IoU in percent.

    A point gets the part of its largest logit, the first one if tied. Predictions are those of float64 arithmetic on
    the given features or logits (see `pointclip.search.close_calls`). To give an invisible point the part of the
    nearest visible one, pass that point's features and logits. Sequences over shapes may be tensors [n, N, …], lists
    (for shapes of different sizes) or lazy, trading time for memory: each item is read once per part and sweep.
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
            truth: for each of n shapes, its points' part labels [N] from 0, or -1 for unlabelled points, which are
                ignored.
            views: V, the number of view weights.
            point_features: view weights [V] float64 -> each shape's point features [N, C], float16 or float32
                (Σ_v w_v visible_v read_v); needed to search sentences.
            view_logits: sentences [K, C] -> each shape's logits per view and part [N, V, K], 0 where a point is not
                visible; needed to search weights.
            parts: the number of parts over which IoU is averaged, if some of them have no sentences.
            rule: how to count a part absent from truth and prediction; see `pointclip.metrics.shape_iou`.
            fixed: for each shape, the part [N] of points that are assigned one whatever the logits; -1 for all others.

        Raises:
            InputError: for an unknown rule, labels that are not integers, or a shape without any labelled point.
        """
        if rule not in IOU_RULES:
            raise InputError(f"Unknown IoU rule {rule!r}; expected {' or '.join(IOU_RULES)}.")
        if not len(truth):
            raise InputError("There are no shapes; give at least one with part labels.")
        self.truth = [check_labels(labels, f"The part labels of shape {i}") for i, labels in enumerate(truth)]
        for i, labels in enumerate(self.truth):
            if not (labels >= 0).any():
                raise InputError(f"Shape {i} has no labelled point; leave it out.")
        self.views, self.rule, self.parts = views, rule, parts
        self.fixed: list[np.ndarray | None] = [None] * len(self.truth)
        if fixed is not None:
            self.fixed = [check_labels(labels, f"The fixed parts of shape {i}") for i, labels in enumerate(fixed)]
        self._point_features, self._view_logits = point_features, view_logits

    def sentence_scorer(self, weights: Tensor, texts: Tensor) -> "PartSentenceScorer":
        """See `pointclip.search.choice.Problem`."""
        if self._point_features is None:
            raise InputError("Searching sentences needs point_features; give that function.")
        features = self._point_features(check_weights(weights, self.views))
        return PartSentenceScorer(features, self._count_points(len(texts)), texts, self.rule)

    def weight_scorer(self, texts: Tensor) -> Callable[[Tensor], np.ndarray]:
        """See `pointclip.search.choice.Problem`."""
        if self._view_logits is None:
            raise InputError("Searching view weights needs view_logits; give that function.")
        logits, counts = self._view_logits(texts), self._count_points(len(texts))
        _check_count(logits, self.truth)
        for i, (shape_logits, truth) in enumerate(zip(logits, self.truth, strict=True)):
            expected = (len(truth), self.views, len(texts))
            if shape_logits.shape != expected or not bool(shape_logits.isfinite().all()):
                raise InputError(
                    f"The view logits of shape {i} have shape {list(shape_logits.shape)}; expected finite values of "
                    f"shape {list(expected)}."
                )
        # Of parts with identical sentences the first is always predicted, so the others can be skipped.
        distinct = [k for k in range(len(texts)) if not any(torch.equal(texts[k], texts[j]) for j in range(k))]

        def score(sets: Tensor) -> np.ndarray:
            ious = np.zeros(len(sets))
            for shape_logits, points in zip(logits, counts, strict=True):
                ious += _weighted_ious(shape_logits.cpu().float(), points, distinct, sets, self.rule)
            return ious / len(self.truth)

        return score

    def _count_points(self, sentences: int) -> list["PointCounts"]:
        """The point counts of every shape, given the number of parts with sentences."""
        parts = self._count_parts(sentences)
        return [
            PointCounts.of(truth, fixed, sentences, parts) for truth, fixed in zip(self.truth, self.fixed, strict=True)
        ]

    def _count_parts(self, sentences: int) -> int:
        """The number of parts over which IoU is averaged, given the number of parts with sentences."""
        parts = max(sentences, self.parts or 0)
        largest = max(int(labels.max()) for labels in self.truth)
        if largest >= parts:
            raise InputError(f"A part label is {largest}, but there are only {parts} parts; give `parts`.")
        return parts


@dataclass(frozen=True)
class PointCounts:
    """The part labels of one shape's points, and counts that do not depend on sentences or weights."""

    free: np.ndarray  # [N] part labels; -1 for unlabelled points and points with a fixed prediction
    truth: np.ndarray  # [P] number of points of each part
    fixed_correct: np.ndarray  # [K] points fixed to each part that belong to it
    fixed_predicted: np.ndarray  # [K] labelled points fixed to each part

    @classmethod
    def of(cls, truth: np.ndarray, fixed: np.ndarray | None, sentences: int, parts: int) -> "PointCounts":
        """Counts for part labels [N] and, if any, fixed predictions [N]."""
        fixed = np.full_like(truth, -1) if fixed is None else fixed
        is_fixed = (truth >= 0) & (fixed >= 0)
        return cls(
            free=np.where(fixed >= 0, -1, truth),
            truth=np.bincount(truth[truth >= 0], minlength=parts),
            fixed_correct=np.bincount(fixed[is_fixed & (fixed == truth)], minlength=sentences),
            fixed_predicted=np.bincount(fixed[is_fixed], minlength=sentences),
        )


class PartSentenceScorer:
    """One sentence per part at fixed view weights; see `pointclip.search.choice.SentenceScorer`."""

    def __init__(self, features: Sequence[Tensor], points: Sequence[PointCounts], texts: Tensor, rule: str):
        self.features, self.points, self.rule = features, points, rule
        _check_count(features, points)
        texts = texts.float().contiguous().numpy()
        self.logits = [exact_products(self._rows(i, texts.shape[1]), texts) for i in range(len(points))]  # [N, K] each
        if not all(np.isfinite(logits).all() for logits in self.logits):
            raise InputError("Some point features are not finite; extract them again.")

    def scores_with(self, k: int, candidates: Tensor) -> np.ndarray:
        ious = np.zeros(len(candidates))
        for i, points in enumerate(self.points):
            rival, index = strongest_rivals(self.logits[i], k)
            classes, parts = self.logits[i].shape[1], len(points.truth)
            group = np.where(points.free < 0, -1, points.free * classes + index)  # true part, prediction other than k
            counts = count_wins(self._rows(i), rival, k <= index, group, parts * classes, candidates)
            wins = counts.reshape(parts, classes, -1)  # [P, K, J], points predicted as k instead
            before = np.bincount(group[group >= 0], minlength=parts * classes).reshape(parts, classes)
            remaining = before[:, :, None] - wins
            correct, predicted = remaining[np.arange(classes), np.arange(classes)], remaining.sum(0)  # [K, J]
            correct[k], predicted[k] = wins[k].sum(0), wins.sum((0, 1))
            ious += mean_ious(correct, predicted, points, self.rule)
        return ious / len(self.points)

    def replace(self, k: int, text: Tensor) -> None:
        text = text.float()[None].numpy()
        for i, logits in enumerate(self.logits):
            logits[:, k] = exact_products(self._rows(i), text)[:, 0]

    def _rows(self, i: int, width: int | None = None) -> np.ndarray:
        """A shape's features [N, C] as float32."""
        rows = self.features[i].detach().cpu()
        count = len(self.points[i].free)
        if width is not None and rows.shape != (count, width):
            raise InputError(f"The features of shape {i} have shape {list(rows.shape)}; expected [{count}, {width}].")
        if rows.dtype == torch.float16:  # with numpy, because torch would start threads for a millisecond of work
            return np.ascontiguousarray(rows.numpy().astype(np.float32))
        return rows.float().contiguous().numpy()


def _check_count(values: Sequence[Tensor], shapes: Sequence) -> None:
    if len(values) != len(shapes):
        raise InputError(
            f"There are features or logits of {len(values)} shapes; expected {len(shapes)}, as many as labels."
        )


def mean_ious(correct: np.ndarray, predicted: np.ndarray, points: PointCounts, rule: str) -> np.ndarray:
    """The IoU of one shape for J predictions, [J] in percent, from counts of points.

    Args:
        correct, predicted: [K, J], free points of each part predicted correctly, and all free points predicted as that
            part; parts from K on are never predicted.
        rule: as in `pointclip.metrics.shape_iou`.
    """
    truth = points.truth
    intersection, union = np.zeros((2, len(truth), correct.shape[1]))
    intersection[: len(correct)] = correct + points.fixed_correct[:, None]
    union[: len(correct)] = predicted + points.fixed_predicted[:, None]
    union += truth[:, None] - intersection
    present = union > 0
    ious = 100 * intersection / np.maximum(union, 1)
    if rule == "standard":
        return np.where(present, ious, 100.0).sum(0) / len(truth)
    return ious.sum(0) / present.sum(0)


def _weighted_ious(logits: Tensor, points: PointCounts, distinct: list[int], sets: Tensor, rule: str) -> np.ndarray:
    """The IoU of one shape at each set of weights [G, V], [G] in percent, from its logits [N, V, K]."""
    (views, classes), parts = logits.shape[1:], len(points.truth)
    distinct_logits = np.ascontiguousarray(logits[:, :, distinct].transpose(1, 2).numpy())  # [N, K', V]
    column = np.full(parts + 1, parts)  # of each part; the last entry is for unlabelled points
    column[distinct], column[parts] = np.arange(len(distinct)), -1
    column_of_truth = column[points.free]
    size = np.abs(distinct_logits).sum(2).max(1).astype(float)  # [N]
    bound = 2 * product_bound(views, size, float(sets.abs().max()))  # of the difference of two logits
    predicted, correct = np.zeros((2, classes, len(sets)), np.int64)
    for j in range(0, len(sets), SETS_CHUNK):
        exact = sets[j : j + SETS_CHUNK].contiguous()
        columns = exact.float().T.contiguous().numpy()
        counts = np.zeros((2, len(distinct), len(exact)), np.int32)
        load_kernels().count_labels(distinct_logits, bound, column_of_truth, columns, exact.numpy(), *counts)
        predicted[distinct, j : j + SETS_CHUNK], correct[distinct, j : j + SETS_CHUNK] = counts
    return mean_ious(correct, predicted, points, rule)
