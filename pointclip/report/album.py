"""A report page's files: `report.html` and its pictures in the folder `pictures` beside it.

A page needs no network: style, scripts and point clouds are inside of it, and pictures are linked relatively.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pointclip.report import pictures
from pointclip.utils.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Album:
    """The pictures of one page. Files are named by place, never by what users call their shapes."""

    def __init__(self, page: str | os.PathLike):
        self.page = Path(page)
        for old in (self.page.parent / "pictures").glob("*.png"):  # of an earlier run with more cases
            old.unlink()

    def add(self, name: str, figure: Figure) -> str:
        """Write a picture; returns its address as the page knows it."""
        address = f"pictures/{name}.png"
        pictures.save_picture(self.page.parent / address, figure)
        return address

    def write_page(self, html: str) -> None:
        """Write the page itself."""
        with atomic_path(self.page) as temporary:
            temporary.write_text(html, encoding="utf-8", errors="replace")  # a file's name may hold undecodable bytes


def column(name: str, text: bool = False, bar: bool = False) -> dict:
    """A column of a page's table: of numbers, of text, or of bars in percent."""
    return {"name": name, "text": text or bar, "bar": bar}


def cell(value: object) -> str:
    """A value as a page's table shows it: floats with one decimal, None and nan as a dash."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    if isinstance(value, float | np.floating):
        return f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int | np.integer) and not isinstance(value, bool) else str(value)
