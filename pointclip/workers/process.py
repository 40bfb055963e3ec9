"""One reading process, seen from the run."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, BinaryIO

from pointclip.errors import InputError, first_line
from pointclip.workers.answering import Answer, Call
from pointclip.workers.messages import receive, send
from pointclip.workers.serving import READY

ENTRY = Path(__file__).with_name("entry.py")
# The readers first; then what meshes need, which takes half a second, if there is nothing to read yet.
PRELOAD = ("pointclip.datasets.shape_files.reading", "trimesh")
START_SECONDS = 120.0  # for its imports, on a busy machine
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
LAST_WORDS = 300  # characters of what a process wrote before it died
PIPE_BYTES, SET_PIPE_SIZE = 1 << 20, 1031  # Linux's F_SETPIPE_SZ, which Python 3.10 names


class ReadingProcess:
    """A process that answers one call at a time; not for several threads.

    Raises:
        InputError: if no process can be started.
    """

    def __init__(self) -> None:
        self._words = _scratch_file()
        self._is_ready, self._is_late = False, False
        try:
            self._process = subprocess.Popen(
                [sys.executable, str(ENTRY)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words or subprocess.DEVNULL,
                env=os.environ | ONE_THREAD,
                start_new_session=True,  # a terminal's Ctrl-C is for the run
            )
        except (OSError, ValueError) as error:
            raise _cannot_start(first_line(error)) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._calls: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self._answers: BinaryIO = self._process.stdout  # type: ignore[assignment]
        _widen(self._answers)
        setup = {"path": [os.path.abspath(folder) for folder in sys.path], "preload": PRELOAD}
        with contextlib.suppress(OSError):  # it has ended already, which `ask` reports
            self._calls.write(json.dumps(setup).encode() + b"\n")
            self._calls.flush()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, call: Call) -> Answer:
        """The answer to a call; a process that does not answer has ended when this returns.

        Raises:
            InputError: if the process cannot do its imports.
        """
        if not self._is_ready:
            if self._exchange(None, START_SECONDS) != READY:
                raise _cannot_start("it takes too long" if self._is_late else self._end())
            self._is_ready = True
        found = self._exchange(call, call.seconds)
        if isinstance(found, Answer):
            return found
        if self._is_late:
            return Answer(
                problem=f"{call.name}: reading it took more than {call.seconds:.0f} s; give a smaller or a sound file, "
                "or raise READING.TIMEOUT."
            )
        return Answer(problem=f"{call.name} ended the reader ({self._end()}); it is damaged, so export it again.")

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()
        self._process.wait()
        for file in (self._calls, self._answers, self._words):
            with contextlib.suppress(OSError):
                if file:
                    file.close()

    def close_inherited(self) -> None:
        """In a fork of the run: close its copies of the pipes, so that the process ends with the run."""
        for file in (self._calls, self._answers):
            with contextlib.suppress(OSError):
                os.close(file.fileno())

    def _exchange(self, call: Call | None, seconds: float) -> Any:
        """Send a call, if there is one, and receive the next message; None if the process ended or was too late."""
        timer = threading.Timer(seconds, self._be_late) if seconds else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            if call:
                send(self._calls, call)
            return receive(self._answers)
        except (EOFError, BrokenPipeError, OSError):
            self._process.kill()
            self._process.wait()
            return None
        finally:
            if timer:
                timer.cancel()

    def _be_late(self) -> None:
        self._is_late = True
        self._process.kill()

    def _end(self) -> str:
        """How the process ended, with the last line that it wrote."""
        code, words = self._process.wait(), self._last_words()
        if code < 0:
            with contextlib.suppress(ValueError):
                how = signal.Signals(-code).name
                return f"{how}{': ' + words if words else ''}"
        return f"exit code {code}{': ' + words if words else ''}"

    def _last_words(self) -> str:
        if not self._words:
            return ""
        self._words.seek(0, io.SEEK_END)
        self._words.seek(max(0, self._words.tell() - 4096))
        lines = self._words.read().decode(errors="replace").split("\n")
        return next((line.strip()[:LAST_WORDS] for line in reversed(lines) if line.strip()), "")


def _scratch_file() -> Any:
    """A file without a name for what a process writes to standard error; None if there is no place for it."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return None


def _widen(pipe: BinaryIO) -> None:
    """Make a pipe larger, where the system can: arrays take fewer turns."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, SET_PIPE_SIZE, PIPE_BYTES)


def _cannot_start(reason: str) -> InputError:
    return InputError(f"No process that reads files can be started ({reason}); set READING.WORKERS 0 to do without.")
