"""Expand the arguments of --input and --classes: folders, patterns, and lists in files."""

import argparse
import os
from collections.abc import Collection, Sequence
from glob import escape, glob, has_magic
from pathlib import Path

from pointclip.errors import InputError
from pointclip.utils.files import expanded
from pointclip.utils.shape_folders import Found, is_hidden, shapes_in

CONVERT = "such files cannot be read; convert them to .glb, .obj or .ply"
LIST_MARK = "@"  # prefix of a file that lists files or names, one per line


def expand_inputs(words: Sequence[str], endings: Collection[str]) -> tuple[list[Path], tuple[str, ...]]:
    """The shape files given by the arguments of --input, without duplicates, in order, and notes on others.

    Args:
        words: files; folders, of which all files with known extensions are taken, including subfolders, sorted by name;
            patterns such as "scans/*.ply"; and @list.txt, a file with one of these per line, relative to its folder.
        endings: the known extensions, in lower case with dot.

    Raises:
        InputError: for a list that cannot be read, and for folders, patterns and lists without shapes.
    """
    files: dict[Path, None] = {}
    unread = Found()
    for word in words:
        found = _found(word, endings)
        files |= dict.fromkeys(found.files)
        unread.unread += found.unread
    if not unread.words:
        return list(files), ()
    return list(files), (f"{unread.words} among the --input files were passed over: {CONVERT}.",)


def _found(word: str, endings: Collection[str]) -> Found:
    path = expanded(word)
    if word.startswith(LIST_MARK) and not os.path.exists(path):
        folder, found = expanded(word[1:]).parent, Found()
        for line in read_lines(word[1:]):
            of_line = _found(str(folder / expanded(line)), endings)
            found.files += of_line.files
            found.unread += of_line.unread
        return found
    if os.path.isdir(path):  # Path.is_dir raises for names too long
        return _checked(shapes_in(path, endings), f"The folder {word} contains no shapes ({' '.join(sorted(endings))})")
    if not has_magic(word) or os.path.exists(path):
        return Found([path])
    fitting = [
        path for path in map(Path, sorted(glob(_pattern(path), recursive=True))) if not is_hidden(Path(path.name))
    ]
    found = Found().add((path for path in fitting if not path.is_dir()), endings)
    for folder in filter(Path.is_dir, fitting if not word.endswith("**") else ()):
        inner = shapes_in(folder, endings)
        found.files += inner.files
        found.unread += inner.unread
    return _checked(found, f"No file fits {word}" if not fitting else f"No file that fits {word} is a shape")


def _pattern(path: Path) -> str:
    """The pattern for glob, in which the longest folder that exists is meant literally: "scans[2]/*.ply"."""
    folder = next((parent for parent in path.parents if os.path.exists(parent)), None)
    return str(path) if folder is None else os.path.join(escape(str(folder)), path.relative_to(folder))


def _checked(found: Found, problem: str) -> Found:
    if found.files:
        return found
    others = f" but {found.words}: {CONVERT}" if found.unread else "; check --input"
    raise InputError(f"{problem}{others}.")


def names_or_list(text: str) -> tuple[str, ...]:
    """Comma-separated names, or those in @FILE, one per line."""
    if text.startswith(LIST_MARK):
        return tuple(read_lines(text[1:]))
    if ";" in text:
        raise InputError(f"The names {text!r} have a semicolon; separate them by commas, or give them in @FILE.")
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
