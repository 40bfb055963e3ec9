"""Data sets with one file for each shape, which are read ahead by other processes."""

from collections.abc import Iterable
from typing import Any

from pointclip.workers import Ahead, Wanted


class FilePerShape:
    """The part that such data sets share: `wanted(index)` says what reads shape `index`."""

    def __init__(self) -> None:
        self._ahead = Ahead()

    def wanted(self, index: int) -> Wanted:
        """The call that reads a shape."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> Any:
        return self._ahead.take(self.wanted(index))

    def prepare(self, indices: Iterable[int]) -> None:
        """Have these shapes read ahead."""
        self._ahead.prepare([self.wanted(index) for index in indices])
