"""`python -m zeroshot_cls`."""

from pointclip.runs.start import run_task

run_task("zeroshot_cls")
