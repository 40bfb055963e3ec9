"""How every command line takes its arguments and how it ends. Imports no torch: some commands need none."""

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
    memory_advice: str = "take less at a time",
    after_stop: str = "files that were finished stay, none is half-written",
) -> None:
    """Run a main function and end the process: 0, 2 with one sentence for bad input, 130 for Ctrl-C.

    Args:
        main: the function; what it returns is ignored; for another exit code it calls sys.exit.
        memory_advice: what to do where the memory is not enough.
        after_stop: what Ctrl-C leaves behind.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 shows names as it can
    if callable(signal.getsignal(signal.SIGINT)):  # main.py's own while it imports; None or ignored stays so
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
        sys.stdout.flush()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except (MemoryError, _out_of_gpu_memory()) as error:
        print(f"error: The memory is not enough ({first_line(error)}); {memory_advice}.", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        print(f"interrupted: {after_stop}", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # a full disk, a file or folder taken away meanwhile
        print(f"error: The system refused a file: {first_line(error)}; mend that and run again.", file=sys.stderr)
        sys.exit(BAD_INPUT)


def _out_of_gpu_memory() -> type[BaseException]:
    """Torch's error, which only a command that has imported torch can meet."""
    return getattr(sys.modules.get("torch"), "OutOfMemoryError", MemoryError)


class ArgumentParser(argparse.ArgumentParser):
    """Tells bad arguments as all bad input is told."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}; see --help.")


def names_from(text: str) -> tuple[str, ...]:
    """Names out of a comma-separated list, as --classes, --parts and DATASET.CATEGORIES take them."""
    return tuple(name.strip() for name in text.split(","))
