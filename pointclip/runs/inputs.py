"""Expand the arguments of --input and --classes: folders, patterns, and lists in files."""

import argparse
import os
from collections.abc import Collection, Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path

from pointclip.errors import InputError
from pointclip.utils.files import expanded

LIST_MARK = "@"  # prefix of a file that lists files or names, one per line


def expand_inputs(words: Sequence[str], endings: Collection[str]) -> list[Path]:
    """The shape files given by the arguments of --input, without duplicates, in order.

    Args:
        words: files; folders, of which all files with known extensions are taken, including subfolders, sorted by name;
            patterns such as "scans/*.ply"; and @list.txt, a file with one of these per line, relative to its folder.
        endings: the known extensions, in lower case with dot.

    Raises:
        InputError: for a list that cannot be read, and for folders, patterns and lists without shapes.
    """
    found: dict[Path, None] = {}
    for word in words:
        found |= dict.fromkeys(_files(word, endings))
    return list(found)


def _files(word: str, endings: Collection[str]) -> Iterator[Path]:
    path = expanded(word)
    if word.startswith(LIST_MARK) and not os.path.exists(path):
        folder = expanded(word[1:]).parent
        for line in read_lines(word[1:]):
            yield from _files(str(folder / expanded(line)), endings)
    elif os.path.isdir(path):  # Path.is_dir raises for names too long
        yield from _non_empty(
            _in_folder(path, endings), f"The folder {word} contains no shapes ({' '.join(sorted(endings))})"
        )
    elif has_magic(word) and not os.path.exists(path):
        yield from _non_empty((Path(name) for name in sorted(glob(str(path), recursive=True))), f"No file fits {word}")
    else:
        yield path


def _in_folder(folder: Path, endings: Collection[str]) -> Iterator[Path]:
    """The shapes in a folder and its subfolders; hidden files and folders are skipped."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in endings and path.is_file():
            yield path


def _non_empty(paths: Iterator[Path], problem: str) -> Iterator[Path]:
    none = True
    for path in paths:
        none = False
        yield path
    if none:
        raise InputError(f"{problem}; check --input.")


def names_or_list(text: str) -> tuple[str, ...]:
    """Comma-separated names, or those in @FILE, one per line."""
    if text.startswith(LIST_MARK):
        return tuple(read_lines(text[1:]))
    return tuple(name.strip() for name in text.split(","))


def names_argument(text: str) -> tuple[str, ...]:
    """`names_or_list` as the type of an argument: argparse has its own exception for a message."""
    try:
        return names_or_list(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def read_lines(path: str) -> list[str]:
    """The lines of a text file, except blank ones and those that start with #.

    Raises:
        InputError: for a file that cannot be read, or has none.
    """
    try:
        text = expanded(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"Cannot read the list {path} ({reason}); give a text file with one name per line.") from error
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise InputError(f"The list {path} is empty; write one name per line.")
    return lines
