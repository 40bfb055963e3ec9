"""Standard errors, and paired differences between runs on the same shapes."""

import csv
from pathlib import Path

import numpy as np
import pytest

from pointclip.metrics import error_of_mean, mean_error, share_error
from pointclip.tables.definition import Cell, Job
from pointclip.tables.paired import paired_difference, with_differences
from pointclip.tables.show import in_words
from pointclip.tables.verdicts import Result, error_of


def test_errors_of_shares_and_means():
    assert share_error(40, 80) == pytest.approx(100 * (0.25 / 84) ** 0.5)
    assert 0 < share_error(80, 80) < 3  # no certainty from 80 shapes
    assert share_error(12, 80) == pytest.approx(share_error(68, 80))
    assert np.isnan(share_error(0, 0))
    assert mean_error(np.array([0.0, 100])) == pytest.approx(50)
    assert error_of_mean([3, 4, float("nan")]) == pytest.approx(2.5)


def test_mcnemar_counts_the_shapes_that_change():
    above = np.repeat([0.0, 100, 0], [10, 20, 10])
    ours = np.repeat([100.0, 100, 0], [10, 20, 10])
    found = paired_difference(ours, above)
    assert found.mean == 25
    assert found.error == pytest.approx(100 * np.std(ours > above, ddof=1) / 40**0.5)
    assert found.p == pytest.approx(2 * 0.5**10)  # ten of ten changes are for the better
    assert paired_difference(ours, ours).p == 1
    assert paired_difference(np.array([40.0, 50, 60]), np.array([30.0, 41, 49])).p < 0.01
    assert in_words(found) == f"+25.00 ± {found.error:.2f} (p 0.002)"


def result(folder: Path, row: str, correct: dict[str, int], column: str = "") -> Result:
    path = folder / f"{row}{column}"
    path.mkdir()
    with open(path / "predictions.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["shape", "correct"], *correct.items()])
    cell = Cell(row, column, Job(Path("c")), "accuracy")
    return Result(cell, 50.0, folder=str(path))


def test_rows_are_compared_with_the_row_above_on_the_same_shapes(tmp_path):
    results = with_differences(
        [
            result(tmp_path, "a", {"x": 0, "y": 1}),
            result(tmp_path, "a", {"x": 0}, "other"),
            result(tmp_path, "b", {"y": 1, "x": 1}),
            result(tmp_path, "b", {"z": 0}, "other"),
        ]
    )
    assert [found.above and found.above.mean for found in results] == [None, None, 50, None]


def test_error_of_an_entry_is_found_beside_it():
    metrics = {"accuracy_standard_error": 2.5, "category_miou_standard_error": {"chair": 1.5}}
    assert error_of(metrics, "accuracy") == 2.5
    assert error_of(metrics, "category_miou/chair") == 1.5
    assert error_of(metrics, "other") is None
