"""Clouds as text: one point per line, with numbers separated by whitespace, commas or semicolons."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.columns import (
    SETTING,
    Chosen,
    listed,
    named_columns,
    other_columns,
    wanted_columns,
)
from pointclip.datasets.shape_files.geometry import PLAIN, Geometry, Reading
from pointclip.datasets.shape_files.numbers import as_count, as_number, decoded
from pointclip.datasets.shape_files.text_fields import (
    are_numbers,
    has_decimal_commas,
    is_row,
    own_separator,
    split_loosely,
    splitter_of,
)
from pointclip.datasets.shape_files.text_headers import COMMENT, Header, header_of, numbered_columns
from pointclip.datasets.shape_files.unnamed import unnamed_columns
from pointclip.errors import InputError
from pointclip.utils.file_errors import truncated
from pointclip.utils.limits import within

WINDOWS_NAN = re.compile(r"-?\b\d\.#(?:QNAN|SNAN|IND)\d*")  # as Microsoft's C library writes NaN
WINDOWS_INF = re.compile(r"\b\d\.#INF\d*")
MAX_HEAD = 1000  # lines before the first point
MAX_WIDTH = 10_000  # fields of a line


@dataclass(frozen=True)
class _Content:
    """A file's lines."""

    head: list[str]  # before the first point, without counts and blank lines
    rows: list[str]  # with points
    declared: int  # number of points


def read_text(data: bytes, path: Path, reading: Reading = PLAIN) -> Geometry:
    """Read a text cloud (.xyz .txt .csv .pts …): the columns that a header names x, y, z, or the first three.

    Comments (# and //) and lines with a single integer are skipped; the last is a point count, which is checked. An
    empty field between commas is NaN. See `pointclip.datasets.shape_files.columns` for what a header may say, and
    `unnamed` beside it for columns before x, y and z.

    Raises:
        InputError: for decimal commas, rows of different lengths, words between the numbers, fewer rows than the
            count, and a header that is not understood.
    """
    content = _content(_plain_nan(decoded(data, path)), path)
    if not content.rows:
        raise InputError(f"{path} has no points; is it the right file?")
    rows = content.rows
    wanted = reading.columns
    within(len(split_loosely(rows[0])), MAX_WIDTH, str(path), "fields in a line")
    header = header_of(content.head, rows, path, bool(wanted))
    if header == Header() and (numbered := numbered_columns(rows)):
        header, rows = Header(chosen=numbered), rows[1:]
    split = splitter_of(rows[0], len(header.names))
    width = len(split(rows[0]))
    chosen = wanted_columns(wanted, header.names, width, path) if wanted else header.chosen
    if chosen is None and header.names:
        chosen = named_columns(header.names, path)
    if chosen is None and width < 3:
        raise InputError(f"{path} has {width} numbers per line; expected at least x, y and z.")
    if len(rows) < content.declared:
        raise truncated(path, "points", content.declared, len(rows))
    names = header.names if reading.more else None
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
    if chosen is None:
        assert table is not None
        chosen = unnamed_columns(table, path)
    if cells is None:
        assert table is not None
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
        elif is_row(bare):
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


def _quick_table(rows: list[str]) -> np.ndarray | None:
    """The numbers as a table, read quickly by numpy if there are only numbers, separated alike; otherwise None."""
    separator = own_separator(rows[0])
    try:
        return np.loadtxt(rows, dtype=np.float64, ndmin=2, comments=None, delimiter=separator)
    except ValueError:
        return None


def _cells(rows: list[str], split: Callable[[str], list[str]], path: Path) -> list[list[str]]:
    """The fields of every row, of the same number."""
    cells: list[list[str]] = []
    for row in rows:
        if has_decimal_commas(row):
            raise InputError(f"{path} has decimal commas ({row[:60]!r}), which are not supported; use decimal points.")
        cells.append(split(row))
        if len(cells[-1]) != len(cells[0]):
            kind = "numbers" if are_numbers(cells[-1]) else "fields"
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
