"""How lines of text are split into fields, and which of them are rows of numbers."""

import csv
from collections.abc import Callable, Sequence

from pointclip.datasets.shape_files.numbers import as_number


def own_separator(row: str) -> str | None:
    """What separates the fields of a row; None for whitespace."""
    tabs = row.count("\t")
    blank_inside = tabs > 1 and len(row.split()) != tabs + 1
    return next((mark for mark in (",", ";") if mark in row), "\t" if blank_inside else None)


def splitter_of(row: str, columns: int = 0) -> Callable[[str], list[str]]:
    """How lines like this row are split; `columns` of the header, 0 if unknown."""
    separator = own_separator(row)
    strict = split_by(row, separator)
    if separator is None:
        return lambda line: split_by(line, None)
    if len(strict) == columns:
        return lambda line: split_by(line, separator)
    grouped = [words for words in map(str.split, strict) if len(words) > 1]
    if any(are_numbers(words) for words in grouped) or strict[-1] == "":  # "1,2,3 255,0,0", or a separator at the end
        return split_loosely
    return lambda line: split_by(line, separator)


def split_by(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return [field.strip("\"'") for field in line.split()]
    try:
        fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True))
    except csv.Error:  # a field of more than 128 kB
        fields = line.split(separator)
    return [field.strip().strip("'") for field in fields]


def split_loosely(line: str) -> list[str]:
    """The fields of a line separated by commas, semicolons and whitespace; empty ones between commas count."""
    fields: list[str] = []
    for part in line.rstrip(",; \t").replace(";", ",").split(","):
        fields += part.split() or [""]
    return [field.strip("\"'") for field in fields]


def is_row(line: str) -> bool:
    """Whether a line starts with at least two numbers, or has three of them and few words."""
    if has_decimal_commas(line):
        return True
    fields = split_by(line, own_separator(line)) if line else []
    for start in (fields[:3], split_loosely(line)[:3]):
        if len(start) > 1 and any(start) and are_numbers(start):
            return True
    numbers = sum(as_number(field) is not None for field in fields if field)
    return numbers >= 3 and 2 * numbers >= len(fields)


def has_decimal_commas(line: str) -> bool:
    """Whether each of several numbers has at most one comma inside, and one of them has."""
    if "," not in line:
        return False
    tokens = [token.strip(",") for token in line.replace(";", " ").split()]
    tokens = [token for token in tokens if token]
    inside = [token.count(",") for token in tokens]
    return len(tokens) > 1 and max(inside) == 1 and are_numbers([token.replace(",", ".") for token in tokens])


def are_numbers(fields: Sequence[str]) -> bool:
    return all(as_number(field) is not None for field in fields)
