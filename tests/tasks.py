"""The tasks, for tests of all configs, tables and scripts."""

from pathlib import Path

from fewshot_cls import reproduce as fewshot
from zeroshot_cls import reproduce as classification
from zeroshot_det import reproduce as detection
from zeroshot_seg import reproduce as segmentation

ROOT = Path(__file__).resolve().parents[1]
TASKS = {
    "zeroshot_cls": classification.TASK,
    "zeroshot_seg": segmentation.TASK,
    "fewshot_cls": fewshot.TASK,
    "zeroshot_det": detection.TASK,
}  # by folder
TABLES = sorted(path for name in TASKS for path in (ROOT / name / "tables").glob("*.yaml"))
CONFIGS = sorted(path for name in TASKS for path in (ROOT / name / "configs").glob("*.yaml"))
