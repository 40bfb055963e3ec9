"""The bundled encoder on new synthetic shapes is far above chance. Its model card has the figures on all 320."""

import json
import sys
from pathlib import Path

import pytest

import zeroshot_cls.main
import zeroshot_seg.main

ROOT = Path(__file__).parents[2]


def demo(task, monkeypatch, tmp_path, shapes: int, precision: str = "auto") -> dict:
    config = ROOT / task.__name__.split(".")[0] / "configs" / "demo.yaml"
    words = ["main.py", "--quiet", "--config", str(config), "OUTPUT", str(tmp_path), "DATASET.MAX_SHAPES", str(shapes)]
    # one sentence per name keeps the test short
    monkeypatch.setattr(sys, "argv", [*words, "PROMPTS.FILE", "", "ENCODER.PRECISION", precision])
    task.main()
    return json.loads((tmp_path / "demo" / "metrics.json").read_text())


@pytest.mark.auto_precision
def test_classification(monkeypatch, tmp_path):
    assert demo(zeroshot_cls.main, monkeypatch, tmp_path, 48)["accuracy"] >= 95


@pytest.mark.slow
@pytest.mark.parametrize("guess", ["largest_part_miou", "chance_miou"])
def test_segmentation(guess, monkeypatch, tmp_path):
    metrics = demo(zeroshot_seg.main, monkeypatch, tmp_path, 24, "fp32")
    assert metrics["instance_miou"] > metrics[guess] + 20
