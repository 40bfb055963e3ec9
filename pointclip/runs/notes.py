"""Notes on many files, such as a folder's, that say the same."""

import re
from collections.abc import Sequence

FEW = 3  # notes of a kind that are all kept, if their numbers differ


def gathered(notes: Sequence[str]) -> list[str]:
    """The notes "file: what", with those that say the same of several files as one, which counts the files.

    Notes that differ in their numbers only are of one kind; more than `FEW` of it are one, with the first's numbers.
    """
    kinds: dict[str, list[str]] = {}
    for note in notes:
        kinds.setdefault(re.sub(r"\d+(?:[.,]\d+)*", "0", _split(note)[1]), []).append(note)
    return [note for alike in kinds.values() for note in (_as_one(alike) if _say_the_same(alike) else alike)]


def _say_the_same(alike: list[str]) -> bool:
    return len(alike) > FEW or (len(alike) > 1 and len({_split(note)[1] for note in alike}) == 1)


def _as_one(alike: list[str]) -> list[str]:
    name, what = _split(alike[0])
    more = f", and likewise {len(alike) - 1:,} more" if name else ""
    return [f"{name}{more}: {what}" if name else what]


def _split(note: str) -> tuple[str, str]:
    """The file and what is said of it; no file if the note is about all."""
    name, colon, what = note.partition(": ")
    return (name, what) if colon else ("", note)
