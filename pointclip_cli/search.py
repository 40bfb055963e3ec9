"""`pointclip search TASK …`: the task's command with --search prompts,weights, unless --search is given."""

import sys
from collections.abc import Sequence

from pointclip.errors import InputError
from pointclip.runs.start import run_task
from pointclip_cli.tasks import installed_tasks, package_of

USAGE = "usage: pointclip search TASK [--search prompts,weights] [--search-split train] --config NAME …"


def main(words: Sequence[str]) -> None:
    """Run the task given by the first word, with --search."""
    if words and words[0] in ("-h", "--help"):
        print(f"{USAGE}\n\nTASK is one of {', '.join(installed_tasks())}; `pointclip TASK --help` shows its arguments.")
        return
    if not words:
        raise InputError(f"No task was given; choose from {', '.join(installed_tasks())}.")
    command, rest = words[0], list(words[1:])
    package = package_of(command)
    given = any(word == "--search" or word.startswith("--search=") for word in rest)
    sys.argv = [f"pointclip {command}", *([] if given else ["--search", "prompts,weights"]), *rest]
    run_task(package)
