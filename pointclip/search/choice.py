"""The input and output of a search, and checks on its input."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pointclip.errors import InputError

TOLERANCE = 1e-10  # percent; smaller differences are due to the order of summation


class SentenceScorer(Protocol):
    """Scores replacements of a single class's sentence at fixed view weights."""

    def scores_with(self, k: int, candidates: Tensor) -> np.ndarray:
        """The score with each of the candidates [J, C] in place of class k's sentence: [J] in percent."""

    def replace(self, k: int, text: Tensor) -> None:
        """Replace class k's sentence by the one with feature `text` [C]."""


class Problem(Protocol):
    """Features and labels to search on: `Classification` or `Segmentation`."""

    views: int

    def sentence_scorer(self, weights: Tensor, texts: Tensor) -> SentenceScorer:
        """A scorer that starts from the sentences `texts` [K, C], at view weights [V]."""

    def weight_scorer(self, texts: Tensor) -> Callable[[Tensor], np.ndarray]:
        """A function from sets of view weights [G, V] float64 to scores [G] in percent, for fixed sentences [K, C]."""


@dataclass(frozen=True)
class Step:
    """An improvement of the score during a search, and the change that led to it."""

    changed: str  # "start", "sentence", "weights", "view" or "ensemble"
    index: int  # of the class, set of weights or view; the size of the ensemble; 0 for "start"
    score: float


@dataclass(frozen=True)
class Choice:
    """The outcome of a search on given features and labels."""

    choices: tuple[tuple[int, ...], ...]  # per class, indices of the sentences to average; () if weights alone searched
    weights: tuple[float, ...]  # [V], as found, or as given if only sentences were searched
    score: float  # percent: accuracy, or mean instance IoU
    history: tuple[Step, ...]  # the start, if there is one, and every improvement
    evaluations: int  # number of sentences or sets of weights scored


def improves(score: float, best: float) -> bool:
    """Whether a score exceeds the best so far by more than rounding errors."""
    return score > best + TOLERANCE


def find_improvement(scores: np.ndarray, best: float) -> int | None:
    """Index of the first maximum of the scores if it exceeds `best`, else None."""
    best_index = None
    for index, score in enumerate(scores.tolist()):
        if improves(score, best):
            best_index, best = index, score
    return best_index


def texts_of(candidates: Sequence[Tensor], choices: Sequence[Sequence[int]]) -> Tensor:
    """The classes' features [K, C]: that of the chosen sentence, or the normalised mean of several."""
    rows = []
    for sentences, chosen in zip(candidates, choices, strict=True):
        features = sentences[list(chosen)]
        rows.append(features[0] if len(chosen) == 1 else F.normalize(features.mean(0), dim=0))
    return torch.stack(rows)


def check_candidates(candidates: Sequence[Tensor]) -> list[Tensor]:
    """The candidates as contiguous float32 on the CPU, one [S, C] per class; an InputError for other shapes."""
    if not len(candidates):
        raise InputError("There are no candidate sentences; give a tensor [S, C] of their features for each class.")
    width = candidates[0].shape[-1]
    for k, features in enumerate(candidates):
        fits = features.ndim == 2 and len(features) and features.shape[1] == width
        if not fits or not bool(features.isfinite().all()):
            raise InputError(
                f"The candidate sentences of class {k} have shape {list(features.shape)}; expected finite features "
                f"[S, {width}] of at least one sentence."
            )
    return [features.detach().cpu().float().contiguous() for features in candidates]


def check_start(start: Sequence[int | Sequence[int]] | None, candidates: Sequence[Tensor]) -> list[tuple[int, ...]]:
    """One tuple of sentence indices per class; the first sentence of each where `start` is None."""
    if start is None:
        return [(0,)] * len(candidates)
    choices = [tuple(indices) if isinstance(indices, Sequence) else (int(indices),) for indices in start]
    fits = len(choices) == len(candidates) and all(
        chosen and all(0 <= index < len(sentences) for index in chosen)
        for chosen, sentences in zip(choices, candidates, strict=False)
    )
    if not fits:
        raise InputError(
            f"The initial sentences are {list(start)}; expected an index below the number of candidates for each of "
            f"{len(candidates)} classes."
        )
    return choices


def check_labels(labels: Tensor | np.ndarray, name: str) -> np.ndarray:
    """Labels [n] as int64; an InputError, which calls them `name`, for another shape or a type that is not integer."""
    labels = torch.as_tensor(labels).detach().cpu()
    if labels.ndim != 1 or labels.dtype == torch.bool or labels.is_floating_point() or labels.is_complex():
        raise InputError(f"{name} are {labels.dtype} {list(labels.shape)}; expected integers [n].")
    return labels.numpy().astype(np.int64)


def check_weights(weights: Sequence[float] | Tensor, views: int) -> Tensor:
    """The weights as [V] float64; an InputError for a wrong number of weights or one that is not finite."""
    weights = torch.as_tensor(weights, dtype=torch.float64).cpu()
    if weights.shape != (views,) or not bool(weights.isfinite().all()):
        raise InputError(f"The view weights are {weights.tolist()}; expected {views} finite numbers.")
    return weights
