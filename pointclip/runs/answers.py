"""Answers for scripts: the JSON document of --json, and a run's exit code. Does not import torch."""

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence

from pointclip.errors import InputError, NothingReadError
from pointclip.runs.output import plain
from pointclip.utils.command import SOME_FAILED

ANSWERS = "answers"  # in metrics.json: of own shapes, one a shape


def answering(args: argparse.Namespace, task: Callable[[], dict]) -> dict:
    """Run a task; with --json the document is all of standard output, and what the task prints is on standard error."""
    if not args.json:
        return task()
    with contextlib.redirect_stdout(sys.stderr):
        summary = task()
    _print(summary[ANSWERS], summary["notes"], None, exit_code(summary))
    return summary


def exit_code(summary: Mapping) -> int:
    """Of a run that ended with results: 0, or `SOME_FAILED` if some of the user's files could not be read."""
    answers = summary.get(ANSWERS, ()) if isinstance(summary, Mapping) else ()
    return SOME_FAILED if any("error" in answer for answer in answers) else 0


def print_error(error: InputError) -> None:
    """Print the document of a run that ended with an error."""
    reasons = error.reasons if isinstance(error, NothingReadError) else {}
    failed = [{"shape": name, "file": name.partition("#")[0], "error": reason} for name, reason in reasons.items()]
    _print(failed, [], str(error), error.exit_code)


def _print(answers: Sequence[Mapping], notes: Sequence[str], error: str | None, code: int) -> None:
    document = {"answers": answers, "notes": notes, "error": error, "exit_code": code}
    print(json.dumps(plain(document), indent=2, allow_nan=False))  # ASCII, for any terminal and pipe
