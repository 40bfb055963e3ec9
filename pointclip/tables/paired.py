"""How much a figure differs from that of the row above, shape by shape, and how sure that is."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import binomtest, ttest_1samp

from pointclip.tables.verdicts import Result

SCORES = {"accuracy": ("correct", 100.0), "instance_miou": ("iou", 1.0)}  # metric -> column of predictions.csv, factor


@dataclass(frozen=True)
class Difference:
    """The mean of the differences between two runs' scores of the same shapes, in percentage points."""

    mean: float
    error: float  # standard error of the mean
    p: float  # of no difference: McNemar's exact test for right and wrong answers, a paired t-test for IoU
    shapes: int


def paired_difference(scores: np.ndarray, above: np.ndarray) -> Difference:
    """Compare two runs' scores of the same shapes, [n] each, in percent."""
    steps = scores - above
    count = len(steps)
    error = float(steps.std(ddof=1) / count**0.5) if count > 1 else float("nan")
    return Difference(float(steps.mean()), error, _p_value(steps), count)


def _p_value(steps: np.ndarray) -> float:
    changed = steps[steps != 0]
    if not len(changed):
        return 1.0
    if (np.abs(changed) == 100).all():
        return float(binomtest(int((changed > 0).sum()), len(changed)).pvalue)
    return float(ttest_1samp(steps, 0).pvalue) if len(steps) > 1 else float("nan")


def with_differences(results: Sequence[Result]) -> list[Result]:
    """The results with their differences from the row above in the same column, where both have the same shapes."""
    last: dict[str, Result] = {}
    compared = []
    for result in results:
        above = last.get(result.cell.column)
        last[result.cell.column] = result
        difference = compare(result, above) if above else None
        compared.append(replace(result, above=difference))
    return compared


def compare(result: Result, above: Result) -> Difference | None:
    """The difference of two results; None without the same metric, with a score of each shape, on the same shapes."""
    metric = result.cell.metric
    if metric != above.cell.metric or metric not in SCORES or not (result.folder and above.folder):
        return None
    ours, others = (scores_in(Path(each.folder), metric) for each in (result, above))
    if not ours or ours.keys() != others.keys():
        return None
    return paired_difference(*(np.array([scores[name] for name in ours]) for scores in (ours, others)))


def scores_in(folder: Path, metric: str) -> dict[str, float]:
    """The score of each shape in a run's predictions.csv, in percent; {} if there are none."""
    column, factor = SCORES[metric]
    try:
        with open(folder / "predictions.csv", encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.get(column)]
        return {row["shape"]: factor * float(row[column]) for row in rows}
    except (OSError, ValueError, KeyError):
        return {}
