"""Scores of few-shot logits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from zeroshot_cls import scores as zeroshot_scores


@dataclass(frozen=True)
class Scores(zeroshot_scores.Scores):
    """Scores with every class's probability."""

    probabilities: np.ndarray = field(kw_only=True)  # [n, K]

    @property
    def correct(self) -> np.ndarray:
        """Whether each prediction is correct, [n] bool; never if the class is unknown."""
        return self.prediction == self.truth

    def answered(self, threshold: float) -> dict[str, Any]:
        """The share of shapes of known class whose probability reaches `threshold`, and their accuracy, in percent."""
        known = self.truth >= 0
        kept = known & (self.probabilities.max(1) >= threshold)
        accuracy = 100 * float(self.correct[kept].mean()) if kept.any() else None
        return {"threshold": threshold, "answered": 100 * kept.sum() / known.sum(), "answered_accuracy": accuracy}

    def base_to_new(self, learned: Sequence[int]) -> dict[str, float] | None:
        """Accuracy in percent of shapes of learned ("base") and of new classes, and their harmonic mean.

        None where one of the two has no shapes. `learned` are the columns of the learned classes.
        """
        known = self.truth >= 0
        base = np.isin(self.truth, list(learned))
        if not base.any() or not (known & ~base).any():
            return None
        first, second = (100 * float(self.correct[mask].mean()) for mask in (base, known & ~base))
        together = 2 * first * second / (first + second) if first + second else 0.0
        return {"base_accuracy": first, "new_accuracy": second, "harmonic_mean": together}


def evaluate(logits: Tensor, labels: Tensor, names: Sequence[str]) -> Scores:
    """Score logits [n, K] against labels [n], -1 if unknown.

    Raises:
        InputError: if no label is known.
    """
    probabilities = logits.softmax(1).numpy()
    scores = zeroshot_scores.evaluate(labels.numpy(), probabilities.argmax(1), names)
    return Scores(scores.names, scores.truth, scores.prediction, probabilities=probabilities)
