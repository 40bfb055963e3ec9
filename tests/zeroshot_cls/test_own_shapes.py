"""Predictions for --input files: a table of many, a threshold for none of these, and bad files listed last."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import trimesh

from pointclip.datasets.synthetic import generate
from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from pointclip.runs.own_shapes import NONE
from tests.zeroshot_cls.test_main import CONFIGS
from zeroshot_cls import results
from zeroshot_cls.main import main


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
    assert "uncalibrated %" in printed  # the bundled encoder's calibration is not this encoder's
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


def test_json_is_all_of_standard_output_and_json_tool_takes_it(run, capsys):
    words = ["--config", CONFIGS / "demo.yaml", "--input", run.folder, "--classes", "chair,car", "--threshold", "1"]
    pairs = ["OUTPUT", run.folder.parent / "out", "REPORT", "False", "DATASET.NUM_POINTS", 64, "CALIBRATION", "none"]
    main(list(map(str, [*words, "--json", *pairs])))
    printed = capsys.readouterr()
    piped = [sys.executable, "-m", "json.tool", "--compact"]
    done = subprocess.run(piped, input=printed.out, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    answers = document["answers"]
    assert (document["error"], document["exit_code"]) == (None, 3)
    assert any("cut.npy" in note for note in document["notes"])
    assert [answer["class"] for answer in answers if "error" not in answer] == [NONE] * 4
    first = answers[0]
    assert first["file"] == str(run.folder / "car.npy")
    assert (first["calibrated"], len(first["top"]), first["up"] in "yz") == (False, 2, True)
    assert first["margin"] >= 0
    assert "cut.npy" in answers[-1]["error"]
    assert "uncalibrated %" in printed.err


def test_a_scene_gives_an_answer_a_node_and_lists_what_is_left_out(run):
    scene = trimesh.Scene()
    for name, extent in (("big", 1), ("bigger", 2), ("screw", 0.01)):
        scene.add_geometry(trimesh.creation.box([extent] * 3), node_name=name, geom_name=name)
    scene.export(run.folder / "scene.glb")
    printed, rows, metrics = run(run.folder / "scene.glb", "--classes", "chair,car", "--split", "ON_BAD_SHAPE", "stop")
    assert [row["shape"].rpartition("#")[2] for row in rows] == ["big", "bigger"]
    assert [row["up_by"] for row in rows] == ["the format's convention"] * 2
    assert "left out:" in printed
    assert "screw" in printed
    assert metrics["answers"][0]["piece"] == "big"
    assert metrics["input"]["split"] == "auto"


def test_the_page_and_metrics_say_how_many_shapes_are_shown(run, monkeypatch):
    monkeypatch.setattr(results, "SHOWN", 1)
    printed, rows, metrics = run(run.folder, "--classes", "chair,car")
    note = f"The first 1 of {len(rows)} shapes are shown; all of them are in predictions.csv."
    assert note in metrics["notes"]
    assert note in printed


def test_a_wrong_kind_of_split_names_the_right_ones(run):
    with pytest.raises(InputError, match=r"--split: invalid choice: 'node'.*nodes.*parts"):
        run(run.folder / "car.npy", "--classes", "chair,car", "--split", "node")


@pytest.mark.parametrize("flag", ["--json", "--split"])
def test_flags_of_own_shapes_are_refused_without_them(flag):
    with pytest.raises(InputError, match=f"{flag} goes with files of your own"):
        main(["--config", str(CONFIGS / "demo.yaml"), flag, "SEED", "1"])
