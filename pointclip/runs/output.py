"""The files of a run, and tables for the terminal."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from pointclip.errors import escaped
from pointclip.utils.files import atomic_path


def write_json(path: Path, values: dict | list) -> None:
    """Write a JSON file; non-finite numbers become null."""
    text = json.dumps(plain(values), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a CSV file with a header line; texts are made safe by `safe_cell`."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(map(safe_cell, header))
        writer.writerows(map(safe_cell, row) for row in rows)


def safe_cell(value: object) -> object:
    """Prevent spreadsheets from interpreting a text as a formula, by a leading apostrophe.

    Control characters are escaped; numbers, also as text, are unchanged.
    """
    if not isinstance(value, str):
        return value
    text = escaped(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def write_settings(path: Path, settings: CfgNode) -> None:
    """Write the settings as used, as a file for --config."""
    with atomic_path(path) as temporary:
        temporary.write_text(settings.dump(), encoding="utf-8")


def table(header: Sequence[str], rows: Sequence[Sequence]) -> str:
    """An aligned table for the terminal: the first column to the left, the others to the right."""
    cells = [[escaped(str(cell)) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *rest in cells:
        right = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *right]))
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def plain(value: object) -> object:
    """A value as JSON has it: numpy's numbers as Python's, non-finite ones as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
