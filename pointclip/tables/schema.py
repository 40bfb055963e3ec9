"""The schema of a table's definition, checked before any run."""

import math
import re
import reprlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pointclip.errors import InputError

COMMAND_KINDS = ("caption", "question", "paraphrase", "words")  # the command kinds of sentences
FLAGS = {"OUTPUT": "--output", "CACHE": "--cache"}  # settings that can only be given as flags
UNWRITABLE = re.compile(r"[\0-\x08\x0b-\x1f\ud800-\udfff]")  # control characters, lone surrogates

Rule = tuple[Callable[[Any], bool], str]  # whether a value is valid, what was expected


def is_text(value: Any) -> bool:
    return isinstance(value, str) and not UNWRITABLE.search(value)


def is_name(value: Any) -> bool:
    """A non-empty text on one line."""
    return is_text(value) and bool(value.strip()) and len(value.splitlines()) == 1


def is_number(value: Any) -> bool:
    """A finite number, not a boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the range of floats
        return False


def is_plain(value: Any) -> bool:
    return isinstance(value, bool) or is_number(value) or is_text(value)


def maps(value: Any, of_value: Callable[[Any], bool], keys: Collection[str] | None = None) -> bool:
    """Whether it is a mapping with names as keys, all of them in `keys` if given, and values that pass `of_value`."""
    valid = isinstance(value, Mapping) and all(is_name(key) and (keys is None or key in keys) for key in value)
    return valid and all(map(of_value, value.values()))


def is_tolerance(value: Any) -> bool:
    if not maps(value, lambda _: True, ("value", "reason")):
        return False
    points = value.get("value", 0)
    return is_number(points) and points >= 0 and is_text(value.get("reason", ""))


NAME: Rule = (is_name, "a line of text")
TEXT: Rule = (is_text, "a text")
BOOL: Rule = (lambda value: isinstance(value, bool), "true or false")
LIST: Rule = (lambda value: isinstance(value, list), "a list of {name: …}")
SETTINGS: Rule = (lambda value: maps(value, is_plain), "{KEY: a number, a text, true or false}")
WITH: Rule = (lambda value: maps(value, is_plain), "{word: text}")
ONLY: Rule = (
    lambda value: isinstance(value, list) and bool(value) and all(map(is_name, value)),
    "a list of config names",
)
KIND: Rule = (lambda value: isinstance(value, str) and value in COMMAND_KINDS, f"one of {', '.join(COMMAND_KINDS)}")
FOR: Rule = (lambda value: maps(value, lambda fields: isinstance(fields, Mapping)), "{config name: fields}")
HEADS: Rule = (
    lambda value: isinstance(value, list) and len(value) in (1, 2) and all(map(is_name, value)),
    "a list of one or two texts",
)
TOLERANCE: Rule = (is_tolerance, "{value: a finite number of at least 0, reason: a text}")
SEARCH: Rule = (
    lambda value: maps(value, is_name, ("what", "split", "in")) and "what" in value,
    "{what: a text, split: a text, in: a column}",
)

HEAD: Rule = (lambda value: maps(value, is_name, ("in",)) and "in" in value, "{in: a column}")


def check(file: str, top: object) -> None:
    """Check a definition, except for what depends on the config.

    Args:
        file: its name, for messages.
        top: its content.

    Raises:
        InputError: naming the file, the field, its value and what was expected.
    """
    if not isinstance(top, Mapping) or not {"title", "metric", "rows"} <= set(top):
        raise InputError(f"{file} needs title, metric and rows; see pointclip/tables/definition.py.")
    for field in ("rows", "columns"):
        _must(file, field, top.get(field, []), LIST)
    columns = top.get("columns", [])
    of_column, of_row, of_table = _rules(_names(columns))
    inside = {field: rule for field, rule in of_table.items() if field not in ("config", "rows", "columns")}
    _check_fields(file, "", top, of_table, inside)
    for heads in (fields["heads"] for fields in (top, *_inner(top).values()) if "heads" in fields):
        if columns and len(heads) < 2:
            raise InputError(
                f"{file}: heads is {reprlib.repr(heads)}; expected a list of two for a table with columns."
            )
    for entries, what, rules in ((columns, "column", of_column), (top["rows"], "row", of_row)):
        for entry in entries:
            if not isinstance(entry, Mapping) or "name" not in entry:
                raise InputError(f"{file}: a {what} is {reprlib.repr(entry)}; expected {{name: …}}.")
            _check_fields(file, f"{what} {reprlib.repr(entry['name'])}: ", entry, rules, rules)


def _rules(columns: Collection[str]) -> tuple[dict[str, Rule], dict[str, Rule], dict[str, Rule]]:
    """The rules for the fields of a column, a row and the table."""
    note = (lambda value: is_text(value) or maps(value, is_text, columns), "a text or {column name: text}")
    figures = (
        lambda value: is_number(value) or maps(value, is_number, columns),
        "a finite number or {column name: finite number}",
    )
    shared = {"config": NAME, "metric": NAME, "settings": SETTINGS, "for": FOR}
    column = {**shared, "name": NAME, "with": WITH, "published": figures, "note": note}
    row = {**column, "search": SEARCH, "head": HEAD, "kind": KIND, "only": ONLY}
    table = {**shared, "title": NAME, "about": TEXT, "tolerance": TOLERANCE, "published_note": note, "heads": HEADS}
    return column, row, {**table, "grid": BOOL, "rows": LIST, "columns": LIST}


def _names(columns: Collection[object]) -> set[str]:
    """All names of columns, including those that only exist for some config."""
    entries = [column for column in columns if isinstance(column, Mapping)]
    entries += [fields for column in entries for fields in _inner(column).values() if isinstance(fields, Mapping)]
    return {entry["name"] for entry in entries if isinstance(entry.get("name"), str)}


def _inner(entry: Mapping) -> Mapping:
    """The fields of an entry for single configs."""
    return by_config if isinstance(by_config := entry.get("for"), Mapping) else {}


def _check_fields(file: str, where: str, entry: Mapping, rules: Mapping[str, Rule], inside: Mapping[str, Rule]) -> None:
    """Check an entry's fields, and those in its `for` by the rules `inside`, where `for` cannot be nested."""
    for field, value in entry.items():
        if field not in rules:
            raise InputError(f"{file}: {where}there is no field {field!r}; expected one of {', '.join(sorted(rules))}.")
        _must(file, f"{where}{field}", value, rules[field])
        for key in FLAGS.keys() & (value if field == "settings" else ()):
            raise InputError(f"{file}: {where}settings has {key}, which is not allowed; give it as {FLAGS[key]}.")
    nested = {field: rule for field, rule in inside.items() if field != "for"}
    for config, fields in _inner(entry).items():
        _check_fields(file, f"{where}for {config}: ", fields, nested, nested)


def _must(file: str, field: str, value: Any, rule: Rule) -> None:
    is_valid, expected = rule
    if not is_valid(value):
        raise InputError(f"{file}: {field} is {reprlib.repr(value)}; expected {expected}.")
