"""A report page's files: `report.html` and its pictures in the folder `pictures` beside it.

A page needs no network: style, scripts and point clouds are embedded, pictures are linked by relative paths.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pointclip.report import pictures
from pointclip.utils.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Album:
    """The pictures of one page. File names never contain the names that users give to their shapes."""

    def __init__(self, page: str | os.PathLike):
        self.page = Path(page)

    def add(self, name: str, figure: Figure) -> str:
        """Write a picture; returns its path relative to the page."""
        address = f"pictures/{name}.png"
        pictures.save_picture(self.page.parent / address, figure)
        return address

    def write_page(self, html: str) -> None:
        """Write the page."""
        with atomic_path(self.page) as temporary:
            temporary.write_text(html, encoding="utf-8", errors="replace")  # a file's name may hold undecodable bytes


def short_names(names: Sequence[str]) -> list[str]:
    """Names for headings: of absolute paths, what follows the folder common to all of them; others as they are.

    A path may end in "#" and the name of a piece of the file.
    """
    paths = {name: (name.rpartition("#")[0] or name) for name in names if os.path.isabs(name)}
    folder = os.path.commonpath([os.path.dirname(path) for path in paths.values()]) if paths else ""
    return [name[len(folder) :].lstrip(os.sep) if name in paths else name for name in names]


def column(name: str, text: bool = False, bar: bool = False) -> dict:
    """A column of a page's table, with numbers, text, or bars in percent."""
    return {"name": name, "text": text or bar, "bar": bar}


def cell(value: object) -> str:
    """A value as shown in a page's table: floats with one decimal, None and NaN as a dash."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    if isinstance(value, float | np.floating):
        return f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int | np.integer) and not isinstance(value, bool) else str(value)
