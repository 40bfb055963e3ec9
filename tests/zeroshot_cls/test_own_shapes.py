"""Predictions for --input files: a table of many, a threshold for none of these, and bad files listed last."""

import csv
import json

import numpy as np
import pytest
import torch

from pointclip.datasets.synthetic import generate
from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from tests.zeroshot_cls.test_main import CONFIGS
from zeroshot_cls.main import main
from zeroshot_cls.results import NONE


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    torch.manual_seed(3)
    encoder = load_encoder("tiny-vit", None, precision="fp32")
    monkeypatch.setattr("pointclip.runs.opening.load_encoder", lambda *_: encoder)
    folder = tmp_path / "shapes"
    folder.mkdir()
    for name in ("chair", "car", "mug", "lamp"):
        np.save(folder / f"{name}.npy", generate(name, 1, 200).points)
    (folder / "cut.npy").write_bytes((folder / "mug.npy").read_bytes()[:200])

    def run(*words):
        words = ["--config", CONFIGS / "demo.yaml", "--input", *words, "--quiet", "OUTPUT", tmp_path / "out"]
        pairs = ["REPORT", "False", "PROMPTS.FILE", "", "DATASET.NUM_POINTS", 64]
        main(list(map(str, [*words, *pairs])))
        out = tmp_path / "out" / "demo" / "input"
        with open(out / "predictions.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return capsys.readouterr().out, rows, json.loads((out / "metrics.json").read_text(encoding="utf-8"))

    run.folder = folder
    return run


def test_folder_gives_one_table_with_bad_files_listed_last(run):
    printed, rows, metrics = run(run.folder, "--classes", "chair,car")
    assert len(rows) == 4
    assert sum(line.startswith(str(run.folder)) for line in printed.splitlines()) == 4
    assert "probability %" in printed
    (note,) = (line for line in printed.splitlines() if line.startswith("note: left out:"))
    assert "cut.npy" in note
    assert metrics["shapes_left_out"] == 1
    assert all(float(row["margin"]) >= 0 for row in rows)
    assert "calibrated" in printed


def test_below_the_threshold_a_shape_is_none_of_these(run):
    printed, rows, metrics = run(run.folder / "car.npy", "--classes", "chair,car", "--threshold", 1)
    assert rows[0]["prediction"] == NONE
    assert rows[0]["class_1"] in ("chair", "car")
    assert NONE in printed
    assert metrics["threshold"] == 1
    _, rows, _ = run(run.folder / "car.npy", "--classes", "chair,car")
    assert rows[0]["prediction"] == rows[0]["class_1"]


def test_a_single_bad_file_ends_the_run(run):
    with pytest.raises(InputError, match="cut"):
        run(run.folder / "cut.npy", "--classes", "chair,car")


@pytest.mark.parametrize("words", [("--threshold", "2"), ("--calibrate",)])
def test_incompatible_arguments_are_rejected(run, words):
    with pytest.raises(InputError, match=words[0]):
        run(run.folder / "car.npy", "--classes", "chair,car", *words)
