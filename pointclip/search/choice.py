"""What a search is asked and what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pointclip.errors import InputError

TOLERANCE = 1e-10  # percent; scores that differ by less are the same, summed in another order


class SentenceScorer(Protocol):
    """One sentence per class at fixed view weights, and what another sentence would change."""

    def scores_with(self, k: int, candidates: Tensor) -> np.ndarray:
        """The score with each of the candidates [J, C] in place of class k's sentence: [J] in percent."""

    def put(self, k: int, text: Tensor) -> None:
        """Make the sentence of feature `text` [C] that of class k."""


class Problem(Protocol):
    """Features and labels to choose on: `Classification` or `Segmentation`."""

    views: int

    def sentence_scorer(self, weights: Tensor, texts: Tensor) -> SentenceScorer:
        """Classes by the sentences `texts` [K, C] at view weights [V]."""

    def weight_scorer(self, texts: Tensor) -> Callable[[Tensor], np.ndarray]:
        """A function from sets of view weights [G, V] float64 to scores [G] in percent, for the sentences `texts`."""


@dataclass(frozen=True)
class Step:
    """A score on the way, and what led to it."""

    changed: str  # "start", "sentence", "weights", "view" or "ensemble"
    index: int  # of the class, of the set of weights, of the view; the size of the ensemble; 0 for "start"
    score: float


@dataclass(frozen=True)
class Choice:
    """What a search chose, on the features and labels that it was given."""

    choices: tuple[tuple[int, ...], ...]  # for each class the sentences whose mean it takes; () where none were sought
    weights: tuple[float, ...]  # [V], those sought or else those given
    score: float  # percent: accuracy, or mean instance IoU
    history: tuple[Step, ...]  # the start, if there is one, and every rise
    evaluations: int  # how many sets of sentences or weights were scored


def rises(score: float, best: float) -> bool:
    """Whether a score is larger than the best so far by more than rounding."""
    return score > best + TOLERANCE


def climb(scores: np.ndarray, best: float) -> int | None:
    """Where the last strict rise over the best so far lies, that is the first of the largest; None without any."""
    place = None
    for index, score in enumerate(scores.tolist()):
        if rises(score, best):
            place, best = index, score
    return place


def texts_of(candidates: Sequence[Tensor], choices: Sequence[Sequence[int]]) -> Tensor:
    """The classes' features [K, C]: the chosen sentence's, or the mean of several made unit length again."""
    rows = []
    for own, chosen in zip(candidates, choices, strict=True):
        picked = own[list(chosen)]
        rows.append(picked[0] if len(chosen) == 1 else F.normalize(picked.mean(0), dim=0))
    return torch.stack(rows)


def check_candidates(candidates: Sequence[Tensor]) -> list[Tensor]:
    """The candidates as contiguous float32 on the CPU, one [S, C] per class; an InputError for other shapes."""
    if not len(candidates):
        raise InputError("No candidate sentences came; give a tensor [S, C] of their features for each class.")
    width = candidates[0].shape[-1]
    for k, own in enumerate(candidates):
        if own.ndim != 2 or not len(own) or own.shape[1] != width or not bool(own.isfinite().all()):
            raise InputError(
                f"The candidate sentences of class {k} came as {list(own.shape)}; finite features [S, {width}] with at "
                "least one sentence were expected."
            )
    return [own.detach().cpu().float().contiguous() for own in candidates]


def check_start(start: Sequence[int | Sequence[int]] | None, candidates: Sequence[Tensor]) -> list[tuple[int, ...]]:
    """One tuple of sentence indices per class; the first sentence of each where `start` is None."""
    if start is None:
        return [(0,)] * len(candidates)
    choices = [tuple(own) if isinstance(own, Sequence) else (int(own),) for own in start]
    fits = len(choices) == len(candidates) and all(
        chosen and all(0 <= index < len(own) for index in chosen)
        for chosen, own in zip(choices, candidates, strict=False)
    )
    if not fits:
        raise InputError(
            f"The starting sentences are {list(start)}; an index below the number of candidates was expected for each "
            f"of {len(candidates)} classes."
        )
    return choices


def check_labels(labels: Tensor | np.ndarray, what: str) -> np.ndarray:
    """Labels [n] as int64; an InputError, which calls them `what`, for another shape or other than whole numbers."""
    labels = torch.as_tensor(labels).detach().cpu()
    if labels.ndim != 1 or labels.dtype == torch.bool or labels.is_floating_point() or labels.is_complex():
        raise InputError(f"{what} came as {labels.dtype} {list(labels.shape)}; whole numbers [n] were expected.")
    return labels.numpy().astype(np.int64)


def check_weights(weights: Sequence[float] | Tensor, views: int) -> Tensor:
    """The weights as [V] float64; an InputError for another number of them or one that is not finite."""
    weights = torch.as_tensor(weights, dtype=torch.float64).cpu()
    if weights.shape != (views,) or not bool(weights.isfinite().all()):
        raise InputError(f"The view weights came as {weights.tolist()}; {views} finite numbers were expected.")
    return weights
