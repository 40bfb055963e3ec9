"""From runs to the results in a table's cells: our figure, its difference from the published one, and a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pointclip.tables.definition import Cell
from pointclip.tables.runs import Outcome

if TYPE_CHECKING:
    from pointclip.tables.paired import Difference

NOTHING = "—"
SLACK = 1e-9  # percentage points, so that a difference equal to the tolerance agrees despite rounding


@dataclass(frozen=True)
class Result:
    """A cell with the result of its run."""

    cell: Cell
    ours: float | None  # percent
    missing: str = ""  # shown if there is no figure: "not run", "not run yet" or "no figure"
    reason: str = ""  # why there is no figure, a sentence
    notes: tuple[str, ...] = ()  # of the run, for readers
    shapes: int | None = None
    tuned: bool = False  # whether sentences or view weights were chosen on labels of a test split
    folder: str = ""  # of the run's files
    error: float | None = None  # standard error of our figure, percentage points
    above: "Difference | None" = None  # from the row above

    @property
    def difference(self) -> float | None:
        """Ours less the published figure, in percentage points."""
        if self.ours is None or self.cell.published is None:
            return None
        return self.ours - self.cell.published

    def verdict(self, tolerance: float) -> str:
        """ "agrees" or "differs by …" (tolerance in percentage points), the reason for a missing figure, or a dash."""
        if self.ours is None:
            return f"{self.missing}: {self.reason}" if self.reason else self.missing
        if self.difference is None:
            return NOTHING
        return "agrees" if abs(self.difference) <= tolerance + SLACK else f"differs by {signed(self.difference)}"


def signed(value: float | None) -> str:
    """A difference with its sign, "+0.00" if it rounds to zero, or a dash for None."""
    return NOTHING if value is None else f"{round(value, 2) + 0.0:+.2f}"


def judge(cell: Cell, outcome: Outcome | None) -> Result:
    """The cell's result; None for the outcome of a run that has not started."""
    if outcome is None:
        return Result(cell, None, "not run yet")
    if outcome.reason:
        return Result(cell, None, "not run", outcome.reason)
    notes, shapes = tuple(outcome.metrics.get("notes", ())), outcome.metrics.get("shapes")
    ours = figure(outcome.metrics, cell.metric)
    missing, reason = ("", "") if ours is not None else ("no figure", f"The run has no {cell.metric}.")
    tuned = bool(outcome.metrics.get("tuned_on_test_labels"))
    return Result(
        cell, ours, missing, reason, notes, shapes, tuned, str(outcome.folder), error_of(outcome.metrics, cell.metric)
    )


def error_of(metrics: Mapping, path: str) -> float | None:
    """The standard error of an entry of metrics.json; None if there is none."""
    name, *rest = path.split("/")
    return figure(metrics, "/".join([f"{name}_standard_error", *rest]))


def figure(metrics: Mapping, path: str) -> float | None:
    """An entry of metrics.json by its path, such as "category_miou/chair"; None if it does not exist."""
    value: object = metrics
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None
