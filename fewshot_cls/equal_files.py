"""Files of the same bytes, where they make a result untrue: a test of training shapes, a shape of two classes."""

import hashlib
from collections.abc import Sequence
from pathlib import Path


def equal_files_notes(train: Sequence[Path], classes: Sequence[str], test: Sequence[Path] = ()) -> list[str]:
    """What readers should know of training shapes that are of several classes, or in the test too.

    Args:
        train: training files.
        classes: of each of them, its class.
        test: files that are to be scored.
    """
    contents = _contents([*train, *test])
    known: dict[bytes, str] = {}
    notes, twice = [], []
    for path, name in zip(train, classes, strict=True):
        first = known.setdefault(contents[path], name)
        if first != name:
            twice.append(f"{path} is the same file as one of {first!r}")
    if twice:
        more = f" ({len(twice):,} such files)" if len(twice) > 1 else ""
        notes.append(f"{twice[0]}{more}: a shape of two classes misleads the head.")
    if same := sum(contents[path] in known for path in test):
        notes.append(f"{same:,} of {len(test):,} test files are training files too: the accuracy is too high.")
    return notes


def _contents(paths: Sequence[Path]) -> dict[Path, bytes]:
    """A digest of each file's bytes; of a file that cannot be read, its name."""
    digests = {}
    for path in paths:
        try:
            digests[path] = hashlib.sha256(path.read_bytes()).digest()
        except OSError:
            digests[path] = str(path).encode()
    return digests
