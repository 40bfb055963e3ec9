"""Clouds as text: one point per line, with numbers separated by whitespace, commas or semicolons."""

import re
from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.geometry import Geometry
from pointclip.datasets.shape_files.numbers import decoded
from pointclip.errors import InputError
from pointclip.utils.file_errors import truncated

NAMES = {"x": 0, "y": 1, "z": 2}


def read_text(data: bytes, path: Path) -> Geometry:
    """Read a text cloud (.xyz .txt .csv .pts …): the first three columns, or those named x, y, z in a header line.

    Comments (# and //), a header line, and lines with a single integer are skipped; the last is a point count, which
    is checked. An empty field between commas is NaN.

    Raises:
        InputError: for decimal commas, rows of different lengths, words between the numbers, or fewer rows than the
            count.
    """
    lines = decoded(data, path).splitlines()
    names, lines, declared = _without_header(lines, path)
    if not lines:
        raise InputError(f"{path} has no points; is it the right file?")
    table = _plain_table(lines)
    if table is None:
        table = _table(lines, path)
    if table.shape[1] < 3:
        raise InputError(f"{path} has {table.shape[1]} numbers per line; expected at least x, y and z.")
    if len(table) < declared:
        raise truncated(path, "points", declared, len(table))
    columns = [0, 1, 2]
    if names and set(NAMES) <= set(names) and len(names) == table.shape[1]:
        columns = [names.index(axis) for axis in NAMES]
    return Geometry(np.ascontiguousarray(table[:, columns]))


def _without_header(lines: list[str], path: Path) -> tuple[list[str], list[str], int]:
    """The column names of the header, the lines of numbers, and the declared number of points."""
    names: list[str] = []
    rows: list[str] = []
    declared = 0
    for line in lines:
        bare = re.split(r"#|//", line, maxsplit=1)[0].strip()
        if bare.isdecimal():
            declared += int(bare)
        elif rows or _is_row(bare):
            rows.extend([bare] if bare else [])
        elif set(NAMES) <= set(_words(line)):
            names = _words(line)
        elif bare and (names or any(character.isdigit() for character in bare)):
            raise InputError(f"{path} has {bare[:60]!r} instead of a header or a line of numbers.")
    return names, rows, declared


def _words(line: str) -> list[str]:
    """The fields of a header line in lower case, without quotes and comment signs."""
    return [word.strip("\"'").lower() for word in re.split(r"[\s,;]+", line.strip().lstrip("#/ ")) if word]


def _fields(line: str) -> list[str]:
    """The numbers of a line as text, separated by whitespace and semicolons, or by commas.

    Raises ValueError if each of them has one comma inside, taken as a decimal comma.
    """
    if "," not in line:
        return re.split(r"\s*;\s*", line.strip(" \t;")) if ";" in line else line.split()
    tokens = [token.strip(",") for token in re.split(r"[\s;]+", line) if token.strip(",")]
    inside = [token.count(",") for token in tokens]
    if len(tokens) > 1 and max(inside) == 1:
        raise ValueError("decimal comma")
    return [field.strip() for field in re.split(r"\s*[,;]\s*|\s+", line.strip().rstrip(",; "))]


def _is_row(line: str) -> bool:
    """Whether a line starts with at least two numbers."""
    try:
        fields = _fields(line)
    except ValueError:
        return True
    try:
        return len([float(field or "nan") for field in fields[:3]]) > 1
    except ValueError:
        return False


def _plain_table(lines: list[str]) -> np.ndarray | None:
    """The numbers as a table, read quickly by numpy if only separated by whitespace; otherwise None."""
    if any("," in line or ";" in line for line in lines):
        return None
    try:
        return np.loadtxt(lines, dtype=np.float64, ndmin=2, comments=None)
    except ValueError:
        return None


def _table(lines: list[str], path: Path) -> np.ndarray:
    rows: list[list[float]] = []
    for line in lines:
        try:
            fields = _fields(line)
        except ValueError:
            raise InputError(
                f"{path} has decimal commas ({line.strip()[:60]!r}), which are not supported; use decimal points."
            ) from None
        try:
            rows.append([float(field or "nan") for field in fields])
        except ValueError:
            raise InputError(f"{path} has {line.strip()[:60]!r} instead of a line of numbers.") from None
        if len(rows[-1]) != len(rows[0]):
            raise InputError(
                f"{path} has lines of {len(rows[0])} and of {len(rows[-1])} numbers ({line.strip()[:60]!r}); "
                "all lines need the same number."
            )
    return np.array(rows, dtype=np.float64)
