"""Exit codes of commands, run in the same process."""

import runpy
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

from pointclip.utils.command import run_command


def exit_code(main: Callable, words: Sequence[str]) -> int:
    """The exit code of a command with the main function `main`."""
    return _code(lambda: run_command(lambda: sys.exit(main(words))))


def exit_code_of_script(module: ModuleType, words: Sequence[str], monkeypatch) -> int:
    """The exit code of a module run as a script, including its `__name__ == "__main__"` block."""
    monkeypatch.setattr(sys, "argv", [module.__file__, *words])
    return _code(lambda: runpy.run_path(module.__file__, run_name="__main__"))


def _code(run: Callable[[], object]) -> int:
    try:
        run()
    except SystemExit as exit_:
        return exit_.code or 0
    return 0
