"""`python -m zeroshot_det` is `python zeroshot_det/main.py`."""

from pointclip.runs.start import run_task

run_task("zeroshot_det")
