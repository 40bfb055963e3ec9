"""`pointclip search TASK …`: the task's command with --search prompts,weights, unless --search is given."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec

from pointclip.errors import InputError
from pointclip.runs.start import run_task
from pointclip_cli.tasks import installed_tasks, package_of

USAGE = "usage: pointclip search TASK [--search prompts,weights] [--search-split train] --config NAME …"
EXAMPLE = "For example: pointclip search classify --config demo"


def main(words: Sequence[str]) -> None:
    """Run the task given by the first word, with --search."""
    known = ", ".join(searchable())
    if words and words[0] in ("-h", "--help"):
        print(f"{USAGE}\n\nTASK is one of {known}; `pointclip TASK --help` shows its arguments.\n{EXAMPLE}")
        return
    if not words:
        raise InputError(f"No task was given; choose from {known}.", [USAGE, EXAMPLE])
    command, rest = words[0], list(words[1:])
    package = package_of(command)
    if command not in searchable():
        raise InputError(f"{command} has no search of its own; choose from {known}.")
    given = any(word == "--search" or word.startswith("--search=") for word in rest)
    sys.argv = [f"pointclip {command}", *([] if given else ["--search", "prompts,weights"]), *rest]
    run_task(package, command)


def searchable() -> list[str]:
    """The tasks that can search: those with a module `search`."""
    return [command for command, package in installed_tasks().items() if find_spec(f"{package}.search")]
