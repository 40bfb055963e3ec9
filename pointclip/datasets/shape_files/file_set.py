"""Shape files as a data set."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from pointclip.datasets.axes import check_up
from pointclip.datasets.base import Shape
from pointclip.datasets.posed import turned
from pointclip.datasets.shape_files.columns import parse_columns
from pointclip.datasets.shape_files.contents import (
    Content,
    Request,
    content_of,
    names_of,
    read_content,
    read_names,
    read_taken,
    taken_of,
)
from pointclip.datasets.shape_files.geometry import Geometry, Reading
from pointclip.datasets.shape_files.pieces import Split
from pointclip.datasets.shape_files.reading import Taken, printable, stand
from pointclip.datasets.up_axis import GIVEN, UpGuess
from pointclip.errors import InputError
from pointclip.utils.counts import check_num_points
from pointclip.workers import Ahead, Wanted, call, submit

KEPT_BYTES = 64 << 20  # of the shapes of files read for their up axis


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
        outliers: which outliers of a cloud are left out; see `pointclip.datasets.outliers.gathered`.

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
        outliers: str = "off",
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
        self.outliers = outliers
        self.notes: Sequence[str] = ()  # on the files as a whole
        self._ups: dict[Path, UpGuess] = {}
        self._whole: set[int] = set()
        self._poses: Mapping[int, np.ndarray] = {}
        self._ahead = Ahead()
        self._kept: dict[Path, Content] = {}  # of files read for their up axis, until their shapes are wanted
        self._last: tuple[Path | None, Content] = (None, Content({}))  # of the file read last, if it has pieces
        self._last_taken: tuple[Path | None, bool, Mapping[str, Taken | str]] = (None, False, {})  # with its fields?
        self.entries = list(self._all_entries())

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
        entry = self.entries[index]
        if entry.reason:
            raise InputError(entry.reason)
        piece = self._content(entry.path).pieces[entry.piece]
        if piece.shape is None:
            raise InputError(piece.problem)
        if piece.is_whole:
            self._whole.add(index)
        return turned(stand(piece.shape, self.up_of(index).axis), self._poses.get(index))

    def prepare(self, indices: Iterable[int], samples: bool = False) -> None:
        """Have the files of these shapes read ahead, as many as is of use.

        Args:
            samples: whether a model will see samples of them, see `guess`.
        """
        paths = dict.fromkeys(self.entries[i].path for i in indices if not self.entries[i].reason)
        there = {*self.clouds, *self._kept, self._last[0]}
        self._ahead.prepare([self._wanted(path, samples) for path in paths if path not in there])

    def taken(self, index: int, fields: bool = False) -> Taken:
        """A shape with its file's axes, and where its points are in the file; with their other `fields` if wanted."""
        entry = self.entries[index]
        if entry.reason:
            raise InputError(entry.reason)
        if self._last_taken[:2] != (entry.path, fields):
            self._last_taken = (entry.path, fields, {})  # so that no two large files are in memory
            self._last_taken = (entry.path, fields, self._all_taken(entry.path, fields))
        taken = self._last_taken[2][entry.piece]
        if self.split is None:
            self._last_taken = (None, False, {})
        if isinstance(taken, str):
            raise InputError(taken)
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
        content = self._content(path, samples=True)
        return self._ups[path], list(content.samples)

    def set_up(self, index: int, guess: UpGuess) -> None:
        """Set the up axis of a shape's file, for all its pieces."""
        self._ups[self.entries[index].path] = guess

    def set_poses(self, rotations: Mapping[int, np.ndarray]) -> None:
        """Turn shapes, once they stand upright, by rotations [3, 3] by index."""
        self._poses = rotations

    def _all_entries(self) -> Iterator[Entry]:
        """The shapes of all files; where they are split, all files are read for it."""
        if self.split is None:
            yield from map(Entry, self.paths)
            return
        reading = [(path, submit(read_names, self._request(path), path=path)) for path in self.paths]
        for path, names in reading:
            try:
                found = names.result() if path not in self.clouds else names_of(self.clouds[path], self.split)
            except InputError as error:
                text = str(error)
                yield Entry(path, reason=text if str(path) in text else f"{printable(path)}: {text}")
                continue
            for name, reason in found:
                yield Entry(path, name, reason and f"{printable(path)}#{name}: {reason}.")

    def _request(self, path: Path, samples: bool = False) -> Request:
        guess = self.up == "auto" and (samples or path not in self._ups)
        how = self.reading, self.split, self.num_points, self.seed, self.every_vertex, self.outliers
        return Request(path, *how, guess, samples)

    def _content(self, path: Path, samples: bool = False) -> Content:
        """The shapes of a file.

        With a split, those of the last file are held. With `samples`, those of a small file are, until they are wanted.
        """
        if self._last[0] == path and not samples:
            return self._last[1]
        content = None if samples else self._kept.pop(path, None)
        if content is None:
            self._last = (None, Content({}))  # so that no two large files are in memory
            content = self._read(path, samples)
        if content.guess and path not in self._ups:
            self._ups[path] = content.guess
        if self.split is not None:
            self._last = (path, content)
        elif samples and sum(kept.nbytes for kept in (*self._kept.values(), content)) <= KEPT_BYTES:
            self._kept[path] = content
        return content

    def _read(self, path: Path, samples: bool) -> Content:
        wanted = self._wanted(path, samples)
        if path in self.clouds:
            return content_of(self.clouds[path], *wanted.args)
        return self._ahead.take(wanted)

    def _wanted(self, path: Path, samples: bool) -> Wanted:
        return Wanted((path, samples), read_content, (self._request(path, samples),), path)

    def _all_taken(self, path: Path, fields: bool) -> Mapping[str, Taken | str]:
        request = replace(self._request(path), reading=replace(self.reading, fields=fields))
        if path in self.clouds:
            return taken_of(self.clouds[path], request)
        return call(read_taken, request, path=path)
