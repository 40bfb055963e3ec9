"""Free memory between small blocks in use goes back to the system."""

import ctypes
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from pointclip.utils import memory

MEGABYTE = 2**20
has_glibc = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim")


def resident() -> float:
    """Memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


@pytest.mark.skipif(not has_glibc, reason="needs glibc")
def test_hands_back_what_small_blocks_hold():
    large, kept = [], []
    for _ in range(1600):  # blocks of 64 KB come from the heap, and each is followed by one that stays
        large.append(np.ones(2**16, np.uint8))
        kept.append(np.ones(2**11, np.uint8))
    del large[:]
    before = resident()
    memory.hand_back()
    assert before - resident() > 80  # of 100 MB; a page or two is lost beside every block that stays
    assert all(block.all() for block in kept)


def test_does_nothing_elsewhere(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "win32")
    memory._malloc_trim.cache_clear()
    memory.hand_back()
    assert memory._malloc_trim() is None
    memory._malloc_trim.cache_clear()
