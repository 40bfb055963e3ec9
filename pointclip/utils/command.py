"""Argument parsing and exit codes of all commands. Does not import torch, which some commands do not need."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from pointclip.errors import InputError, first_line

BAD_INPUT, INTERRUPTED = 2, 130


def run_command(
    main: Callable[[], object],
    memory_advice: str = "process less at a time",
    after_stop: str = "finished files are kept, none is incomplete",
) -> None:
    """Run a main function and handle its errors; exit code 2 with a one-line message for bad input, 130 for Ctrl-C.

    Args:
        main: the function; its return value is ignored; it may call sys.exit for another exit code.
        memory_advice: what to do if there is not enough memory.
        after_stop: what Ctrl-C leaves behind.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for terminals without UTF-8
    if callable(signal.getsignal(signal.SIGINT)):  # replaces main.py's handler during imports; not None or SIG_IGN
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
        sys.stdout.flush()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except (MemoryError, _out_of_gpu_memory()) as error:
        print(f"error: Out of memory ({first_line(error)}); {memory_advice}.", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        print(f"interrupted: {after_stop}", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has exited
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # such as a full disk, or a file or folder deleted in the meantime
        print(f"error: File error: {first_line(error)}; fix that and run again.", file=sys.stderr)
        sys.exit(BAD_INPUT)


def _out_of_gpu_memory() -> type[BaseException]:
    """Torch's error class, if torch has been imported."""
    return getattr(sys.modules.get("torch"), "OutOfMemoryError", MemoryError)


class ArgumentParser(argparse.ArgumentParser):
    """Reports bad arguments as InputError, like other bad input."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}; see --help.")


def names_from(text: str) -> tuple[str, ...]:
    """Split a comma-separated list of names, as in --classes, --parts and DATASET.CATEGORIES."""
    return tuple(name.strip() for name in text.split(","))
