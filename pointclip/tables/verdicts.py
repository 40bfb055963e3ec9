"""From runs to what stands in a table's cells: our figure, its difference from the published one, and a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass

from pointclip.tables.definition import Cell
from pointclip.tables.runs import Outcome

NOTHING = "—"
SLACK = 1e-9  # percentage points; a difference of the tolerance itself agrees, whatever its last bit


@dataclass(frozen=True)
class Result:
    """A cell with what its run gave."""

    cell: Cell
    ours: float | None  # percent
    missing: str = ""  # what stands where there is no figure: "not run", "not run yet" or "no figure"
    reason: str = ""  # why there is none, a sentence
    notes: tuple[str, ...] = ()  # of the run: what a reader must know
    shapes: int | None = None
    tuned: bool = False  # whether labels of a test split chose its sentences or view weights
    folder: str = ""  # of the run's files

    @property
    def difference(self) -> float | None:
        """Ours less the published figure, in percentage points."""
        if self.ours is None or self.cell.published is None:
            return None
        return self.ours - self.cell.published

    def verdict(self, tolerance: float) -> str:
        """ "agrees" or "differs by …" against a tolerance in percentage points; why there is no figure; or a dash."""
        if self.ours is None:
            return f"{self.missing}: {self.reason}" if self.reason else self.missing
        if self.difference is None:
            return NOTHING
        return "agrees" if abs(self.difference) <= tolerance + SLACK else f"differs by {signed(self.difference)}"


def signed(value: float | None) -> str:
    """A difference with its sign, "+0.00" for what rounds to nothing, and a dash for none."""
    return NOTHING if value is None else f"{round(value, 2) + 0.0:+.2f}"


def judge(cell: Cell, outcome: Outcome | None) -> Result:
    """The cell's result; an outcome of None is a run that was not reached."""
    if outcome is None:
        return Result(cell, None, "not run yet")
    if outcome.reason:
        return Result(cell, None, "not run", outcome.reason)
    notes, shapes = tuple(outcome.metrics.get("notes", ())), outcome.metrics.get("shapes")
    ours = figure(outcome.metrics, cell.metric)
    why = ("", "") if ours is not None else ("no figure", f"The run has no {cell.metric}.")
    tuned = bool(outcome.metrics.get("tuned_on_test_labels"))
    return Result(cell, ours, *why, notes, shapes, tuned, str(outcome.folder))


def figure(metrics: Mapping, path: str) -> float | None:
    """A figure of metrics.json by its name, such as "category_miou/chair"; None where there is none."""
    value: object = metrics
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None
