"""What is wanted of a shape file, read by a process of its own: its shapes, its up axis, its pieces."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pointclip.datasets.base import Shape
from pointclip.datasets.shape_files.geometry import Geometry, Reading
from pointclip.datasets.shape_files.pieces import Split, pieces_of
from pointclip.datasets.shape_files.reading import Taken, ending_of, printable, read_geometry, take
from pointclip.datasets.shape_files.standing import guess_of, sample_of
from pointclip.datasets.up_axis import UpGuess
from pointclip.errors import InputError

MAX_POSED, POSE_POINTS = 20, 2048  # pieces of a file that a model sees to find its up axis, and points of each


@dataclass(frozen=True)
class Request:
    """A file, and how it is read; see `ShapeFiles`."""

    path: Path
    reading: Reading
    split: Split | None = None
    num_points: int | None = None
    seed: int = 0
    every_vertex: bool = False
    outliers: str = "off"
    guess: bool = False  # whether its up axis is to be guessed
    samples: bool = False  # whether a model will see samples of it


@dataclass(frozen=True)
class PieceShape:
    """The shape of a piece, or why it has none."""

    shape: Shape | None = None  # with the file's axes
    problem: str = ""
    is_whole: bool = False  # whether its points are all points of the file, or of the piece, in order


@dataclass(frozen=True)
class Content:
    """The shapes of a file."""

    pieces: Mapping[str, PieceShape]  # by the piece's name, "" for the whole file
    guess: UpGuess | None = None
    samples: tuple[np.ndarray, ...] = ()  # clouds [N, 3] of the first pieces

    @property
    def nbytes(self) -> int:
        return sum(piece.shape.points.nbytes for piece in self.pieces.values() if piece.shape)


def read_content(request: Request) -> Content:
    """Read a file.

    Raises:
        InputError: if it cannot be read, or is not to be split in this way; a piece without a shape has a problem.
    """
    return content_of(read_geometry(request.path, request.reading), request)


def content_of(geometry: Geometry, request: Request) -> Content:
    """The shapes of a file whose geometry is known; see `read_content`."""
    guess = guess_of(geometry, ending_of(request.path), request.outliers) if request.guess else None
    pieces = _pieces(geometry, request.split)
    samples = _samples(pieces, request.outliers) if request.samples else ()
    return Content({name: _shape_of(name, piece, request) for name, piece in pieces.items()}, guess, samples)


def read_taken(request: Request) -> dict[str, Taken | str]:
    """The pieces of a file with their geometry, or why one has no shape; see `read_content`."""
    return taken_of(read_geometry(request.path, request.reading), request)


def taken_of(geometry: Geometry, request: Request) -> dict[str, Taken | str]:
    """The pieces of a file whose geometry is known; see `read_taken`."""
    return {name: _taken(name, piece, request) for name, piece in _pieces(geometry, request.split).items()}


def read_names(request: Request) -> list[tuple[str, str]]:
    """The names of a file's pieces; see `names_of`."""
    assert request.split is not None
    return names_of(read_geometry(request.path, request.reading), request.split)


def names_of(geometry: Geometry, split: Split) -> list[tuple[str, str]]:
    """The names of all pieces in order, each with the reason why it is left out, or ""."""
    return [(piece.name, piece.reason) for piece in pieces_of(geometry, split)]


def _pieces(geometry: Geometry, split: Split | None) -> dict[str, Geometry]:
    if split is None:
        return {"": geometry}
    return {piece.name: piece.geometry for piece in pieces_of(geometry, split) if piece.geometry is not None}


def _taken(piece: str, geometry: Geometry, request: Request) -> Taken | str:
    name = printable(request.path) + (f"#{piece}" if piece else "")
    try:
        return take(geometry, name, request.num_points, request.seed, request.every_vertex, request.outliers)
    except InputError as error:
        return str(error)


def _shape_of(piece: str, geometry: Geometry, request: Request) -> PieceShape:
    taken = _taken(piece, geometry, request)
    if isinstance(taken, str):
        return PieceShape(problem=taken)
    return PieceShape(taken.shape, is_whole=taken.rows is None and taken.faces is None)


def _samples(pieces: Mapping[str, Geometry], outliers: str) -> tuple[np.ndarray, ...]:
    clouds = []
    for geometry in list(pieces.values())[:MAX_POSED]:
        try:
            clouds.append(sample_of(geometry, POSE_POINTS, outliers))
        except InputError:  # reported when that piece itself is read
            continue
    return tuple(clouds)
