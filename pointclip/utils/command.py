"""Argument parsing and exit codes of all commands. Does not import torch, which some commands do not need.

Exit codes: 0 all is well; 2 wrong use, such as unknown arguments, missing files, or weights that cannot be fetched; 3
some of a user's files could not be read; 4 none could; 130 interrupted, 143 by SIGTERM. 1 is a bug, or a check of data
that failed.
"""

import argparse
import importlib
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from types import FrameType, ModuleType
from typing import NoReturn

from pointclip.errors import InputError, NothingReadError, first_line

BAD_INPUT, SOME_FAILED, ALL_FAILED, INTERRUPTED = InputError.exit_code, 3, NothingReadError.exit_code, 130
TERMINATED = 143


def run_command(
    main: Callable[[], object],
    memory_advice: str = "process less at a time",
    after_stop: str = "finished files are kept, none is incomplete",
    on_error: Callable[[InputError], object] = lambda error: None,
) -> None:
    """Run a main function and handle its errors with a one-line message and an exit code.

    Args:
        main: the function; its return value is ignored; it may call sys.exit for another exit code.
        memory_advice: what to do if there is not enough memory.
        after_stop: what Ctrl-C leaves behind.
        on_error: called with the error before the message is printed, except for Ctrl-C and a closed pipe.
    """

    def end(error: InputError) -> NoReturn:
        on_error(error)
        print(f"error: {error}", *error.below, sep="\n", file=sys.stderr)
        sys.exit(error.exit_code)

    if sys.stdout is None:  # closed before the start; a file opened later would take its place
        sys.stdout = open(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")  # noqa: SIM115 - for good
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for terminals without UTF-8
    stops = _listen()
    try:
        try:
            main()
        except Exception as error:
            if stops:  # libraries make other errors of an interrupt, such as a file that is damaged
                raise KeyboardInterrupt from error
            raise
        finally:
            sys.stdout.flush()  # also after --help
    except InputError as error:
        end(error)
    except (MemoryError, _out_of_gpu_memory()) as error:
        end(InputError(f"Out of memory ({first_line(error)}); {memory_advice}."))
    except KeyboardInterrupt:
        print(f"interrupted: {after_stop}", file=sys.stderr)
        sys.exit(TERMINATED if signal.SIGTERM in stops else INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has exited
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # such as a full disk, or a file or folder deleted in the meantime
        end(InputError(f"File error: {first_line(error)}; fix that and run again."))


def _listen() -> list[int]:
    """Let Ctrl-C and SIGTERM interrupt the run; the signals received so far are added to the list returned."""
    stops: list[int] = []
    process = os.getpid()

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        if os.getpid() != process:  # a fork ends at once
            os._exit(128 + number)
        stops.append(number)
        raise KeyboardInterrupt

    if callable(signal.getsignal(signal.SIGINT)):  # replaces main.py's handler during imports; not None or SIG_IGN
        signal.signal(signal.SIGINT, stop)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, stop)
    return stops


def _out_of_gpu_memory() -> type[BaseException]:
    """Torch's error class, if torch has been imported."""
    return getattr(sys.modules.get("torch"), "OutOfMemoryError", MemoryError)


def imported(module: str, own: Sequence[str] = ("pointclip",)) -> ModuleType:
    """Import a module of ours; exit with advice if a package that it needs is not installed.

    `own` are our packages: that one of their modules is missing is a bug.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in own:
            raise
        print(
            f"error: The package {error.name} is not installed for {sys.executable}; run `make demo` in the "
            "repository, then `. .venv/bin/activate`, or `pip install -r requirements.txt`.",
            file=sys.stderr,
        )
        sys.exit(BAD_INPUT)


def typed(fallback: str) -> str:
    """The command as typed: "pointclip download", or `fallback` where it is not started by the command `pointclip`."""
    return sys.argv[0] if sys.argv[0].startswith("pointclip ") else fallback


class HelpFormatter(argparse.HelpFormatter):
    """Wraps a description of one line, and leaves texts of several lines as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text.strip() else super()._fill_text(text, width, indent)


class ArgumentParser(argparse.ArgumentParser):
    """Reports bad arguments as InputError, like other bad input, and suggests the nearest flag for an unknown one.

    An epilog is shown as it is, and where arguments are missing; "%(prog)s" in it is the command as typed.
    """

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **{"formatter_class": HelpFormatter, **options})

    def error(self, message: str) -> NoReturn:
        words = re.findall(r"(?<!\S)--?[^\s=]+", message) if message.startswith("unrecognized arguments") else []
        known = [flag for action in self._actions for flag in action.option_strings if action.help != argparse.SUPPRESS]
        near = {word: get_close_matches(word, known, n=1) for word in words}
        guesses = [f"did you mean {found[0]}?" for found in near.values() if found]
        missing = message.startswith("the following arguments are required") and self.epilog
        below = ((self.epilog or "") % {"prog": self.prog}).splitlines() if missing else []
        raise InputError(f"{message[:1].upper()}{message[1:]}; {' '.join([*guesses, 'see --help.'])}", below)


def names_from(text: str) -> tuple[str, ...]:
    """Split a comma-separated list of names, as in --classes, --parts and DATASET.CATEGORIES."""
    return tuple(name.strip() for name in text.split(","))
