"""The tasks that are installed: those of this repository, and others that name themselves as entry points."""

from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from pointclip.errors import InputError

GROUP = "pointclip.tasks"  # entry points: the command's name for a task = its package
OWN = {"classify": "zeroshot_cls", "segment": "zeroshot_seg", "fewshot": "fewshot_cls", "detect": "zeroshot_det"}


def installed_tasks() -> dict[str, str]:
    """What the command calls each task, and its package; a checkout's are found whether it is installed or not."""
    own = {name: package for name, package in OWN.items() if is_task(package)}
    return own | {entry.name: entry.value for entry in entry_points(group=GROUP) if is_task(entry.value)}


def is_task(package: str) -> bool:
    """Whether there is such a package with a main.py."""
    spec = find_spec(package)
    return bool(spec and any(Path(place, "main.py").is_file() for place in spec.submodule_search_locations or ()))


def folder_of(package: str) -> Path:
    """Where a task's files are."""
    return Path(next(iter(find_spec(package).submodule_search_locations)))


def package_of(command: str) -> str:
    """The package of a task by its command. Raises InputError for an unknown one."""
    tasks = installed_tasks()
    if command not in tasks:
        raise InputError(f"There is no task {command!r}; choose from {', '.join(tasks)}.")
    return tasks[command]
