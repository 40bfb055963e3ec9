"""What the lines before the first point say about the columns of a text file."""

import re
from dataclasses import dataclass
from pathlib import Path

from pointclip.datasets.shape_files.columns import UNITS, Chosen, are_known, how_to_name
from pointclip.datasets.shape_files.numbers import as_count, as_number
from pointclip.datasets.shape_files.text_fields import own_separator, split_by, split_loosely, splitter_of
from pointclip.errors import InputError

COMMENT = re.compile(r"(?:#|//|%)\s*")
BLANK_BEFORE_UNIT = re.compile(r"\s+(?=\[[^]]*\]|\([^)]*\))")


@dataclass(frozen=True)
class Header:
    """What the lines before the first point say about the columns."""

    names: tuple[str, ...] = ()  # of all columns; () if there is no header
    chosen: Chosen | None = None  # columns that were found without knowing all names


def header_of(head: list[str], rows: list[str], path: Path, has_columns: bool) -> Header:
    """The last header among the lines before the first point; a line that is neither header nor comment is refused.

    Args:
        has_columns: whether READING.COLUMNS says which columns are taken, so that no header has to be understood.
    """
    if any(line.lower().startswith("ncols") for line in head):
        raise InputError(f"{path} is a grid of heights, not a table of points; export its points as x, y, z.")
    own = own_separator(rows[0])
    first = split_by(rows[0], own), splitter_of(rows[0])(rows[0])
    for line in reversed(head):
        if _are_units(line):
            continue
        comment = COMMENT.match(line)
        found = _names_in(line[comment.end() :] if comment else line, bool(comment), own, first, rows, path)
        if found.names or found.chosen:
            return found
        if not comment and not has_columns:
            words = len(split_loosely(line))
            if words < 3 and not any(map(str.isdigit, line)):
                continue  # a title
            fits = f"its {words} words do not fit {len(first[1])} columns, so {how_to_name()}"
            advice = f"; if it is a header, {fits}" if words > 2 else ""
            raise InputError(f"{path} has {line[:60]!r} instead of a header or a line of numbers{advice}.")
    return Header()


def numbered_columns(rows: list[str]) -> Chosen | None:
    """The columns x, y, z below a first line of column numbers, from 0 (pandas) or 1; None if there is none."""
    if len(rows) < 2 or not re.search(r"[,;\t]", rows[0]):
        return None
    separator = own_separator(rows[0])
    first, second = (split_by(row, separator) for row in rows[:2])
    skipped = 1 if as_number(first[0] or "index") is None else 0  # above the row's number
    numbers = first[skipped:]
    if len(numbers) < 3 or len(first) != len(second) or any(map(str.isdecimal, second[skipped : skipped + 3])):
        return None
    is_header = any(numbers == [str(start + k) for k in range(len(numbers))] for start in (0, 1))
    return Chosen((skipped, skipped + 1, skipped + 2)) if is_header else None


def _names_in(
    line: str, is_comment: bool, own: str | None, first: tuple[list[str], list[str]], rows: list[str], path: Path
) -> Header:
    """The names of the columns in a line of words, if they fit the rows.

    Args:
        own: what separates the fields of a row.
        first: the fields of the first row, separated by that, and as its values are.
    """
    if is_comment:
        line = line.rsplit(": ", 1)[-1]  # "columns: x y z"
    strict, fields = first
    names = split_by(line, own)
    words, joined = split_loosely(line), split_loosely(BLANK_BEFORE_UNIT.sub("", line))
    splits = [(names, strict), (names, fields), (line.split("\t"), fields), (words, fields), (joined, fields)]
    for names, values in splits:
        if len(names) == len(values) and (not is_comment or are_known(names)):
            return Header(tuple(names))
    chosen = _by_run(words, fields, rows, is_comment)
    if chosen is None and is_comment and len(words) > 2 and all(are_known([word]) for word in words):
        raise InputError(
            f"{path} has the header {line[:80]!r} of {len(words)} names for {len(fields)} columns, so {how_to_name()}."
        )
    return Header(chosen=chosen)


def _are_units(line: str) -> bool:
    """Whether a line has only units, as may stand below a header."""
    words = [word.strip("[](){}\"'").lower() for word in split_loosely(COMMENT.sub("", line, count=1))]
    return any(word in UNITS for word in words) and all(word in (*UNITS, "", "-", "s", "ns") for word in words)


def _by_run(words: list[str], fields: list[str], rows: list[str], is_comment: bool) -> Chosen | None:
    """The columns by x, y, z in a header of another length than the rows, if its other words leave no doubt.

    Names may have blanks, as in "Original cloud index X Y Z"; R writes none for a first column of row names.
    """
    plain = [word.lower() for word in words]
    start = next((i for i in range(len(plain)) if plain[i : i + 3] == ["x", "y", "z"]), None)
    if start is None:
        return None
    before, after = words[:start], words[start + 3 :]
    behind = len(fields) - 3 - len(after)  # column of x counted from the end
    if len(words) + 1 == len(fields) and _are_row_names(rows):
        place = start + 1
    elif not before:
        place = 0
    elif behind >= 0 and len(words) > len(fields) and all(are_known([word]) for word in after):
        known = sum(are_known([word]) for word in before)
        if (is_comment and not known) or behind < known:
            return None  # prose, or a column is missing
        place = behind
    else:
        return None
    if place + 3 > len(fields):
        return None
    says = f"Its header {' '.join(words)[:80]!r} has {len(words)} words for {len(fields)} columns"
    return Chosen(
        (place, place + 1, place + 2), (f"{says}; columns {place + 1} to {place + 3} were taken as x, y, z.",)
    )


def _are_row_names(rows: list[str]) -> bool:
    """Whether the first column is quoted, or counts the rows."""
    first = [split_loosely(row)[0].strip("\"'") for row in rows[:3]]
    counts = [count for name in first if (count := as_count(name)) is not None]
    in_order = len(counts) == len(first) and counts == list(range(counts[0], counts[0] + len(counts)))
    return rows[0].startswith('"') or in_order
