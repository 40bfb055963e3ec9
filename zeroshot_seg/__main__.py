"""`python -m zeroshot_seg`."""

from pointclip.runs.start import run_task

run_task("zeroshot_seg")
