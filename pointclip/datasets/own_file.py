"""A user's own data set in a Python file: running the file, and telling where and how its code fails."""

import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path

from pointclip.errors import InputError, first_line

_OWN = "pointclip_own_dataset_"  # begins the module names of the files that are given as DATASET.NAME


def run_file(path: Path) -> None:
    """Run the Python file as a module whose name no other file's has.

    Raises:
        InputError: where there is no such file; what its own code raises comes as it is (see `failures_told`).
    """
    if not os.path.isfile(path):  # Path.is_file raises for names too long
        raise InputError(
            f"DATASET.NAME is {str(path)!r}, but there is no such file; give one that registers a data set."
        )
    name = _OWN + hashlib.blake2b(os.fsencode(os.path.realpath(path)), digest_size=8).hexdigest()
    loader = SourceFileLoader(name, str(path))  # named, because otherwise the ending .PY has none
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location(name, path, loader=loader))
    sys.modules[name] = module  # where dataclasses look up annotations that are text
    loader.exec_module(module)


@contextmanager
def failures_told(path: Path) -> Iterator[None]:
    """Turn whatever the file's code raises into an InputError that names file, line and error; Ctrl-C passes."""
    try:
        yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # it is another's code: whatever is wrong there, the file is to be mended
        raise InputError(f"{failure(error, path)}; mend the file.") from error


def failure(error: BaseException, path: str | Path | None = None) -> str:
    """Where in a data set's file an error arose, and which: "own.py, line 3: KeyError: 'x'".

    Where no line of such a file had a part in it, `path` stands there, or else the line that raised it.
    """
    what = error.msg if isinstance(error, SyntaxError) else str(error)
    what = f"{type(error).__name__}: {first_line(Exception(what))}" if what.strip() else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{error.filename}, line {error.lineno}: {what}"
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [(frame, line) for frame, line in frames if str(frame.f_globals.get("__name__")).startswith(_OWN)]
    if path and not own:
        return f"{path}: {what}"
    frame, line = (own or frames)[-1]
    return f"{frame.f_code.co_filename}, line {line}: {what}"
