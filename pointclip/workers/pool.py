"""The pool of reading processes, one for the whole program.

Each of its threads has a process of its own and starts another where it died, so that nothing is shared between them:
no lock that a dying process could leave locked, and no main module that would be imported again.
"""

import atexit
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pointclip.errors import InputError
from pointclip.utils.limits import VARIABLE
from pointclip.workers.allowance import MEMORY, SECONDS, Allowance, allowance, half_of_memory
from pointclip.workers.answering import Answer, Call, answer
from pointclip.workers.process import ReadingProcess

AUTO, MOST = -1, 16  # workers: one fewer than the cores, and at most so many


class Pool:
    """Threads that each have a reading process; they start when there is something to read.

    Args:
        workers: how many; 0 reads in the caller's thread, `AUTO` takes one fewer than the cores, but one at least.
        seconds: that reading a small file may take; 0 for no limit.
        memory: bytes for the same; 0 for no limit. All workers together have half of the machine's memory.
    """

    def __init__(self, workers: int = AUTO, seconds: float = SECONDS, memory: int = MEMORY):
        self.workers, self.seconds, self.memory = _count(workers), seconds, memory
        self._calls: queue.SimpleQueue[tuple[Future, Callable[..., Any], tuple, Path] | None] = queue.SimpleQueue()
        self._budget = _Budget(half_of_memory())
        self._lock = threading.Lock()
        self._pending = 0  # calls that are not answered
        self._threads: list[threading.Thread] = []
        self._processes: dict[int, ReadingProcess] = {}
        self._is_closed = False

    def start(self) -> None:
        """Start the first process now, so that it is ready when something has to be read."""
        with self._lock:
            if self.workers and not self._threads:
                self._add_thread()

    def submit(self, reader: Callable[..., Any], *args: Any, path: Path) -> "Future[Any]":
        """Have `reader(*args)` called, which reads the file `path`; its exceptions are InputErrors about that file."""
        future: Future[Any] = Future()
        if not self.workers:
            _settle(future, answer(Call(reader, args, str(path))))
            return future
        with self._lock:
            self._pending += 1
            if len(self._threads) < min(self.workers, self._pending):
                self._add_thread()
        self._calls.put((future, reader, args, path))
        return future

    def close(self) -> None:
        """End all processes; calls that were not answered fail."""
        self._is_closed = True
        for _ in self._threads:
            self._calls.put(None)
        for process in list(self._processes.values()):
            process.kill()

    def forget(self) -> None:
        """In a fork of the program: the threads are not there, and the processes belong to the parent."""
        for process in self._processes.values():
            process.close_inherited()

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=f"reading {len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        place = threading.get_ident()
        self._ensure_process(place)
        while (task := self._calls.get()) is not None:
            future, reader, args, path = task
            if future.set_running_or_notify_cancel():
                failure = self._ensure_process(place)
                _settle(future, failure or self._answer(place, reader, args, path))
            del task, future, args  # which may hold large arrays
            with self._lock:
                self._pending -= 1

    def _ensure_process(self, place: int) -> Answer | None:
        """Start the thread's process if there is none; the problem if that fails."""
        process = self._processes.get(place)
        if self._is_closed or (process and process.is_alive):
            return None
        if process:
            process.kill()
        try:
            self._processes[place] = ReadingProcess()
        except InputError as error:
            return Answer(problem=str(error))
        return None

    def _answer(self, place: int, reader: Callable[..., Any], args: tuple, path: Path) -> Answer:
        if self._is_closed:
            return Answer(problem=f"{path} was not read: reading was stopped.")
        given = allowance(path, self.seconds, self.memory)
        memory = min(given.memory, self._budget.most) if self.memory else 0
        seconds = given.seconds if self.seconds else 0.0
        call = Call(reader, args, str(path), seconds, memory, os.environ.get(VARIABLE), _folder())
        self._budget.take(memory)
        try:
            found = self._processes[place].ask(call)
        except InputError as error:
            return Answer(problem=str(error))
        except Exception as error:  # such as an answer that cannot be unpickled
            self._processes[place].kill()
            return Answer(problem=f"{path} was not read ({type(error).__name__}: {error}).")
        finally:
            self._budget.give_back(memory)
        return Answer(problem=_too_much(path, Allowance(seconds, memory))) if found.out_of_memory else found


class _Budget:
    """Memory that the calls under way may take together."""

    def __init__(self, most: int):
        self.most, self._left, self._changed = most, most, threading.Condition()

    def take(self, size: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._left >= size)
            self._left -= size

    def give_back(self, size: int) -> None:
        with self._changed:
            self._left += size
            self._changed.notify_all()


def _settle(future: "Future[Any]", found: Answer) -> None:
    try:
        future.set_result(found.result())
    except InputError as error:
        future.set_exception(error)


def _too_much(path: Path, given: Allowance) -> str:
    if not given.memory:
        return f"{path}: there is not enough memory to read it; give a smaller file."
    took = f"{path}: reading it took more than {given.memory / 2**30:.3g} GB of memory"
    return f"{took}; give a smaller or a sound file, or raise READING.MEMORY."


def _folder() -> str | None:
    """The working directory; None if it has been deleted."""
    try:
        return os.getcwd()
    except OSError:
        return None


def _count(workers: int) -> int:
    if workers != AUTO:
        return workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores - 1, MOST))


_pool = Pool()


def current_pool() -> Pool:
    """The program's pool."""
    return _pool


def configure(workers: int = AUTO, seconds: float = SECONDS, memory: int = MEMORY) -> None:
    """Set the program's pool; processes that run go on if only their limits change. See `Pool` for the arguments."""
    global _pool
    if _pool.workers == _count(workers):
        _pool.seconds, _pool.memory = seconds, memory
        return
    _pool.close()
    _pool = Pool(workers, seconds, memory)


def start() -> None:
    """Start the first reading process now."""
    _pool.start()


def submit(reader: Callable[..., Any], *args: Any, path: Path) -> "Future[Any]":
    """Have the program's pool read a file; see `Pool.submit`."""
    return _pool.submit(reader, *args, path=path)


def call(reader: Callable[..., Any], *args: Any, path: Path) -> Any:
    """The value of `reader(*args)`, which reads the file `path`, from the program's pool.

    Raises:
        InputError: about the file, whatever the reader raised.
    """
    return _pool.submit(reader, *args, path=path).result()


def _after_fork() -> None:
    global _pool
    old, _pool = _pool, Pool(_pool.workers, _pool.seconds, _pool.memory)
    old.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(lambda: _pool.close())
