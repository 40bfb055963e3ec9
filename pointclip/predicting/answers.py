"""What a shape is, as an answer of the faces that name shapes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pointclip.datasets.up_axis import UpGuess

SHOWN = 3  # classes in an answer's repr


@dataclass(frozen=True, repr=False)
class ClassAnswer:
    """What a shape is."""

    shape: str  # the file, or "cloud 0"
    classes: tuple[str, ...]  # the K candidates
    shares: np.ndarray  # [K] float32, their probabilities
    calibrated: bool  # whether the probabilities are, for these classes and this encoder; else they are too sure
    up: UpGuess  # the axis that was taken to point up, and why

    @cached_property
    def probabilities(self) -> Mapping[str, float]:
        """The probability of every class in [0, 1], the most probable first."""
        order = np.argsort(-self.shares, kind="stable")
        return {self.classes[k]: float(self.shares[k]) for k in order}

    @property
    def label(self) -> str:
        return next(iter(self.probabilities))

    @property
    def probability(self) -> float:
        """Of the label, in [0, 1]."""
        return self.probabilities[self.label]

    @property
    def remark(self) -> str:
        """What else the repr says."""
        return ""

    def __repr__(self) -> str:
        named = ", ".join(f"{name} {100 * share:.0f} %" for name, share in list(self.probabilities.items())[:SHOWN])
        unsure = "" if self.up.sure else f"{self.up.axis} up is uncertain"
        return f"<{self.shape}: {'; '.join(filter(None, (named, self.remark, unsure)))}>"
