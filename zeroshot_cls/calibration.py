"""Calibrated probabilities: a temperature for the logits, fitted on labelled shapes.

CLIP's logits are a hundred times a cosine, and the softmax of PointCLIP V2's is nearly always close to 0 or 1. Dividing
them by a temperature changes no prediction, and can make the probability of a prediction agree with its accuracy (Guo
et al., On Calibration of Modern Neural Networks, ICML 2017).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch.nn.functional as F
import yaml
from scipy.optimize import minimize_scalar
from torch import Tensor
from yacs.config import CfgNode

from pointclip.errors import InputError
from pointclip.prompts import key_of, some_of
from pointclip.utils.files import atomic_path, read_yaml

BINS = 15  # of the calibration error, the usual number
RANGE = (1e-2, 1e3)  # of temperatures
FILE = "calibration.yaml"  # in a run's folder
DEMO = Path(__file__).with_name("demo_calibration.yaml")  # of the bundled encoder


@dataclass(frozen=True)
class Calibration:
    """A temperature, and the data it was fitted on."""

    temperature: float
    data: str  # "synthetic (val)"
    shapes: int
    encoder: str
    error_before: float  # expected calibration error in percent, on those shapes
    error_after: float
    classes: tuple[str, ...] = ()  # the names that it was fitted with; () in older files

    def unseen(self, names: Sequence[str]) -> list[str]:
        """The class names that it never saw."""
        seen = set(map(key_of, self.classes))
        return [name for name in names if key_of(name) not in seen]

    def covers(self, names: Sequence[str], encoder: str) -> bool:
        """Whether probabilities of these classes, with this encoder ("ViT-B-16 (openai), fp32"), are calibrated."""
        return not self.unseen(names) and encoder.startswith(f"{self.encoder}, ")

    def apply(self, logits: Tensor) -> Tensor:
        """Logits whose softmax is calibrated."""
        return logits / self.temperature

    @property
    def words(self) -> str:
        return f"temperature {self.temperature:.3g}, fitted on {self.shapes} shapes of {self.data}"


def fit(logits: Tensor, labels: Tensor, data: str, encoder: str, classes: Sequence[str] = ()) -> Calibration:
    """Fit a temperature by maximum likelihood.

    Args:
        logits: [n, K].
        labels: [n], -1 if unknown; such shapes are ignored.
        data, encoder, classes: their data set, encoder and the K classes' names.

    Raises:
        InputError: if no class is known, or every prediction is correct: then any confidence is too low.
    """
    known = labels >= 0
    if not bool(known.any()):
        raise InputError(f"No shape of {data} has a known class, so nothing can be calibrated; use another split.")
    logits, labels = logits[known].double(), labels[known]
    if bool((logits.argmax(1) == labels).all()):
        raise InputError(
            f"All {len(labels)} shapes of {data} are classified correctly, which determines no temperature; use harder "
            "or more shapes (--search-split, DATASET.MAX_SHAPES)."
        )

    def loss(log_temperature: float) -> float:
        return float(F.cross_entropy(logits / np.exp(log_temperature), labels))

    found = minimize_scalar(loss, bounds=tuple(np.log(RANGE)), method="bounded")
    temperature = float(np.exp(found.x))
    before, after = (calibration_error((logits / t).softmax(1), labels) for t in (1.0, temperature))
    return Calibration(temperature, data, len(labels), encoder, before, after, tuple(classes))


def calibration_error(probabilities: Tensor, labels: Tensor) -> float:
    """The expected calibration error in percent: the difference of confidence and accuracy, over 15 equal bins.

    Args:
        probabilities: [n, K].
        labels: [n].
    """
    from sklearn.calibration import calibration_curve  # imported here since it is slow and often not needed

    confidence, answer = probabilities.max(1)
    correct, confidence = (answer == labels).numpy(), confidence.clamp(0, 1).numpy()
    accuracies, confidences = calibration_curve(correct, confidence, n_bins=BINS)
    edges = np.linspace(0, 1, BINS + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], confidence), minlength=BINS)
    return float(100 * (counts[counts > 0] * np.abs(accuracies - confidences)).sum() / counts.sum())


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write it as YAML, for the setting CALIBRATION."""
    values = asdict(calibration) | {"classes": list(calibration.classes)}
    with atomic_path(path) as temporary:
        temporary.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")


def read_calibration(path: str | Path) -> Calibration:
    """Read a calibration file.

    Raises:
        InputError: for a file that cannot be read or is not a calibration.
    """
    values = read_yaml(path, "CALIBRATION", "give the calibration.yaml that --calibrate wrote")
    kinds: dict[str, Any] = {field.name: field.type for field in fields(Calibration) if field.name != "classes"}
    classes = values.pop("classes", []) if isinstance(values, dict) else []
    if not isinstance(values, dict) or values.keys() != kinds.keys():
        raise InputError(f"CALIBRATION {path} is not a calibration; give the calibration.yaml that --calibrate wrote.")
    for name, kind in kinds.items():
        if not isinstance(values[name], kind) or (kind is float and not np.isfinite(values[name])):
            raise InputError(f"CALIBRATION {path}: {name} is {values[name]!r}; expected {kind.__name__}.")
    if not RANGE[0] <= values["temperature"] <= RANGE[1]:
        raise InputError(f"CALIBRATION {path}: the temperature is {values['temperature']}; expected {RANGE}.")
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise InputError(f"CALIBRATION {path}: classes is {classes!r}; expected a list of names.")
    return Calibration(**values, classes=tuple(classes))


def open_calibration(settings: CfgNode) -> Calibration | None:
    """The calibration of the setting CALIBRATION; "auto" is the bundled one for the bundled encoder, else none."""
    if settings.CALIBRATION == "auto":
        return read_calibration(DEMO) if settings.ENCODER.NAME == "demo" else None
    return None if settings.CALIBRATION == "none" else read_calibration(settings.CALIBRATION)


def note_of(calibration: Calibration | None, names: Sequence[str], encoder: str) -> str:
    """A note for readers of probabilities of the classes `names`."""
    if calibration is None:
        return (
            "Probabilities are uncalibrated and overconfident; --calibrate fits a temperature on a data set's labels, "
            "CALIBRATION uses it."
        )
    if calibration.covers(names, encoder):
        return f"Probabilities are calibrated ({calibration.words}) for shapes similar to those."
    reason = f"with the encoder {calibration.encoder}"
    if unseen := calibration.unseen(names):
        reason = f"without {some_of(unseen)}" if calibration.classes else "with classes that its file does not name"
    return f"Probabilities are not calibrated here: their {calibration.words}, was found {reason}."
