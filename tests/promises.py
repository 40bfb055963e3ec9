"""What CHANGELOG.md and the README promise of every run's metrics.json."""

import json
import re
from pathlib import Path

from tests.tasks import ROOT

CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
CIRCUMSTANCES = re.findall(r"`(\w+)`", re.search(r"`metrics\.json` has ([^.]+)\.", CHANGES)[1])
PROMISED = {"task", "dataset", "encoder", "shapes", *CIRCUMSTANCES}


def read_metrics(folder: Path) -> dict:
    """A run's metrics.json, which has all entries that every task's has."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics.keys() >= PROMISED
    return metrics
