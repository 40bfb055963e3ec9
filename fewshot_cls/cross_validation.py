"""Selection of a closed-form head's numbers on its own shots: hyperparameters, α, and a temperature.

The shots are split into folds, each with the same number of shots of every class. A fold is scored by a head that was
fitted on the others, and logits a · zero-shot + b · scores are fitted to the labels, in two numbers by maximum a
posteriori: then α = b / a, and 1 / a is the temperature with which the head's probabilities are calibrated. Zero-shot's
weight a needs no folds, since zero-shot has not seen the shots: it is fitted from one shot a class on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from torch import Tensor

from fewshot_cls.methods.vector_head import VectorHead, shape_vectors
from fewshot_cls.methods.zero_shot import ZeroShot
from zeroshot_cls.calibration import calibration_error

MIN_SHOTS = 4  # of the smallest class, below which a shot is missed too much where it is left out
MAX_FOLDS = 5
ZERO_PRIOR = (log(0.03), 1.5)  # mean and deviation of log a; CLIP's 100 is too sure by far on depth maps
SCORE_PRIOR = (0.0, 1.0)  # of log b · (the spread of the scores over the classes)


@dataclass(frozen=True)
class Selected:
    """The numbers of a head, selected on its shots."""

    hyperparameters: dict[str, float]  # with α
    temperature: float  # by which the head's logits are divided for calibrated probabilities
    folds: int  # 0 where the shots were too few
    accuracy: float | None = None  # of the left-out shots, in percent
    errors: tuple[float, float] | None = None  # their expected calibration error in percent, at temperature 1 and after
    tried: int = 1

    @property
    def report(self) -> dict[str, float]:
        """What a run reports of the selection."""
        chosen = self.hyperparameters | {"temperature": self.temperature}
        if self.errors is None or self.accuracy is None:
            return chosen
        before, after = self.errors
        chosen |= {"accuracy_where_chosen": self.accuracy, "folds": self.folds, "tried": self.tried}
        return chosen | {"calibration_error_before": before, "calibration_error_after": after}


@torch.no_grad()
def select(
    kind: type[VectorHead],
    zero: ZeroShot,
    views: Tensor,
    labels: Tensor,
    how: str = "concat",
    objects: Tensor | None = None,
) -> Selected:
    """Select a head's numbers on its support.

    Args:
        kind: the head's class; `tries` are compared from `MIN_SHOTS` shots a class on, `few` is taken below.
        zero: the zero-shot head.
        views: [m, V, C], unit view features of the support.
        labels: [m] int64.
        how: see `fewshot_cls.methods.vector_head.shape_vectors`.
        objects: [m], the same number for rows that show the same object (copies, poses), which stay in one fold; every
            row for itself where None.
    """
    objects = torch.arange(len(labels)) if objects is None else objects
    prior = zero(views).double() if kind.prior else None
    order, smallest = _order(labels, objects)
    if smallest < MIN_SHOTS:
        b = kind.fit(zero, views, labels, how=how, **kind.few).strength * _separation(zero, views, labels, how)
        a = None if prior is None else _fit(prior, None, labels)[0]
        return Selected(*_numbers(kind.few, a, b), folds=0)
    count = min(smallest, MAX_FOLDS)
    best = None
    for hyperparameters in kind.tries:
        scores = _left_out(kind, zero, (views, labels), how, order % count, hyperparameters)
        a, b, loss = _fit(prior, scores, labels)
        a = None if prior is None else a
        logits = b * scores if prior is None else a * prior + b * scores
        accuracy = 100 * (logits.argmax(1) == labels).double().mean().item()
        rank = (accuracy, -loss) if kind.by_accuracy else (-loss,)
        if best is None or rank > best[0]:
            best = rank, hyperparameters, a, b, logits, accuracy
    assert best is not None, f"{kind.__name__} has nothing to try"
    _, hyperparameters, a, b, logits, accuracy = best
    numbers, temperature = _numbers(hyperparameters, a, b)
    before, after = (calibration_error(each.softmax(1), labels) for each in (logits * temperature, logits))
    return Selected(numbers, temperature, count, accuracy, (before, after), len(kind.tries))


@torch.no_grad()
def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature of logits [m, K] on CLIP's scale, by maximum a posteriori on labels [m]."""
    return 1 / _fit(logits.double().cpu(), None, labels.cpu())[0]


def _numbers(hyperparameters: Mapping[str, float], a: float | None, b: float) -> tuple[dict[str, float], float]:
    """Hyperparameters with α, and the temperature: (zero-shot + α · scores) / temperature = a · zero-shot + b · scores.

    `a` is None for a head to which zero-shot is not added; its α is 1.
    """
    return ({**hyperparameters, "alpha": 1.0}, 1 / b) if a is None else ({**hyperparameters, "alpha": b / a}, 1 / a)


def _separation(zero: ZeroShot, views: Tensor, labels: Tensor, how: str) -> float:
    """How far shots of different classes lie apart, as 1 − their mean cosine; at least 0.05."""
    x = shape_vectors(views, zero.weights, how)  # [m, d]
    others = labels[:, None] != labels
    return max(0.05, 1 - (x @ x.T)[others].mean().item()) if others.any() else 1.0


def _order(labels: Tensor, objects: Tensor) -> tuple[Tensor, int]:
    """Each row's object, numbered from 0 within its class, [m]; and the number of objects of the smallest class."""
    order, sizes = torch.empty_like(labels), []
    for label in labels.unique():
        rows = (labels == label).nonzero()[:, 0]
        distinct, order[rows] = objects[rows].unique(return_inverse=True)
        sizes.append(len(distinct))
    return order, min(sizes)


def _left_out(
    kind: type[VectorHead],
    zero: ZeroShot,
    support: tuple[Tensor, Tensor],
    how: str,
    fold_of: Tensor,
    hyperparameters: Mapping[str, float],
) -> Tensor:
    """The scores of every row by a head fitted on the rows of other folds: [m, K] float64."""
    views, labels = support
    scores = torch.empty(len(labels), len(zero.classes), dtype=torch.float64)
    for fold in fold_of.unique():
        out = fold_of == fold
        head = kind.fit(zero, views[~out], labels[~out], how=how, **hyperparameters)
        scores[out] = head.scores(head.vectors(views[out])).double()
    return scores


def _fit(prior: Tensor | None, scores: Tensor | None, labels: Tensor) -> tuple[float, float, float]:
    """a and b of the logits a · prior + b · scores, and their loss with the penalty of the priors.

    Args:
        prior: zero-shot logits [m, K]; None for a head without them.
        scores: [m, K]; None fits a alone.
        labels: [m].
    """
    terms, means, deviations = [], [], []
    if prior is not None:
        terms, means, deviations = [prior], [ZERO_PRIOR[0]], [ZERO_PRIOR[1]]
    if scores is not None:
        spread = scores.std(1).mean().clamp(min=1e-12).item()
        terms.append(scores)
        means.append(SCORE_PRIOR[0] - log(spread))
        deviations.append(SCORE_PRIOR[1])
    stacked, means, deviations = torch.stack(terms), np.array(means), np.array(deviations)  # [terms, m, K]

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        weighted = torch.from_numpy(np.exp(logs))[:, None, None] * stacked
        logits = weighted.sum(0)
        wrong = logits.softmax(1) - F.one_hot(labels, logits.shape[1])
        away = (logs - means) / deviations
        value = F.cross_entropy(logits, labels, reduction="sum").item() + (away**2).sum() / 2
        return value, (wrong * weighted).sum((1, 2)).numpy() + away / deviations

    found = minimize(loss, means, jac=True, method="L-BFGS-B")
    weights = dict(zip(("a", "b") if prior is not None else ("b",), np.exp(found.x).tolist(), strict=False))
    return weights.get("a", 1.0), weights.get("b", 1.0), float(found.fun)
