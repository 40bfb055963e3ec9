"""User-defined data sets in a Python file: executing the file, and reporting errors in its code."""

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

_OWN = "pointclip_own_dataset_"  # prefix of the module names of files given as DATASET.NAME


def run_file(path: Path) -> None:
    """Execute the Python file as a module with a unique name.

    Raises:
        InputError: if the file does not exist; exceptions of its code are passed on (see `reporting_failures`).
    """
    if not os.path.isfile(path):  # Path.is_file raises for names that are too long
        raise InputError(f"DATASET.NAME is {str(path)!r}, which does not exist; give a file that registers a data set.")
    name = _OWN + hashlib.blake2b(os.fsencode(os.path.realpath(path)), digest_size=8).hexdigest()
    loader = SourceFileLoader(name, str(path))  # explicit, because .PY in capitals has no loader by default
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None  # it has a loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # needed by dataclasses to resolve annotations that are strings
    loader.exec_module(module)


@contextmanager
def reporting_failures(path: Path) -> Iterator[None]:
    """Turn any exception of the file's code into an InputError with file, line and error, except Ctrl-C."""
    try:
        yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # foreign code: whatever is wrong, the file has to be fixed
        raise InputError(f"{failure(error, path)}; fix the file.") from error


def failure(error: BaseException, path: str | Path | None = None) -> str:
    """The location and description of an error in a data set's file: "frames_in_file.py, line 3: KeyError: 'x'".

    If no line of such a file was involved, `path` is named, or else the line that raised it.
    """
    what = error.msg if isinstance(error, SyntaxError) else str(error)
    what = f"{type(error).__name__}: {first_line(Exception(what))}" if what.strip() else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{error.filename}, line {error.lineno}: {what}"
    frames = list(traceback.walk_tb(error.__traceback__))
    frames_in_file = [(frame, line) for frame, line in frames if str(frame.f_globals.get("__name__")).startswith(_OWN)]
    if path and not frames_in_file:
        return f"{path}: {what}"
    frame, line = (frames_in_file or frames)[-1]
    return f"{frame.f_code.co_filename}, line {line}: {what}"
