"""Shell completion of the command line, by argcomplete: `eval "$(pointclip completion bash)"`."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Any, cast

from pointclip.errors import InputError
from pointclip.presets import preset_files
from pointclip.utils.command import ArgumentParser
from pointclip_cli.table import known
from pointclip_cli.tasks import folder_of, installed_tasks
from pointclip_cli.tools import TOOLS

SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")


def main(words: Sequence[str]) -> None:
    """Print the code for a shell's startup file to evaluate."""
    parser = ArgumentParser(
        prog="pointclip completion", description=f"{__doc__} Needs argcomplete: pip install argcomplete."
    )
    parser.epilog = 'example: eval "$(%(prog)s bash)"'
    parser.add_argument("shell", choices=SHELLS, help="the shell to print code for")
    shell = parser.parse_args(words).shell
    try:
        import argcomplete
    except ImportError as error:
        raise InputError("Completion needs argcomplete; run `pip install argcomplete`.") from error
    print(argcomplete.shellcode(["pointclip"], shell=shell))


def complete() -> None:
    """Return completions to the shell, and exit; without argcomplete there are none."""
    try:
        import argcomplete
    except ImportError:
        sys.exit(1)

    argcomplete.autocomplete(full_parser())


def full_parser() -> argparse.ArgumentParser:
    """A parser of all commands: tasks with their flags, configs and encoder presets, tables by name."""
    parser = argparse.ArgumentParser(prog="pointclip")
    parser.add_argument("--version", action="store_true")
    commands = parser.add_subparsers(dest="command")
    for name, package in installed_tasks().items():
        settings = importlib.import_module(f"{package}.settings")
        parents = [settings.parser()] if hasattr(settings, "parser") else []
        command = commands.add_parser(name, parents=parents, conflict_handler="resolve")
        for action in cast(list[Any], command._actions):  # argcomplete's attribute is its own
            if action.dest == "config":
                action.completer = _names(path.stem for path in folder_of(package).glob("configs/*.yaml"))
            if action.dest == "encoder":
                action.completer = _names(preset_files())
    for name in TOOLS:
        words: Any = commands.add_parser(name).add_argument("words", nargs="*")
        if name == "table":
            words.completer = _names(known())
    return parser


def _names(names) -> object:
    listed = sorted(names)
    return lambda **_: listed
