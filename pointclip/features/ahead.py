"""Working one step ahead: a thread prepares the next item while the caller uses this one."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(work: Callable[[T], R], items: Iterable[T], depth: int = 1) -> Iterator[tuple[T, R]]:
    """Yield (item, work(item)) in order, while a thread already works on what comes next.

    `depth` finished results wait at most, besides the one being worked on. What the thread raises is raised here, at
    the item where it happened; leaving the loop early ends the thread.
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
    """What the thread could not do."""

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
    except BaseException as error:  # handed over, to be raised in the caller's thread
        put(_Failure(error))
