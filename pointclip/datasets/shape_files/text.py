"""Clouds as text: one point per line, with numbers separated by whitespace, commas or semicolons."""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.columns import (
    SETTING,
    Chosen,
    are_known,
    how_to_name,
    listed,
    named_columns,
    other_columns,
    unnamed_columns,
    wanted_columns,
)
from pointclip.datasets.shape_files.geometry import PLAIN, Geometry, Reading
from pointclip.datasets.shape_files.numbers import as_count, as_number, decoded
from pointclip.errors import InputError
from pointclip.utils.file_errors import truncated
from pointclip.utils.limits import within

WINDOWS_NAN = re.compile(r"-?\b\d\.#(?:QNAN|SNAN|IND)\d*")  # as Microsoft's C library writes NaN
WINDOWS_INF = re.compile(r"\b\d\.#INF\d*")
COMMENT = re.compile(r"(?:#|//|%)\s*")
MAX_HEAD = 1000  # lines before the first point
MAX_WIDTH = 10_000  # fields of a line


@dataclass(frozen=True)
class _Content:
    """A file's lines."""

    head: list[str]  # before the first point, without counts and blank lines
    rows: list[str]  # with points
    declared: int  # number of points


@dataclass(frozen=True)
class _Header:
    """What the lines before the first point say about the columns."""

    names: tuple[str, ...] = ()  # of all columns; () if there is no header
    chosen: Chosen | None = None  # columns that were found without knowing all names


def read_text(data: bytes, path: Path, reading: Reading = PLAIN) -> Geometry:
    """Read a text cloud (.xyz .txt .csv .pts …): the columns that a header names x, y, z, or the first three.

    Comments (# and //) and lines with a single integer are skipped; the last is a point count, which is checked. An
    empty field between commas is NaN. See `pointclip.datasets.shape_files.columns` for what a header may say, and for
    columns before x, y and z.

    Raises:
        InputError: for decimal commas, rows of different lengths, words between the numbers, fewer rows than the
            count, and a header that is not understood.
    """
    content = _content(_plain_nan(decoded(data, path)), path)
    if not content.rows:
        raise InputError(f"{path} has no points; is it the right file?")
    rows = content.rows
    wanted = reading.columns
    within(len(_loose(rows[0])), MAX_WIDTH, str(path), "fields in a line")
    header = _header(content.head, rows, path, bool(wanted))
    if header == _Header() and (numbered := _numbered(rows)):
        header, rows = _Header(chosen=numbered), rows[1:]
    split = _splitter(rows[0], len(header.names))
    width = len(split(rows[0]))
    chosen = wanted_columns(wanted, header.names, width, path) if wanted else header.chosen
    if chosen is None and header.names:
        chosen = named_columns(header.names, path)
    if chosen is None and width < 3:
        raise InputError(f"{path} has {width} numbers per line; expected at least x, y and z.")
    if len(rows) < content.declared:
        raise truncated(path, "points", content.declared, len(rows))
    names = header.names if reading.fields else None
    return _points(rows, split, chosen, names, path)


def _points(
    rows: list[str],
    split: Callable[[str], list[str]],
    chosen: Chosen | None,
    names: Sequence[str] | None,
    path: Path,
) -> Geometry:
    """The points in rows.

    Args:
        split: how rows are split into fields.
        chosen: the columns of x, y and z; None to find them by what they hold.
        names: of all columns, () if they have none; None if the other columns are not wanted.
    """
    table = _quick_table(rows)
    cells = None
    if table is None or table.shape[1] != len(split(rows[0])):
        cells = _cells(rows, split, path)
        if chosen is None:
            table = _leading_numbers(cells, rows, path)
    chosen = chosen or unnamed_columns(table, path)
    if cells is None:
        fields = {} if names is None else other_columns(table.T, chosen.columns, names)
        return Geometry(np.ascontiguousarray(table[:, list(chosen.columns)]), notes=chosen.notes, fields=fields)
    points = _numbers(cells, chosen.columns, rows, path)
    columns = ([as_number(field) for field in column] for column in zip(*cells, strict=True))
    arrays = (None if None in column else np.array(column) for column in columns)
    fields = {} if names is None else other_columns(arrays, chosen.columns, names)
    return Geometry(points, notes=chosen.notes, fields=fields)


def _plain_nan(text: str) -> str:
    """The text with NaN and infinity as C's standard has them."""
    if ".#" not in text:
        return text
    return WINDOWS_INF.sub("inf", WINDOWS_NAN.sub("nan", text))


def _content(text: str, path: Path) -> _Content:
    lines = [line for raw in text.splitlines() if (line := raw.strip())]
    head: list[str] = []
    declared, start = 0, len(lines)
    for place, line in enumerate(lines):
        bare = _bare(line)
        if (count := as_count(bare)) is not None:
            declared += count
        elif _is_row(bare):
            start = place
            break
        else:
            head.append(line)
        if len(head) > MAX_HEAD:
            _check_head(head, path)
            raise InputError(f"{path} has no line of numbers among its first {MAX_HEAD}; is it the right file?")
    rows = lines[start:]
    if "#" in text or "//" in text:
        rows = [bare for line in rows if (bare := _bare(line))]
    counts = [count for row in rows if (count := as_count(row)) is not None]  # of clouds that follow
    if counts:
        rows = [row for row in rows if as_count(row) is None]
    if not rows and head:
        _check_head(head, path)
    return _Content(head, rows, declared + sum(counts))


def _check_head(head: list[str], path: Path) -> None:
    """Raise an InputError for a file of words, unless these are comments."""
    words = next((line for line in head if not COMMENT.match(line)), "")
    if words:
        raise InputError(f"{path} has {words[:60]!r} instead of a header or a line of numbers.")


def _bare(line: str) -> str:
    """The line without a comment."""
    if "#" not in line and "//" not in line:
        return line
    return re.split(r"#|//", line, maxsplit=1)[0].strip()


def _header(head: list[str], rows: list[str], path: Path, has_columns: bool) -> _Header:
    """The last header among the lines before the first point; a line that is neither header nor comment is refused.

    Args:
        has_columns: whether READING.COLUMNS says which columns are taken, so that no header has to be understood.
    """
    if any(line.lower().startswith("ncols") for line in head):
        raise InputError(f"{path} is a grid of heights, not a table of points; export its points as x, y, z.")
    own = _own_separator(rows[0])
    first = _split_by(rows[0], own), _splitter(rows[0])(rows[0])
    for line in reversed(head):
        comment = COMMENT.match(line)
        found = _names_in(line[comment.end() :] if comment else line, bool(comment), own, first, rows)
        if found.names or found.chosen:
            return found
        if not comment and not has_columns:
            words = len(line.split())
            if words < 3 and not any(map(str.isdigit, line)):
                continue  # a title
            advice = f"; if it is a header, {how_to_name()}" if words > 2 else ""
            raise InputError(f"{path} has {line[:60]!r} instead of a header or a line of numbers{advice}.")
    return _Header()


def _names_in(
    line: str, is_comment: bool, own: str | None, first: tuple[list[str], list[str]], rows: list[str]
) -> _Header:
    """The names of the columns in a line of words, if they fit the rows.

    Args:
        own: what separates the fields of a row.
        first: the fields of the first row, separated by that, and as its values are.
    """
    if is_comment:
        line = line.rsplit(": ", 1)[-1]  # "columns: x y z"
    strict, fields = first
    names = _split_by(line, own)
    splits = [(names, strict), (names, fields), (line.split("\t"), fields), (_loose(line), fields)]
    for names, values in splits:
        if len(names) == len(values) and (not is_comment or are_known(names)):
            return _Header(tuple(names))
    return _Header(chosen=_by_run(_loose(line), fields, rows, is_comment))


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
        if is_comment and not any(are_known([word]) for word in before):
            return None  # prose
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
    first = [_loose(row)[0].strip("\"'") for row in rows[:3]]
    counts = [as_count(name) for name in first]
    return rows[0].startswith('"') or (None not in counts and counts == list(range(counts[0], counts[0] + len(counts))))


def _numbered(rows: list[str]) -> Chosen | None:
    """The columns x, y, z below a first line of column numbers, as pandas writes them; None if there is none."""
    if len(rows) < 2 or not re.search(r"[,;\t]", rows[0]):
        return None
    separator = _own_separator(rows[0])
    first, second = (_split_by(row, separator) for row in rows[:2])
    skipped = 1 if first[0] == "" else 0  # above the row's number
    numbers = first[skipped:]
    if len(numbers) < 3 or len(first) != len(second) or any(map(str.isdecimal, second[skipped : skipped + 3])):
        return None
    is_header = numbers == [str(k) for k in range(len(numbers))]
    return Chosen((skipped, skipped + 1, skipped + 2)) if is_header else None


def _own_separator(row: str) -> str | None:
    """What separates the fields of a row; None for whitespace."""
    tabs = row.count("\t")
    blank_inside = tabs > 1 and len(row.split()) != tabs + 1
    return next((mark for mark in (",", ";") if mark in row), "\t" if blank_inside else None)


def _split_by(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return [field.strip("\"'") for field in line.split()]
    try:
        fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True))
    except csv.Error:  # a field of more than 128 kB
        fields = line.split(separator)
    return [field.strip().strip("'") for field in fields]


def _loose(line: str) -> list[str]:
    """The fields of a line separated by commas, semicolons and whitespace; empty ones between commas count."""
    fields: list[str] = []
    for part in line.rstrip(",; \t").replace(";", ",").split(","):
        fields += part.split() or [""]
    return [field.strip("\"'") for field in fields]


def _splitter(row: str, columns: int = 0) -> Callable[[str], list[str]]:
    """How lines like this row are split; `columns` of the header, 0 if unknown."""
    separator = _own_separator(row)
    strict = _split_by(row, separator)
    if separator is None:
        return lambda line: _split_by(line, None)
    if len(strict) == columns:
        return lambda line: _split_by(line, separator)
    grouped = [words for words in map(str.split, strict) if len(words) > 1]
    if any(_are_numbers(words) for words in grouped) or strict[-1] == "":  # "1,2,3 255,0,0", or a separator at the end
        return _loose
    return lambda line: _split_by(line, separator)


def _are_numbers(fields: Sequence[str]) -> bool:
    return all(as_number(field) is not None for field in fields)


def _is_row(line: str) -> bool:
    """Whether a line starts with at least two numbers, or has three of them and few words."""
    if _has_decimal_commas(line):
        return True
    fields = _split_by(line, _own_separator(line)) if line else []
    for start in (fields[:3], _loose(line)[:3]):
        if len(start) > 1 and any(start) and _are_numbers(start):
            return True
    numbers = sum(as_number(field) is not None for field in fields if field)
    return numbers >= 3 and 2 * numbers >= len(fields)


def _has_decimal_commas(line: str) -> bool:
    """Whether each of several numbers has at most one comma inside, and one of them has."""
    if "," not in line:
        return False
    tokens = [token.strip(",") for token in line.replace(";", " ").split()]
    tokens = [token for token in tokens if token]
    inside = [token.count(",") for token in tokens]
    return len(tokens) > 1 and max(inside) == 1 and _are_numbers([token.replace(",", ".") for token in tokens])


def _quick_table(rows: list[str]) -> np.ndarray | None:
    """The numbers as a table, read quickly by numpy if there are only numbers, separated alike; otherwise None."""
    separator = _own_separator(rows[0])
    try:
        return np.loadtxt(rows, dtype=np.float64, ndmin=2, comments=None, delimiter=separator)
    except ValueError:
        return None


def _cells(rows: list[str], split: Callable[[str], list[str]], path: Path) -> list[list[str]]:
    """The fields of every row, of the same number."""
    cells: list[list[str]] = []
    for row in rows:
        if _has_decimal_commas(row):
            raise InputError(f"{path} has decimal commas ({row[:60]!r}), which are not supported; use decimal points.")
        cells.append(split(row))
        if len(cells[-1]) != len(cells[0]):
            kind = "numbers" if _are_numbers(cells[-1]) else "fields"
            raise InputError(
                f"{path} has lines of {len(cells[0])} and of {len(cells[-1])} {kind} ({row[:60]!r}); all lines need "
                "the same number."
            )
    return cells


def _leading_numbers(cells: list[list[str]], rows: list[str], path: Path) -> np.ndarray:
    """The columns before the first one with words, as numbers [N, C]."""
    wordless = [as_number(field) is not None for field in cells[0]]
    count = wordless.index(False) if False in wordless else len(wordless)
    if count < 3:
        raise InputError(
            f"{path} has no header, and its lines start with {listed(cells[0][:4])}; name the columns of x, y and z by "
            f"{SETTING}, such as {SETTING} 2,3,4."
        )
    return _numbers(cells, range(count), rows, path)


def _numbers(cells: list[list[str]], columns: Sequence[int], rows: list[str], path: Path) -> np.ndarray:
    """Some columns as numbers [N, C]."""
    table = np.empty((len(cells), len(columns)))
    for place, column in enumerate(columns):
        numbers = [as_number(row[column]) for row in cells]
        if None in numbers:
            raise InputError(f"{path} has {rows[numbers.index(None)][:60]!r} instead of a line of numbers.")
        table[:, place] = numbers
    return table
