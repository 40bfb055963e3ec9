"""Files that are read ahead of need, in the order in which they will be wanted."""

import os
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointclip.workers.pool import current_pool

MOST_BYTES = 64 << 20  # of files read ahead: two large scans need not be in memory at once


@dataclass(frozen=True)
class Wanted:
    """A call of a reader that will be wanted."""

    key: Hashable
    reader: Callable[..., Any]
    args: tuple[Any, ...]
    path: Path  # the file that it reads


class Ahead:
    """What is read ahead of need, by key; empty in copies of a data set in other processes."""

    def __init__(self) -> None:
        self._futures: dict[Hashable, Future[Any]] = {}
        self._process = os.getpid()

    def prepare(self, wanted: Sequence[Wanted]) -> None:
        """Read what will be wanted next, in this order and as far ahead as is of use; anything else is given up."""
        self._forget_parents()
        most = 2 * current_pool().workers
        for key in self._futures.keys() - {call.key for call in wanted}:
            self._futures.pop(key).cancel()
        for call in wanted:
            if call.key in self._futures:
                continue
            if len(self._futures) >= most or (self._futures and _size(call.path) > MOST_BYTES // most):
                return
            self._futures[call.key] = current_pool().submit(call.reader, *call.args, path=call.path)

    def take(self, wanted: Wanted) -> Any:
        """What the reader returns, read ahead or now.

        Raises:
            InputError: about the file.
        """
        self._forget_parents()
        future = self._futures.pop(wanted.key, None)
        if future is None:
            future = current_pool().submit(wanted.reader, *wanted.args, path=wanted.path)
        return future.result()

    def __getstate__(self) -> dict[str, Any]:
        return {"_futures": {}, "_process": -1}

    def _forget_parents(self) -> None:
        """In a fork, the threads that would answer are not there."""
        if self._process != os.getpid():
            self._futures, self._process = {}, os.getpid()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0
