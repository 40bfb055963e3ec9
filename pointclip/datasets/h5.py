"""Shapes from HDF5 files: labels are read at once, points on demand in blocks of rows."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from pointclip.datasets.catalog import partial_note
from pointclip.datasets.shape_files.numbers import decoded
from pointclip.errors import InputError, first_line
from pointclip.utils.counts import check_num_points
from pointclip.utils.file_errors import cannot_open, check_head
from pointclip.workers import call, submit

# h5py raises any of these for a bad file
_ERRORS = (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, AttributeError, SystemError)
BLOCK_ROWS = 256  # 6 MB at 2048 points: large enough to be fast, small enough to keep one


@contextmanager
def open_h5(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading.

    The file is open only inside the block, so that no HDF5 state is shared with forked or pickled copies.

    Raises:
        InputError: if it is missing, locked, or not a complete HDF5 file, including errors while reading.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing; unpack the data set again.")
    check_head(path)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except _ERRORS as error:
        raise _cannot_read(path, error) from error


def read_lines(path: Path) -> list[str]:
    """The non-blank lines of a text file, stripped, without a byte order mark."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise cannot_open(path, error) from error
    return [line.strip() for line in decoded(data, path).splitlines() if line.strip()]


def read_class_names(path: Path) -> tuple[str, ...]:
    """The class names in a list such as shape_names.txt, one per line, in label order; names may contain spaces.

    Raises:
        InputError: if the list is missing, has duplicates, or its lines are numbered or end in commas.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing; unpack the data set again.")
    names = read_lines(path)
    if not names or len(set(names)) < len(names):
        raise InputError(f"{path} must list each class once, one per line; unpack the data set again.")
    if wrong := [name for name in names if name.endswith((",", ";"))]:
        raise InputError(f"{path} has the line {wrong[0]!r}, which ends in a comma; write only names, one per line.")
    numbered = [re.match(r"(\d+)\s*[\s:,.;=]\s*\S", name) for name in names]
    numbers = [int(match[1]) for match in numbered if match]
    if numbers and numbers == list(range(numbers[0], numbers[0] + len(names))):
        raise InputError(
            f"{path} has the line {names[0]!r}, which starts with a number; write only names, one per line."
        )
    return tuple(names)


def _cannot_read(path: Path, error: Exception) -> InputError:
    reason = first_line(error)[:200]
    if "unable to lock file" in reason:
        return InputError(f"{path} is locked: another program has it open for writing; close it and try again.")
    if isinstance(error, PermissionError):
        return cannot_open(path, error)
    if "truncated file" in reason:
        return InputError(f"{path} cannot be read as HDF5: it is truncated; download it again ({reason}).")
    return InputError(f"{path} cannot be read as HDF5; download it again ({reason}).")


def listed_files(folder: Path, list_name: str, pattern: str) -> tuple[list[Path], tuple[str, ...]]:
    """The HDF5 files of one split, in their published order, and a note if some that are listed are not there.

    The list's lines may contain folders of the machine it was written on, so only their file names are used, in the
    list's folder. Without a list the files matching `pattern` are taken, ordered by number. Names that start with a dot
    are ignored.

    Raises:
        InputError: if no listed file is there, or no file fits the pattern.
    """
    listing = folder / list_name
    if not listing.is_file():
        files = [path for path in folder.glob(pattern) if not path.name.startswith(".")]
        if not files:
            raise InputError(f"{folder} has neither {list_name} nor {pattern}; unpack the data set again.")
        return sorted(files, key=lambda path: [int(digits) for digits in re.findall(r"\d+", path.stem)]), ()
    names = [re.split(r"[/\\]", line)[-1] for line in read_lines(listing)]
    files = [folder / name for name in names if not name.startswith(".")]
    if not files:
        raise InputError(f"{listing} lists no files; unpack the data set again.")
    there = [path for path in files if path.is_file()]
    missing = [path.name for path in files if not path.is_file()]
    if not there:
        raise InputError(f"{files[0]} is listed in {listing.name}, but missing; unpack the data set again.")
    return there, partial_note(missing, len(files), f"files listed in {listing.name}")


class H5Shapes:
    """The shapes of several HDF5 files, file by file.

    Each file has `data` [n, P, 3] float and `label` [n] or [n, 1] integer, and optionally point labels [n, P] integer.
    Item i is (points [N, 3] float32, point labels [N] int64 or None, name "file/row"); `labels` is [total] int64.
    One block of rows is cached. Rows are read ahead only while they are accessed in ascending order with small gaps;
    for shuffled access, single rows are read.

    Args:
        files: the files, in order.
        classes: number of classes; labels must be 0 … classes − 1.
        num_points: number of points per shape, from the first; None for all.
        parts_key: name of the array of point labels, None if they are not needed.
        names: the file that lists the classes, for messages.

    Raises:
        InputError: naming the file, if it cannot be read, an array is missing or has another shape or type, or a label
            is out of range.
    """

    def __init__(
        self,
        files: Sequence[Path],
        classes: int,
        num_points: int | None = None,
        parts_key: str | None = None,
        names: Path | None = None,
    ) -> None:
        check_num_points(num_points)
        self.files = list(files)
        self.num_points = num_points
        self.parts_key = parts_key
        self.names = names
        self.notes: tuple[str, ...] = ()  # on the files
        options = (num_points, parts_key, classes, names)
        checks = [submit(_checked_labels, path, *options, path=path) for path in self.files]
        labels = [check.result() for check in checks]
        self.labels = np.concatenate(labels)
        self._ends = np.cumsum([len(part) for part in labels])
        self._block: tuple[int, int, np.ndarray, np.ndarray | None] | None = None  # first row, end, points, parts
        self._last = -1

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray | None, str]:
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        if self._block is None or not self._block[0] <= index < self._block[1]:
            ahead = 0 < index - self._last <= BLOCK_ROWS // 8
            self._block = self._read(index, BLOCK_ROWS if ahead else 1)
        self._last = index
        first, _, points, parts = self._block
        name = f"{self.file_of(index).stem}/{self._row_in_file(index)[1]}"
        row = index - first
        return points[row].copy(), None if parts is None else parts[row].copy(), name

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_block": None}  # workers read their own blocks

    def file_of(self, index: int) -> Path:
        """The file that contains row `index`."""
        return self.files[self._row_in_file(index)[0]]

    def _row_in_file(self, index: int) -> tuple[int, int]:
        number = int(np.searchsorted(self._ends, index, side="right"))
        return number, int(index - (self._ends[number - 1] if number else 0))

    def _read(self, index: int, rows: int) -> tuple[int, int, np.ndarray, np.ndarray | None]:
        number, first = self._row_in_file(index)
        path = self.files[number]
        points, parts = call(_read_block, path, first, rows, self.num_points, self.parts_key, path=path)
        return index, index + len(points), points, parts


def _read_block(
    path: Path, first: int, rows: int, num_points: int | None, parts_key: str | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """The points [rows, N, 3] and the point labels [rows, N] of some shapes."""
    with open_h5(path) as file:
        points = file["data"][first : first + rows, :num_points].astype(np.float32)
        parts = file[parts_key][first : first + rows, :num_points].astype(np.int64) if parts_key else None
    return points, parts


def _checked_labels(
    path: Path, num_points: int | None, parts_key: str | None, classes: int, names: Path | None
) -> np.ndarray:
    """The labels [n] of a file whose arrays are as `H5Shapes` says."""
    with open_h5(path) as file:
        data = _array(file, "data", path)
        if data.ndim != 3 or data.shape[2] != 3 or data.dtype.kind != "f":
            raise InputError(f"{path}: `data` is {_kind(data)}, expected floats of shape [shapes, points, 3].")
        if num_points is not None and data.shape[1] < num_points:
            raise InputError(
                f"{path} has {data.shape[1]} points per shape, but DATASET.NUM_POINTS is {num_points}; "
                "set DATASET.NUM_POINTS lower."
            )
        if parts_key:
            parts = _array(file, parts_key, path)
            if parts.shape != data.shape[:2] or parts.dtype.kind not in "iu":
                raise InputError(
                    f"{path}: `{parts_key}` is {_kind(parts)}, expected integers of shape {data.shape[:2]}."
                )
        return _labels(_array(file, "label", path), len(data), classes, path, names)


def _array(file: h5py.File, key: str, path: Path) -> h5py.Dataset:
    """An array of a file.

    Raises:
        InputError: if it is not there, its values are in another file, or they were never written.
    """
    if isinstance(file.get(key, getlink=True), h5py.ExternalLink):
        raise InputError(f"{path}: `{key}` is a link into another file, which is not followed; copy the array.")
    if key not in file or not isinstance(file[key], h5py.Dataset):
        raise InputError(
            f"{path} has no array `{key}`, only {', '.join(file) or 'nothing'}; check that it is the right file."
        )
    array = file[key]
    if array.is_virtual or array.external:
        raise InputError(f"{path}: the values of `{key}` are in other files, which are not read; copy the array.")
    if array.size and not array.id.get_storage_size():
        raise InputError(f"{path}: the values of `{key}` ({_kind(array)}) were never written; get the file again.")
    return array


def _labels(array: h5py.Dataset, rows: int, classes: int, path: Path, names: Path | None) -> np.ndarray:
    if array.shape not in ((rows,), (rows, 1)) or array.dtype.kind not in "iu":
        raise InputError(f"{path}: `label` is {_kind(array)}, expected integers of shape [{rows}] or [{rows}, 1].")
    labels = array[()].reshape(-1).astype(np.int64)  # [rows]
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        hint = f"; {names.name} lists only {classes} classes" if names else ""
        raise InputError(f"{path}: row {wrong[0]} has label {labels[wrong[0]]}, expected 0 to {classes - 1}{hint}.")
    return labels


def _kind(array: h5py.Dataset) -> str:
    return f"{array.dtype} of shape {list(array.shape)}"
