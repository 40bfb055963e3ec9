"""Which columns of a table without names are x, y and z: the first three, unless something else comes before them."""

from pathlib import Path

import numpy as np

from pointclip.datasets.shape_files.columns import SETTING, Chosen
from pointclip.errors import InputError

MAX_COLUMNS = 24  # of a cloud whose columns have no names; a wider table is more likely a picture
MAX_GRID = 10_000  # rows and columns of a picture whose pixels' numbers come before their points
FULL_GRID = 0.25  # share of a picture's pixels that are there, if they are in no order
MANY_ROWS = 8  # rows from which whole numbers in all of them are no chance
LOOKED_AT = 100_000  # rows from which columns are judged
FIRST_TIME = 1e9  # seconds since 1970 in September 2001; coordinates are smaller


def unnamed_columns(table: np.ndarray, path: Path) -> Chosen:
    """The columns of x, y and z in a table [N, C] of numbers without a header: the first three.

    A column before them that counts the points is left out, with a note.

    Raises:
        InputError: if there are too many columns, or if numbers of another kind come before the points.
    """
    width = table.shape[1]
    if width > MAX_COLUMNS:
        raise InputError(
            f"{path} is a table of {len(table)} × {width} numbers without names, such as a depth map, and no cloud; "
            f"if it is one, say which columns are x, y and z by {SETTING}, such as {SETTING} 1,2,3."
        )
    few = table[:LOOKED_AT]
    if width >= 5 and _counts_pixels(few):
        raise _other_first(path, 2, "two whole numbers that count rows and columns", "these are x and y")
    if width >= 4 and _counts_points(few):
        note = f"Its first column counts the points and was left out; {SETTING} 1,2,3 takes it as x."
        return Chosen((1, 2, 3), (note,))
    few = few[np.isfinite(few).all(axis=1)]
    if width >= 4 and _are_times(few):
        raise _other_first(path, 1, "a number that looks like a time", "it is x")
    if width >= 4 and _whole_before_others(few, 1):
        raise _other_first(path, 1, "a whole number, unlike the three behind it", "it is x")
    if width >= 6 and _whole_before_others(few, 3) and _are_colours(few[:, :3]) and not _are_unit(few[:, 3:6]):
        raise _other_first(path, 3, "three whole numbers that may be a colour", "these are the point")
    return Chosen((0, 1, 2))


def _other_first(path: Path, count: int, what: str, otherwise: str) -> InputError:
    """A refusal of lines that start with `count` numbers of another kind."""
    columns = ",".join(str(count + axis) for axis in (1, 2, 3))
    return InputError(
        f"{path} starts each line with {what}; say which columns are x, y and z by {SETTING} {columns}, or {SETTING} "
        f"1,2,3 if {otherwise}."
    )


def _counts_points(table: np.ndarray) -> bool:
    """Whether the first column is n, n + 1, n + 2 … for at least three points."""
    first = table[:, 0]
    return len(first) > 2 and first[0] == np.floor(first[0]) and bool((np.diff(first) == 1).all())


def _counts_pixels(table: np.ndarray) -> bool:
    """Whether the first two columns are the pixels of a picture, and the next three are not whole numbers."""
    row, column = table[:, 0], table[:, 1]
    pixels, points = table[:, :2], table[:, 2:5]
    if len(table) < 4 or not ((pixels >= 0) & (pixels < MAX_GRID) & (pixels == np.floor(pixels))).all():
        return False
    if (points == np.floor(points)).all(axis=0).any():
        return False
    for slow, fast in ((row, column), (column, row)):
        down = np.diff(slow)
        if ((down > 0) | ((down == 0) & (np.diff(fast) > 0))).all() and down.any() and not down.all():
            return True
    sides = np.ptp(pixels, axis=0) + 1
    is_full = sides.min() > 1 and len(pixels) >= FULL_GRID * sides.prod()
    return bool(is_full) and len(np.unique(pixels, axis=0)) == len(pixels)


def _are_times(table: np.ndarray) -> bool:
    """Whether the first column is like the time since 1970, in seconds or less, and grows."""
    if len(table) < 2:
        return False
    first, others = table[:, 0], np.abs(table[:, 1:4])
    return first.min() >= FIRST_TIME and bool((np.diff(first) >= 0).all()) and others.max() < first.min() / 100


def _whole_before_others(table: np.ndarray, count: int) -> bool:
    """Whether the first `count` columns are whole numbers, and most of each of the next three are not."""
    if len(table) < MANY_ROWS:
        return False
    whole = table[:, : count + 3] == np.floor(table[:, : count + 3])
    return bool(whole[:, :count].all()) and whole[:, count:].mean(axis=0).max() < 0.5


def _are_colours(table: np.ndarray) -> bool:
    return bool(((table >= 0) & (table <= 255)).all())


def _are_unit(vectors: np.ndarray) -> bool:
    """Whether vectors [N, 3] are normals."""
    return bool((np.abs(np.linalg.norm(vectors, axis=1) - 1) < 0.02).mean() > 0.9)
