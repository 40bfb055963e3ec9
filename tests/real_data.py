"""Real data for some tests: research data that the repository does not have. They are skipped where there is none."""

import os
from pathlib import Path

import pytest

REAL = Path(os.environ.get("TEST_REAL_DATA", ""))
needs_real_data = pytest.mark.skipif(Path() == REAL, reason="TEST_REAL_DATA names no folder with data sets")
