"""The scores of a classified data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from pointclip import metrics
from pointclip.errors import InputError


@dataclass(frozen=True)
class Scores:
    """How shapes were classified, beside their true classes."""

    names: tuple[str, ...]  # of the K classes
    truth: np.ndarray  # [n] int64, -1 where a shape's class is not known
    prediction: np.ndarray  # [n] int64

    @cached_property
    def confusion(self) -> csr_array:
        """[K, K] counts of the shapes of known class, rows are the truth; only what is not 0 takes memory."""
        return metrics.confusion_counts(self.truth, self.prediction, len(self.names))

    @property
    def shapes(self) -> int:
        """How many shapes of known class there are."""
        return int(self.confusion.sum())

    @property
    def right(self) -> int:
        """How many of them are named right."""
        return int(self.confusion.diagonal().sum())

    @property
    def accuracy(self) -> float:
        """In percent."""
        return metrics.accuracy(self.confusion)

    @property
    def class_accuracy(self) -> np.ndarray:
        """[K] in percent, nan for classes without shapes."""
        return metrics.class_accuracy(self.confusion)

    @property
    def class_counts(self) -> dict[str, tuple[int, int]]:
        """Class -> how many of its shapes are named right, and how many it has."""
        counts = zip(self.confusion.diagonal().tolist(), self.confusion.sum(1).tolist(), strict=True)
        return dict(zip(self.names, counts, strict=True))

    @property
    def mean_class_accuracy(self) -> float:
        """In percent, over the classes that have shapes."""
        return float(np.nanmean(self.class_accuracy))


def evaluate(truth: np.ndarray, prediction: np.ndarray, names: Sequence[str]) -> Scores:
    """Score predictions [n] against classes [n], -1 where a class is not known; both are places in `names`.

    Raises:
        InputError: where no class is known.
    """
    if not (truth >= 0).any():
        raise InputError("No shape's class is known, so nothing can be scored; name single files with --input.")
    return Scores(tuple(names), truth, prediction)
