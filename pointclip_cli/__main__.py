"""The command `pointclip`, for all tasks and tools; also `python -m pointclip_cli`."""

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches

from pointclip.errors import InputError
from pointclip.runs.start import MEMORY_ADVICE, run_task, say_loading
from pointclip.utils.command import INTERRUPTED, imported, run_command
from pointclip.version import __version__
from pointclip_cli.tasks import installed_tasks, package_of
from pointclip_cli.tools import TOOLS

TASKS = {  # help for this repository's tasks
    "classify": "zero-shot classification of a data set or of your own shapes",
    "segment": "zero-shot part segmentation",
    "fewshot": "classification with a few labelled shapes per class",
    "detect": "zero-shot detection in scenes",
}


def main() -> None:
    """Run the process's command line, and exit."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))  # during the imports
    if "_ARGCOMPLETE" in os.environ:
        importlib.import_module("pointclip_cli.completion").complete()
    command, words = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("--help", [])
    if command in ("-h", "--help"):
        run_command(lambda: print(help_text()))
    elif command in ("-V", "--version"):
        run_command(lambda: print(f"pointclip {__version__}"))
    elif command in TOOLS:
        run_command(lambda: sys.exit(run_tool(command, words)), MEMORY_ADVICE)
    else:
        run_command(lambda: start_task(command, words))
    sys.exit()


def start_task(command: str, words: Sequence[str]) -> None:
    """Run a task like its main.py. Raises an InputError for an unknown command."""
    if command not in installed_tasks():
        known = [*installed_tasks(), *TOOLS]
        near = get_close_matches(command, known, n=1)
        raise InputError(f"There is no command {command!r}; choose from {', '.join(near or known)} (see --help).")
    sys.argv = [f"pointclip {command}", *words]
    run_task(package_of(command), command)


def run_tool(name: str, words: Sequence[str]) -> int | None:
    """Run a tool; returns its exit code."""
    module, function = TOOLS[name][0].split(":")
    sys.argv = [f"pointclip {name}", *words]
    if name == "figure" and "--help" not in words:
        say_loading()
    result = getattr(imported(module, ("pointclip", "pointclip_cli", "zeroshot_cls")), function)(words)
    return result if isinstance(result, int) else 0


def help_text() -> str:
    """The text of `pointclip --help`."""
    tasks = [(name, TASKS.get(name, f"the task in {package}")) for name, package in installed_tasks().items()]
    tools = [(name, about) for name, (_, about) in TOOLS.items()]
    lines = ["usage: pointclip COMMAND …", "", "Zero-shot 3-D understanding with CLIP (PointCLIP V2).", ""]
    for title, commands in (("tasks", tasks), ("tools", tools)):
        lines += [f"{title}:", *(f"  {name:<12}{about}" for name, about in commands), ""]
    lines.append("`pointclip COMMAND --help` shows a command's arguments. For example:")
    lines.append("  pointclip classify --config demo                          bundled shapes; needs no weights or data")
    lines.append('  pointclip classify chair.ply --classes "chair, sofa"      your own shapes')
    return "\n".join(lines)


if __name__ == "__main__":
    main()
