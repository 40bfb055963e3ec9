"""A data set in one file, as docs/datasets.md tells it, runs through both tasks with nothing else changed."""

from pathlib import Path

import pytest
import torch

import zeroshot_cls.main
import zeroshot_seg.main
from pointclip.datasets import open_dataset
from pointclip.encoder import load_encoder
from pointclip.errors import InputError

ROOT = Path(__file__).parents[2]
TOY = ROOT / "docs" / "toy_dataset.py"
TASKS = {"zeroshot_cls": zeroshot_cls.main.main, "zeroshot_seg": zeroshot_seg.main.main}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    torch.manual_seed(1)
    encoder = load_encoder("tiny-vit", None, precision="fp32")
    monkeypatch.setattr("pointclip.cli.load_encoder", lambda *_: encoder)


@pytest.mark.parametrize("task", TASKS)
def test_it_runs(task, tmp_path):
    words = ["--quiet", "--config", ROOT / task / "configs" / "demo.yaml", "DATASET.NAME", TOY, "OUTPUT", tmp_path]
    metrics = TASKS[task](list(map(str, [*words, "PROMPTS.FILE", "", "DATASET.NUM_POINTS", 200])))
    assert metrics["dataset"] == "toy_dataset (test)"
    assert metrics["shapes"] == 8
    assert set(metrics["class_accuracy" if task == "zeroshot_cls" else "category_miou"]) == {"pin", "plate"}


@pytest.mark.parametrize("task", TASKS)
def test_it_can_be_searched_on(task, tmp_path):
    words = ["--quiet", "--config", ROOT / task / "configs" / "demo.yaml", "DATASET.NAME", TOY, "OUTPUT", tmp_path]
    search = ["--search", "weights", "PROMPTS.FILE", "", "DATASET.NUM_POINTS", 200, "SEARCH.FIXED_VIEWS", 8]
    metrics = TASKS[task](list(map(str, [*words, *search])))
    assert (metrics["searched"]["dataset"], metrics["searched"]["split"]) == ("toy_dataset", "train")
    assert not metrics["tuned_on_test_labels"]


def test_it_is_short():
    assert len(TOY.read_text().splitlines()) <= 40


@pytest.mark.parametrize(("text", "message"), [(None, "there is no such file"), ("x = 1", "registers 0 data sets")])
def test_files_that_are_none_are_told(tmp_path, text, message):
    path = tmp_path / "own.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message):
        open_dataset(str(path), tmp_path)
