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
    """The true and predicted classes of shapes."""

    names: tuple[str, ...]  # of the K classes
    truth: np.ndarray  # [n] int64, -1 if unknown
    prediction: np.ndarray  # [n] int64

    @cached_property
    def confusion(self) -> csr_array:
        """[K, K] counts of shapes of known class, rows are the truth; sparse."""
        return metrics.confusion_counts(self.truth, self.prediction, len(self.names))

    @property
    def shapes(self) -> int:
        """The number of shapes of known class."""
        return int(self.confusion.sum())

    @property
    def correct_shapes(self) -> int:
        """The number of correctly classified ones."""
        return int(self.confusion.diagonal().sum())

    @property
    def accuracy(self) -> float:
        """In percent."""
        return metrics.accuracy(self.confusion)

    @property
    def accuracy_error(self) -> float:
        """The accuracy's standard error, in percentage points."""
        return metrics.share_error(self.correct_shapes, self.shapes)

    @property
    def class_errors(self) -> dict[str, float]:
        """Class -> the standard error of its accuracy, in percentage points; NaN for classes without shapes."""
        return {name: metrics.share_error(*counts) for name, counts in self.class_counts.items()}

    @property
    def class_accuracy(self) -> np.ndarray:
        """[K] in percent, NaN for classes without shapes."""
        return metrics.class_accuracy(self.confusion)

    @property
    def class_counts(self) -> dict[str, tuple[int, int]]:
        """Class -> (number of correctly classified shapes, number of shapes)."""
        counts = zip(self.confusion.diagonal().tolist(), self.confusion.sum(1).tolist(), strict=True)
        return dict(zip(self.names, counts, strict=True))

    @property
    def mean_class_accuracy(self) -> float:
        """In percent, over classes with shapes."""
        return float(np.nanmean(self.class_accuracy))


def evaluate(truth: np.ndarray, prediction: np.ndarray, names: Sequence[str]) -> Scores:
    """Score predictions [n] against true classes [n] (-1 if unknown); both are indices into `names`.

    Raises:
        InputError: if no class is known.
    """
    if not (truth >= 0).any():
        raise InputError("No shape's class is known, so nothing can be scored; use --input to classify files.")
    return Scores(tuple(names), truth, prediction)
