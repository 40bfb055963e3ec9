"""How a command line ends, without a process of its own."""

import runpy
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

from pointclip.utils.command import run_command


def exit_code(main: Callable, words: Sequence[str]) -> int:
    """The exit code of a command line whose main function is `main`."""
    return _code(lambda: run_command(lambda: sys.exit(main(words))))


def exit_code_of_script(module: ModuleType, words: Sequence[str], monkeypatch) -> int:
    """The exit code of a module that runs as a script, with what stands below its `__name__ == "__main__"`."""
    monkeypatch.setattr(sys, "argv", [module.__file__, *words])
    return _code(lambda: runpy.run_path(module.__file__, run_name="__main__"))


def _code(run: Callable[[], object]) -> int:
    try:
        run()
    except SystemExit as ended:
        return ended.code or 0
    return 0
