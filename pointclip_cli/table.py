"""Make a table that compares our scores with published ones.

    pointclip table datasets --root /path/to/data --checkpoint /path/to/weights
    pointclip table zeroshot_seg/sentences_weights_pose

A table is defined in TASK/tables/NAME.yaml; TASK/ is only needed if two tasks have a table of that name.
"""

import importlib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from pointclip.errors import InputError
from pointclip.runs.start import say_loading
from pointclip.utils.command import typed
from pointclip.utils.files import read_yaml
from pointclip_cli.listings import choices_table
from pointclip_cli.tasks import folder_of, installed_tasks


def main(words: Sequence[str]) -> int:
    """Make the tables named by the first words, all of one task; returns the exit code."""
    names = [word for word in words if find(word)]
    if not names:
        if not words or words[0] in ("-h", "--help"):
            print(__doc__.strip() if words else "Tables:")
            print(f"\n{choices_table((name, title(name)) for name in known())}")
            print(
                f"\nTo make one: {typed('scripts/table.sh')} NAME; its options: {typed('scripts/table.sh')} NAME --help"
            )
            return 0
        near = get_close_matches(words[0], known(), n=1)
        guess = f"did you mean {near[0]}? There are" if near else "there are"
        raise InputError(f"There is no table {words[0]!r}; {guess} {', '.join(known())}.")
    folders = {find(name)[0].parents[1].name for name in names}
    for name in names:
        if len(find(name)) > 1:
            choices = " or ".join(f"{path.parents[1].name}/{path.stem}" for path in find(name))
            raise InputError(f"Two tasks have a table {name!r}; give {choices}.")
    if len(folders) > 1:
        raise InputError(f"The tables {', '.join(names)} belong to several tasks; make those of one task at a time.")
    if not {"-h", "--help"} & set(words):
        say_loading()
    task = importlib.import_module(f"{folders.pop()}.reproduce").TASK
    from pointclip.tables import make_tables

    return make_tables(task, [Path(word).name if find(word) else word for word in words])


def title(name: str) -> str:
    """The title of a table."""
    return str(read_yaml(find(name)[0], "the table", "restore it").get("title", ""))


def tables() -> list[Path]:
    """The definitions of all tasks' tables."""
    folders = [folder_of(package) for package in installed_tasks().values()]
    return sorted(path for folder in folders for path in folder.glob("tables/*.yaml"))


def find(name: str) -> list[Path]:
    """The definitions with the name NAME or TASK/NAME."""
    return [path for path in tables() if name in (path.stem, f"{path.parents[1].name}/{path.stem}")]


def known() -> list[str]:
    """The name of each table, with its task only where needed."""
    return [path.stem if len(find(path.stem)) == 1 else f"{path.parents[1].name}/{path.stem}" for path in tables()]
