"""The scores of a classified data set."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pointclip import metrics
from pointclip.errors import InputError


@dataclass(frozen=True)
class Scores:
    """How shapes were classified, beside their true classes."""

    names: tuple[str, ...]  # of the K classes
    truth: np.ndarray  # [n] int64, -1 where a shape's class is not known
    probabilities: np.ndarray  # [n, K]
    confusion: np.ndarray  # [K, K] counts of the shapes of known class, rows are the truth

    @property
    def shapes(self) -> int:
        """How many shapes of known class there are."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """In percent."""
        return metrics.accuracy(self.confusion)

    @property
    def class_accuracy(self) -> np.ndarray:
        """[K] in percent, nan for classes without shapes."""
        return metrics.class_accuracy(self.confusion)

    @property
    def mean_class_accuracy(self) -> float:
        """In percent, over the classes that have shapes."""
        return float(np.nanmean(self.class_accuracy))


def evaluate(logits: Tensor, labels: Tensor, names: Sequence[str]) -> Scores:
    """Score logits [n, K] against labels [n], -1 where a class is not known.

    Raises:
        InputError: where no class is known.
    """
    probabilities, truth = logits.softmax(1).numpy(), labels.numpy()
    if not (truth >= 0).any():
        raise InputError("No shape's class is known, so nothing can be scored; name single files with --input.")
    confusion = metrics.confusion_matrix(truth, probabilities.argmax(1), len(names))
    return Scores(tuple(names), truth, probabilities, confusion)
