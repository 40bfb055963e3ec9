"""Words of a command line that are not flags: files, and settings as KEY VALUE or KEY=VALUE."""

import os
import re
from collections.abc import Sequence
from glob import glob, has_magic
from itertools import takewhile
from pathlib import Path

from yacs.config import CfgNode

from pointclip.config import is_setting
from pointclip.errors import InputError
from pointclip.runs.inputs import LIST_MARK, read_lines
from pointclip.utils.files import expanded

LISTS = ("--classes", "--parts", "--search")  # flags that take a comma-separated list
_KEY = re.compile(r"[A-Z_]+(\.[A-Z_]+)*")


def files_and_settings(words: Sequence[str], base: CfgNode) -> tuple[list[str], list[str]]:
    """Files, and KEY VALUE pairs, which may stand in any order; KEY=VALUE is the same as KEY VALUE.

    A KEY is a setting of `base`, or looks like one; an existing file's name is a file.
    """
    files, pairs, left = [], [], list(words)
    while left:
        word = left.pop(0)
        key, equals, value = word.partition("=")
        if os.path.exists(expanded(word)) and not is_setting(base, word):
            files.append(word)
        elif not _is_key(key, base) and is_setting(base, key.upper()):
            raise InputError(f"The setting {key} is written {key.upper()}, in capitals.")
        elif equals and _is_key(key, base):
            pairs += [key, value]
        elif _is_key(word, base):
            pairs += [word, *left[:1]]
            left = left[1:]
        else:
            files.append(word)
    return files, pairs


def _is_key(word: str, base: CfgNode) -> bool:
    return is_setting(base, word) or bool(_KEY.fullmatch(word))


def check_lists(words: Sequence[str], base: CfgNode) -> None:
    """Raise an InputError for a list with blanks that is not in quotes: --classes chair, sofa."""
    words = [part for word in words for part in (word.split("=", 1) if word.partition("=")[0] in LISTS else [word])]
    for place, word in enumerate(words[:-1]):
        value = words[place + 1]
        if word not in LISTS or value.startswith("-"):
            continue
        after = takewhile(lambda text: not text.startswith("-") and not _is_key(text, base), words[place + 2 :])
        strays = list(takewhile(_is_no_file, after))
        if strays:
            names = [name for text in (value, *strays) for part in text.split(",") if (name := part.strip())]
            raise InputError(
                f"After {word} {value} comes {strays[0]!r}, which is neither a file nor a setting; put a list with "
                f'blanks in quotes: {word} "{", ".join(names)}".'
            )


def _is_no_file(word: str) -> bool:
    """Whether a word is neither a file nor looks like one."""
    return not (os.path.exists(expanded(word)) or word.startswith(LIST_MARK) or has_magic(word) or Path(word).suffix)


def check_files(words: Sequence[str], all_of_them: bool, configs: Path) -> None:
    """Raise an InputError if the files that were given are missing; they are read later.

    Args:
        words: files, folders, patterns and @lists.
        all_of_them: whether all have to exist, rather than any.
        configs: the folder of the task's configs, to which a word may refer instead.
    """
    missing = [word for word in words if not _is_there(word)]
    if not missing or (len(missing) < len(words) and not all_of_them):
        return  # one that is missing among others is reported like a bad one
    first = missing[0]
    is_config = os.path.isfile(configs / f"{Path(first).stem}.yaml")  # Path.is_file raises for names too long
    advice = f"for the config of that name give --config {first}" if is_config else "check the path"
    raise InputError(f"No file fits {first}; {advice}." if has_magic(first) else f"{first} does not exist; {advice}.")


def _is_there(word: str) -> bool:
    path = expanded(word)
    if word.startswith(LIST_MARK) and not os.path.exists(path):
        return bool(read_lines(word[1:]))
    return os.path.exists(path) or (has_magic(word) and bool(glob(str(path), recursive=True)))
