"""Prefetching: a thread prepares the next item while the caller uses the current one."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def prefetch(work: Callable[[T], R], items: Iterable[T], depth: int = 1) -> Iterator[tuple[T, R]]:
    """Yield (item, work(item)) in order, while a thread already works on the next ones.

    At most `depth` finished results are queued, plus the one in progress. An exception in the thread is raised here,
    at its item; leaving the loop early stops the thread.
    """
    results: queue.Queue = queue.Queue(maxsize=depth)
    stop = threading.Event()
    thread = threading.Thread(target=_fill, args=(results, stop, work, items), daemon=True)
    thread.start()
    try:
        while True:
            outcome = results.get()
            if outcome is _END:
                return
            if isinstance(outcome, _Failure):
                raise outcome.error
            yield outcome
    finally:
        stop.set()
        thread.join()


_END = object()


class _Failure:
    """An exception in the thread."""

    def __init__(self, error: BaseException):
        self.error = error


def _fill(results: queue.Queue, stop: threading.Event, work: Callable, items: Iterable) -> None:
    def put(outcome: object) -> None:
        while not stop.is_set():
            try:
                return results.put(outcome, timeout=0.1)
            except queue.Full:
                continue

    try:
        for item in items:
            if stop.is_set():
                return
            put((item, work(item)))
        put(_END)
    except BaseException as error:  # raised again in the caller's thread
        put(_Failure(error))
