"""Mean instance IoU of one category for many sentences or view weights at once, by linearity.

Point logit = Σ_v w_v · visible_v · read_v: for given weights a point has a single feature whatever the sentences, and
for given sentences one logit per view and part whatever the weights. IoU depends only on counts of labels.
"""

from collections.abc import Callable, Sequence

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
        self._point_features, self._view_logits = point_features, view_logits

    def sentence_scorer(self, weights: Tensor, texts: Tensor) -> "PartSentenceScorer":
        """See `pointclip.search.choice.Problem`."""
        if self._point_features is None:
            raise InputError("Searching sentences needs the function point_features.")
        features = self._point_features(check_weights(weights, self.views))
        return PartSentenceScorer(features, self.truth, texts, self._count_parts(len(texts)), self.rule)

    def weight_scorer(self, texts: Tensor) -> Callable[[Tensor], np.ndarray]:
        """See `pointclip.search.choice.Problem`."""
        if self._view_logits is None:
            raise InputError("Searching view weights needs the function view_logits.")
        logits, parts = self._view_logits(texts), self._count_parts(len(texts))
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
            for shape_logits, truth in zip(logits, self.truth, strict=True):
                ious += _weighted_ious(shape_logits.cpu().float(), truth, distinct, parts, sets, self.rule)
            return ious / len(self.truth)

        return score

    def _count_parts(self, sentences: int) -> int:
        """The number of parts over which IoU is averaged, given the number of parts with sentences."""
        parts = max(sentences, self.parts or 0)
        largest = max(int(labels.max()) for labels in self.truth)
        if largest >= parts:
            raise InputError(f"A part label is {largest}, but there are only {parts} parts; give `parts`.")
        return parts


class PartSentenceScorer:
    """One sentence per part at fixed view weights; see `pointclip.search.choice.SentenceScorer`."""

    def __init__(self, features: Sequence[Tensor], truth: Sequence[np.ndarray], texts: Tensor, parts: int, rule: str):
        self.features, self.truth, self.parts, self.rule = features, truth, parts, rule
        _check_count(features, truth)
        texts = texts.float().contiguous().numpy()
        self.logits = [exact_products(self._rows(i, texts.shape[1]), texts) for i in range(len(truth))]  # [N, K] each
        if not all(np.isfinite(logits).all() for logits in self.logits):
            raise InputError("Some point features are not finite; extract them again.")

    def scores_with(self, k: int, candidates: Tensor) -> np.ndarray:
        ious = np.zeros(len(candidates))
        for i, truth in enumerate(self.truth):
            rival, index = strongest_rivals(self.logits[i], k)
            classes = self.logits[i].shape[1]
            group = np.where(truth < 0, -1, truth * classes + index)  # true part, and the prediction other than k
            counts = count_wins(self._rows(i), rival, k <= index, group, self.parts * classes, candidates)
            wins = counts.reshape(self.parts, classes, -1)  # [P, K, J], points that are predicted as k instead
            before = np.bincount(group[group >= 0], minlength=self.parts * classes).reshape(self.parts, classes)
            remaining = before[:, :, None] - wins
            correct, predicted = remaining[np.arange(classes), np.arange(classes)], remaining.sum(0)  # [K, J]
            correct[k], predicted[k] = wins[k].sum(0), wins.sum((0, 1))
            ious += mean_ious(correct, predicted, np.bincount(truth[truth >= 0], minlength=self.parts), self.rule)
        return ious / len(self.truth)

    def replace(self, k: int, text: Tensor) -> None:
        text = text.float()[None].numpy()
        for i, logits in enumerate(self.logits):
            logits[:, k] = exact_products(self._rows(i), text)[:, 0]

    def _rows(self, i: int, width: int | None = None) -> np.ndarray:
        """A shape's features [N, C] as float32."""
        rows = self.features[i].detach().cpu()
        if width is not None and rows.shape != (len(self.truth[i]), width):
            raise InputError(
                f"The features of shape {i} have shape {list(rows.shape)}; expected [{len(self.truth[i])}, {width}]."
            )
        if rows.dtype == torch.float16:  # with numpy, because torch would start threads for a millisecond of work
            return np.ascontiguousarray(rows.numpy().astype(np.float32))
        return rows.float().contiguous().numpy()


def _check_count(values: Sequence[Tensor], truth: Sequence[np.ndarray]) -> None:
    if len(values) != len(truth):
        raise InputError(f"There are features or logits for {len(values)} shapes, but labels for {len(truth)}.")


def mean_ious(correct: np.ndarray, predicted: np.ndarray, truth: np.ndarray, rule: str) -> np.ndarray:
    """The IoU of one shape for J predictions, [J] in percent, from counts of points.

    Args:
        correct, predicted: [K, J], points of each part predicted correctly, and all points predicted as that part.
        truth: [P], points of each part; parts from K on are never predicted.
        rule: as in `pointclip.metrics.shape_iou`.
    """
    intersection, union = np.zeros((2, len(truth), correct.shape[1]))
    intersection[: len(correct)] = correct
    union[: len(correct)] = predicted
    union += truth[:, None] - intersection
    present = union > 0
    ious = 100 * intersection / np.maximum(union, 1)
    if rule == "standard":
        return np.where(present, ious, 100.0).sum(0) / len(truth)
    return ious.sum(0) / present.sum(0)


def _weighted_ious(
    logits: Tensor, truth: np.ndarray, distinct: list[int], parts: int, sets: Tensor, rule: str
) -> np.ndarray:
    """The IoU of one shape at each set of weights [G, V], [G] in percent, from its logits [N, V, K]."""
    views, classes = logits.shape[1:]
    distinct_logits = np.ascontiguousarray(logits[:, :, distinct].transpose(1, 2).numpy())  # [N, K', V]
    column = np.full(parts + 1, parts)  # of each part; the last entry is for unlabelled points
    column[distinct], column[parts] = np.arange(len(distinct)), -1
    column_of_truth = column[truth]
    size = np.abs(distinct_logits).sum(2).max(1).astype(float)  # [N]
    bound = 2 * product_bound(views, size, float(sets.abs().max()))  # of the difference of two logits
    predicted, correct = np.zeros((2, classes, len(sets)), np.int64)
    for j in range(0, len(sets), SETS_CHUNK):
        exact = sets[j : j + SETS_CHUNK].contiguous()
        columns = exact.float().T.contiguous().numpy()
        counts = np.zeros((2, len(distinct), len(exact)), np.int32)
        load_kernels().count_labels(distinct_logits, bound, column_of_truth, columns, exact.numpy(), *counts)
        predicted[distinct, j : j + SETS_CHUNK], correct[distinct, j : j + SETS_CHUNK] = counts
    return mean_ious(correct, predicted, np.bincount(truth[truth >= 0], minlength=parts), rule)
