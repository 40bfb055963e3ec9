"""From a run's outcome to a figure, its difference and a verdict."""

from pathlib import Path

import pytest

from pointclip.tables.definition import Cell, Job
from pointclip.tables.runs import Outcome
from pointclip.tables.verdicts import figure, judge, signed
from tests.tables.fake_task import TABLE


def test_figures_by_path():
    metrics = {"accuracy": 3, "category_miou": {"chair": 4.5}, "notes": ["x"]}
    assert figure(metrics, "accuracy") == 3.0
    assert figure(metrics, "category_miou/chair") == 4.5
    assert all(figure(metrics, name) is None for name in ("notes", "category_miou", "category_miou/bag", "accuracy/x"))


def test_one_run_fills_a_row_per_category(fake):
    fake.answers["demo"] = {"category_miou": {"chair": 50.0, "bag": 60.25, "cap": None}}
    rows = [{"name": name, "metric": f"category_miou/{name}", "published": 50.5} for name in ("chair", "bag", "cap")]
    fake.table("t", TABLE | {"rows": rows, "columns": []})
    fake.make()
    assert len(fake.calls) == 1
    verdicts = [row["verdict"] for row in fake.rows().values()]
    assert verdicts == ["agrees", "differs by +9.75", "no figure: The run has no category_miou/cap."]


@pytest.mark.parametrize(
    ("published", "ours", "difference", "verdict"),
    [
        (60.0, 60.5, 0.5, "agrees"),
        (64.26, 63.76, -0.5, "agrees"),  # 0.49999… in binary, and 0.50000…1 the other way round
        (63.76, 64.26, 0.5, "agrees"),
        (60.0, 60.51, 0.51, "differs by +0.51"),
        (60.0, 58.0, -2.0, "differs by -2.00"),
        (None, 58.0, None, "—"),
        (60.0, None, None, "no figure: The run has no accuracy."),
    ],
)
def test_difference_and_verdict(published, ours, difference, verdict):
    result = judge(Cell("a", "", Job(Path("c.yaml")), "accuracy", published), Outcome({"accuracy": ours}))
    assert result.difference == (difference if difference is None else pytest.approx(difference))
    assert result.verdict(0.5) == verdict


@pytest.mark.parametrize(("value", "message"), [(None, "—"), (-0.001, "+0.00"), (0.0, "+0.00"), (-1.5, "-1.50")])
def test_signed(value, message):
    assert signed(value) == message
