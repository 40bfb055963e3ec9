"""The files of a run, and tables for the terminal."""

import json

import numpy as np

from pointclip.runs.output import table, write_json


def test_json_without_nan(tmp_path):
    write_json(tmp_path / "m.json", {"a": np.float32(1.5), "b": float("nan"), 3: [np.int64(2), None], "c": "ü"})
    assert json.loads((tmp_path / "m.json").read_text()) == {"a": 1.5, "b": None, "3": [2, None], "c": "ü"}


def test_table_aligns():
    lines = table(["class", "n"], [["a", 10], ["longer", 2]]).splitlines()
    assert lines == ["class    n", "----------", "a       10", "longer   2"]
