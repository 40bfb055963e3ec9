"""The installed tasks: those of this repository, and others registered as entry points."""

from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from pointclip.errors import InputError

GROUP = "pointclip.tasks"  # entry points: the command's name for a task = its package
BUNDLED = {"classify": "zeroshot_cls", "segment": "zeroshot_seg", "fewshot": "fewshot_cls", "detect": "zeroshot_det"}


def installed_tasks() -> dict[str, str]:
    """The package of each task, by its command's name; a checkout's tasks are found even if it is not installed."""
    bundled = {name: package for name, package in BUNDLED.items() if is_task(package)}
    return bundled | {entry.name: entry.value for entry in entry_points(group=GROUP) if is_task(entry.value)}


def is_task(package: str) -> bool:
    """Whether the package exists and has a main.py."""
    spec = find_spec(package)
    return bool(spec and any(Path(place, "main.py").is_file() for place in spec.submodule_search_locations or ()))


def folder_of(package: str) -> Path:
    """The folder of a task's package."""
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec else None
    assert places, f"{package} is no package"
    return Path(next(iter(places)))


def package_of(command: str) -> str:
    """The package of the task with a given command name. Raises an InputError for an unknown one."""
    tasks = installed_tasks()
    if command not in tasks:
        raise InputError(f"There is no task {command!r}; choose from {', '.join(tasks)}.")
    return tasks[command]
