"""Shape files as a data set."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from pointclip.datasets.axes import check_up
from pointclip.datasets.base import Shape
from pointclip.datasets.shape_files.columns import parse_columns
from pointclip.datasets.shape_files.geometry import Geometry, Reading
from pointclip.datasets.shape_files.pieces import Split, pieces_of
from pointclip.datasets.shape_files.reading import Taken, ending_of, printable, read_geometry, stand, take
from pointclip.datasets.shape_files.standing import guess_of, sample_of
from pointclip.datasets.up_axis import GIVEN, UpGuess
from pointclip.errors import InputError
from pointclip.projection.points import check_num_points

MAX_POSED, POSE_POINTS = 20, 2048  # pieces of a file that a model sees to find its up axis, and points of each
KEPT_BYTES = 64 << 20  # of files read for their up axis, until their shapes are read


@dataclass(frozen=True)
class Entry:
    """One shape: a file, or a piece of it."""

    path: Path
    piece: str = ""  # "" for the whole file
    reason: str = ""  # why it cannot be read, or is left out

    @property
    def name(self) -> str:
        return printable(self.path) + (f"#{self.piece}" if self.piece else "")


class ShapeFiles:
    """Shape files as a data set with unknown labels.

    Each file is read when its item is accessed, so a bad one raises InputError only then and does not affect others.

    Args:
        paths: the files, without duplicates.
        num_points, up, seed: as for `read_shape`.
        class_names: the candidate classes.
        split: how files are split into pieces, for which all files are read at once; None for whole files. Pieces that
            are left out, and files that cannot be read, raise InputError when accessed. All pieces of a file have the
            same up axis.
        every_vertex: whether a mesh's vertices and the centres of its triangles belong to its points.
        columns: of x, y and z in text files and arrays, as for `read_shape`.
        clouds: the contents of those `paths` that are no files.

    An up axis "auto" is guessed from format and shape when a file is first read; `set_up` replaces it.

    Raises:
        InputError: if no file is given, or one twice, and for columns that are not three.
    """

    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - no parts, but the protocol asks for a dict

    def __init__(
        self,
        paths: Sequence[str | Path],
        num_points: int | None = None,
        up: str = "y",
        class_names: Sequence[str] = (),
        seed: int = 0,
        split: Split | None = None,
        every_vertex: bool = False,
        columns: str = "",
        clouds: Mapping[Path, Geometry] = MappingProxyType({}),
    ) -> None:
        check_up(up, auto=True)
        check_num_points(num_points)
        self.paths = [Path(path) for path in paths]
        if not self.paths:
            raise InputError("No shape file was given; give at least one.")
        path, count = Counter(self.paths).most_common(1)[0]
        if count > 1:
            raise InputError(f"{path} was given twice; give each file once.")
        self.num_points = num_points
        self.up = up
        self.seed = seed
        self.class_names = tuple(class_names)
        self.split = split
        self.every_vertex = every_vertex
        self.reading = Reading(parse_columns(columns))
        self.clouds = clouds
        self.notes: Sequence[str] = ()  # on the files as a whole
        self._ups: dict[Path, UpGuess] = {}
        self._kept: dict[Path, dict[str, Geometry]] = {}  # files read for their up axis, as their pieces
        self._whole: set[int] = set()
        self._last: tuple[Path | None, dict[str, Geometry]] = (None, {})  # the file read last, as its pieces
        self._last_reading = self.reading
        self.entries = [entry for path in self.paths for entry in self._entries_of(path)]

    @property
    def given(self) -> dict:
        """The files and how they are read, as recorded in metrics.json."""
        split = {"split": self.split.by} if self.split else {}
        return {"files": [printable(path.absolute()) for path in self.paths], "up": self.up, **split}

    @property
    def left_out(self) -> dict[int, str]:
        """Pieces that the settings SPLIT leave out, by index, with the reason; their files are sound."""
        return {i: entry.reason for i, entry in enumerate(self.entries) if entry.piece and entry.reason}

    @property
    def guesses(self) -> dict[str, UpGuess]:
        """The up axes guessed so far, by file."""
        return {printable(path): guess for path, guess in self._ups.items()}

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Shape:
        return stand(self.taken(index).shape, self.up_of(index).axis)

    def taken(self, index: int, fields: bool = False) -> Taken:
        """A shape with its file's axes, and where its points are in the file; with their other `fields` if wanted."""
        entry = self.entries[index]
        if entry.reason:
            raise InputError(entry.reason)
        geometry = self._read(entry.path, fields=fields)[entry.piece]
        taken = take(geometry, entry.name, self.num_points, self.seed, self.every_vertex)
        if taken.rows is None and taken.faces is None:
            self._whole.add(index)
        return taken

    def is_whole(self, index: int) -> bool:
        """Whether the points of a shape that was read are all points of its file, or its piece, in order."""
        return index in self._whole

    def up_of(self, index: int) -> UpGuess:
        """The up axis of the file of a shape that was read, and how it was chosen; guessed once for each file."""
        return UpGuess(self.up, GIVEN) if self.up != "auto" else self._ups[self.entries[index].path]

    def has_up(self, index: int) -> bool:
        """Whether the up axis of a shape's file is known by now."""
        return self.up != "auto" or self.entries[index].path in self._ups

    def guess(self, index: int) -> tuple[UpGuess, list[np.ndarray]]:
        """The up axis of a shape's file by format, frame and shape, and clouds [N, 3] of it, or of its first pieces."""
        path = self.entries[index].path
        pieces = self._read(path, keep=True)
        clouds = []
        for geometry in list(pieces.values())[:MAX_POSED]:
            try:
                clouds.append(sample_of(geometry, POSE_POINTS))
            except InputError:  # reported when that piece itself is read
                continue
        return self._ups[path], clouds

    def set_up(self, index: int, guess: UpGuess) -> None:
        """Set the up axis of a shape's file, for all its pieces."""
        self._ups[self.entries[index].path] = guess

    def _entries_of(self, path: Path) -> list[Entry]:
        if self.split is None:
            return [Entry(path)]
        try:
            pieces = pieces_of(self._geometry(path, self.reading), self.split)
        except InputError as error:
            text = str(error)
            return [Entry(path, reason=text if str(path) in text else f"{printable(path)}: {text}")]
        names = [(piece.name, piece.reason) for piece in pieces]
        return [Entry(path, name, reason and f"{printable(path)}#{name}: {reason}.") for name, reason in names]

    def _read(self, path: Path, keep: bool = False, fields: bool = False) -> dict[str, Geometry]:
        """The pieces of a file that are read; the whole file is the piece "".

        With a split, those of the last file are held. With `keep`, a small file is kept until it is read again.
        """
        reading = replace(self.reading, fields=fields)
        if self._last[0] == path and self._last_reading in (reading, replace(reading, fields=True)):
            return self._last[1]
        pieces = None if fields else self._kept.pop(path, None)
        if pieces is None:
            self._last = (None, {})  # so that no two large files are in memory
            pieces = self._pieces(path, reading)
        if self.split is not None:
            self._last, self._last_reading = (path, pieces), reading
        elif keep and sum(map(_bytes, (*self._kept.values(), pieces))) <= KEPT_BYTES:
            self._kept[path] = pieces
        return pieces

    def _geometry(self, path: Path, reading: Reading) -> Geometry:
        return self.clouds[path] if path in self.clouds else read_geometry(path, reading)

    def _pieces(self, path: Path, reading: Reading) -> dict[str, Geometry]:
        geometry = self._geometry(path, reading)
        if self.up == "auto" and path not in self._ups:
            self._ups[path] = guess_of(geometry, ending_of(path))
        if self.split is None:
            return {"": geometry}
        return {piece.name: piece.geometry for piece in pieces_of(geometry, self.split) if piece.geometry is not None}


def _bytes(pieces: dict[str, Geometry]) -> int:
    arrays = (array for piece in pieces.values() for array in (piece.points, piece.triangles) if array is not None)
    return sum(array.nbytes for array in arrays)
