"""Starting a task's main.py: anything that does not need torch is handled before the slow imports."""

import importlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from pointclip.utils.command import BAD_INPUT, INTERRUPTED, run_command

MEMORY_ADVICE = "set BATCH_SIZE 1, or DATASET.NUM_POINTS to a smaller number"


def run_task(name: str) -> NoReturn:
    """Run the task in the folder `name` with the command line of the process, and exit.

    --help, invalid settings and a missing environment are handled by the task's settings.py, without importing torch.
    """
    signal.signal(signal.SIGINT, _end)
    try:
        settings = importlib.import_module(f"{name}.settings")
        hub = importlib.import_module("pointclip.utils.hub")
        run_command(lambda: hub.check_weights(settings.parse()[1].ENCODER))
        task = importlib.import_module(f"{name}.main")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("pointclip", name):
            raise
        print(
            f"error: The package {error.name} is not installed for {sys.executable}; run `make demo` in the "
            "repository, then `. .venv/bin/activate`, or `pip install -r requirements.txt`.",
            file=sys.stderr,
        )
        sys.exit(BAD_INPUT)
    run_command(task.main, MEMORY_ADVICE)
    sys.exit()


def _end(signum: int, frame: FrameType | None) -> NoReturn:
    """Exit without a stack trace on Ctrl-C during the imports."""
    os._exit(INTERRUPTED)
