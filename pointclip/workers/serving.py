"""What a reading process does: it answers calls within their limits until its input ends."""

import contextlib
import importlib
import os
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from pointclip.utils.limits import VARIABLE
from pointclip.workers.answering import Answer, Call, answer, describe
from pointclip.workers.messages import receive, send

READY = "ready"
SLACK = 5.0  # seconds after which a process whose run has gone ends itself


def serve(calls: BinaryIO, answers: BinaryIO, preload: Sequence[str]) -> None:
    """Import modules, say `READY`, and answer.

    Args:
        calls, answers: the pipes.
        preload: modules; all but the first are imported as long as there is nothing to read.
    """
    for place, module in enumerate(preload):
        if place == 0 or _is_idle(calls):
            importlib.import_module(module)
        if place == 0:
            send(answers, READY)
    while True:
        try:
            call = receive(calls)
        except EOFError:
            return
        send(answers, _within_limits(call))


def _within_limits(call: Call) -> Answer:
    _set_factor(call.factor)
    try:
        if call.folder and call.folder != os.getcwd():
            os.chdir(call.folder)
        with _time_limit(call.seconds), _memory_limit(call.memory):
            return answer(call)
    except MemoryError:  # while the exception was handled
        return Answer(problem=f"{call.name}: there is not enough memory to read it.", out_of_memory=True)
    except BaseException as error:  # a panic of a library written in Rust is no Exception
        return Answer(problem=f"{call.name} cannot be read ({describe(error)}); is it damaged? Export it again.")


def _set_factor(factor: str | None) -> None:
    os.environ.pop(VARIABLE, None)
    if factor is not None:
        os.environ[VARIABLE] = factor


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """The run ends a process that takes too long; if the run itself has ended, the system does."""
    if not seconds or not hasattr(signal, "setitimer"):
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds + SLACK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextlib.contextmanager
def _memory_limit(size: int) -> Iterator[None]:
    """Limit the address space to `size` bytes more than now, where the system can."""
    statistics = Path("/proc/self/statm")
    if not size or sys.platform != "linux" or not statistics.exists():
        yield
        return
    import resource

    now = int(statistics.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    before, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = [limit for limit in (now + size, before, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(most), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, hard))


def _is_idle(calls: BinaryIO) -> bool:
    return os.name == "posix" and not select.select([calls], [], [], 0)[0]
