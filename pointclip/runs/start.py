"""Starting a task's main.py: anything that does not need torch is handled before the slow imports."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from pointclip.utils.command import INTERRUPTED, imported, run_command

MEMORY_ADVICE = "set BATCH_SIZE 1, or DATASET.NUM_POINTS to a smaller number"


def run_task(package: str, command: str = "") -> NoReturn:
    """Run the task in the folder `package` with the command line of the process, and exit.

    --help, invalid settings and a missing environment are handled by the task's settings.py, without importing torch.

    Args:
        package: of the task.
        command: its name in the command `pointclip`, "" for its main.py. The results of several tasks can share an
            OUTPUT: they go to OUTPUT/<command>/, unless main.py runs in the task's folder, which is the task's anyway.
    """
    signal.signal(signal.SIGINT, _end)
    settings = imported(f"{package}.settings", ("pointclip", package))
    hub, answers = imported("pointclip.utils.hub"), imported("pointclip.runs.answers")
    reading = imported("pointclip.runs.reading")
    if not command and Path.cwd() != Path(str(settings.__file__)).resolve().parent:
        command = getattr(settings, "COMMAND", package)
    words = [*(["--under", command] if command else []), *sys.argv[1:]]
    on_error = answers.print_error if "--json" in words else lambda error: None

    def check_and_start_reading() -> None:
        args, chosen = settings.parse(words)
        hub.check_weights(chosen.ENCODER)
        reading.start_reading(args, chosen)

    run_command(check_and_start_reading, on_error=on_error)
    if "--quiet" not in words:
        say_loading()
    task = imported(f"{package}.main", ("pointclip", package))
    run_command(lambda: sys.exit(answers.exit_code(task.main(words))), MEMORY_ADVICE, on_error=on_error)
    sys.exit()


def say_loading() -> None:
    """Say what takes seconds before the first progress bar."""
    print("loading torch and open_clip …", file=sys.stderr, flush=True)


def run_script(main: str, memory_advice: str = MEMORY_ADVICE, **options: Any) -> NoReturn:
    """Run a main function "module:function" with the command line of the process, and exit with the code it returns.

    `options` are those of `run_command`.
    """
    signal.signal(signal.SIGINT, _end)
    module, function = main.split(":")
    run = getattr(imported(module, ("pointclip", "pointclip_cli", "zeroshot_cls")), function)

    def start() -> NoReturn:
        result = run(sys.argv[1:])
        sys.exit(result if isinstance(result, int) else 0)

    run_command(start, memory_advice, **options)
    sys.exit()


def _end(signum: int, frame: FrameType | None) -> NoReturn:
    """Exit without a stack trace on Ctrl-C during the imports."""
    os._exit(INTERRUPTED)
