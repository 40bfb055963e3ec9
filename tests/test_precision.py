"""Whole runs in the precision auto, of the CPU's or of --auto-precision."""

import pytest
import torch

from pointclip.encoder import native_precision
from tests.tasks import TASKS

pytestmark = [pytest.mark.auto_precision, pytest.mark.slow]
RUNS = [
    ("zeroshot_cls", []),
    ("zeroshot_seg", []),
    ("zeroshot_det", ["PROPOSALS.MAX_BOXES", "2"]),
    ("fewshot_cls", ["--shots", "1", "METHOD", "kernel_ridge"]),
    ("fewshot_cls", ["--shots", "1", "METHOD", "adapter", "TRAIN.EPOCHS", "1"]),
    ("fewshot_cls", ["--shots", "1", "METHOD", "smoothing", "TRAIN.EPOCHS", "1"]),
]


@pytest.mark.parametrize(("task", "words"), RUNS)
def test_runs_state_their_precision(task, words, tmp_path):
    flags = ["--quiet", "--config", str(TASKS[task].folder / "configs" / "demo.yaml"), *words]
    settings = ["DATASET.MAX_SHAPES", "2", "PROJECTION.VIEWS", "4, 9", "PROMPTS.FILE", "", "OUTPUT", str(tmp_path)]
    metrics = TASKS[task].main([*flags, *settings])
    learned = "smoothing" in words  # its gradients flow through CLIP
    assert metrics["precision"] == ("fp32" if learned else native_precision(torch.device("cpu")))
    assert metrics["encoder"].endswith(metrics["precision"])
