"""The time and the memory that reading a file may take: both grow with the file's size."""

import os
from dataclasses import dataclass
from pathlib import Path

GB = 1 << 30
SECONDS, SECONDS_PER_MB = 20.0, 1.0  # a slow core reads 2 MB of text in a second
MEMORY, MEMORY_PER_BYTE = 2 * GB, 30  # text takes some 20 times its size while its numbers are found
PACKED, UNPACKED_SIZE = (".gz", ".zip", ".npz", ".laz"), 10  # by which they are larger unpacked, usually at most
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container


@dataclass(frozen=True)
class Allowance:
    """What reading one file may take."""

    seconds: float
    memory: int  # bytes


def allowance(path: Path, seconds: float = SECONDS, memory: int = MEMORY) -> Allowance:
    """The allowance of a file, `seconds` and `memory` being those of a small one."""
    size = _size(path)
    return Allowance(seconds + SECONDS_PER_MB * size / 1e6, memory + MEMORY_PER_BYTE * size)


def half_of_memory() -> int:
    """Half of the machine's memory in bytes, or of what its container may use."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")] if hasattr(os, "sysconf") else []
    for path in _LIMITS:
        try:
            text = Path(path).read_text(encoding="ascii").strip()
        except OSError:
            continue
        sizes += [int(text)] if text.isdecimal() else []
    return min(sizes, default=8 * GB) // 2


def _size(path: Path) -> int:
    """The bytes that have to be read for a file, roughly: also those beside a glTF, and as if it were unpacked."""
    try:
        size = path.stat().st_size
        if path.suffix.lower() == ".gltf":
            size += sum(other.stat().st_size for other in path.parent.glob("*.bin"))
    except (OSError, ValueError):  # which the reader will report
        return 0
    return size * (UNPACKED_SIZE if path.suffix.lower() in PACKED else 1)
