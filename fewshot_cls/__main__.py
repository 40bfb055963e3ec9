"""`python -m fewshot_cls`."""

from pointclip.runs.start import run_task

run_task("fewshot_cls")
