"""The files of a run, and tables for the terminal."""

import csv
import json

import numpy as np

from pointclip.runs.output import table, write_csv, write_json


def test_json_without_nan(tmp_path):
    write_json(tmp_path / "m.json", {"a": np.float32(1.5), "b": float("nan"), 3: [np.int64(2), None], "c": "ü"})
    assert json.loads((tmp_path / "m.json").read_text()) == {"a": 1.5, "b": None, "3": [2, None], "c": "ü"}


def test_table_aligns():
    lines = table(["class", "n"], [["a", 10], ["longer", 2]]).splitlines()
    assert lines == ["class    n", "----------", "a       10", "longer   2"]


def test_csv_cells_are_not_formulas(tmp_path):
    cells = ["=1+1", "+1", "-chair", "@SUM(A1)", "-0.5", "-1e3", "a=b", "\x1b[31m", "", -3, 2.5]
    write_csv(tmp_path / "a.csv", ["=name"] * len(cells), iter([cells]))
    with open(tmp_path / "a.csv", encoding="utf-8", newline="") as file:
        header, row = csv.reader(file)
    assert set(header) == {"'=name"}
    assert row == ["'=1+1", "+1", "'-chair", "'@SUM(A1)", "-0.5", "-1e3", "a=b", "\\x1b[31m", "", "-3", "2.5"]


def test_tables_escape_control_characters():
    assert table(["class", "n"], [["\x1b[31mred", 1]]).splitlines()[-1] == "\\x1b[31mred  1"
