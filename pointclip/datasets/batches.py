"""From a data set to batches of valid shapes; bad ones are reported and skipped."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from pointclip.datasets.base import Shape, Shapes, brief
from pointclip.datasets.own_file import failure
from pointclip.datasets.shape_files import ShapeFiles
from pointclip.errors import InputError, NothingReadError
from pointclip.projection.points import check_points

AHEAD = 64  # shapes that a data set may read ahead


def usual_batch_size(device: torch.device) -> int:
    """Shapes projected and encoded at a time: 4 on a CPU (fits its caches), 32 on a GPU (keeps it busy)."""
    return 32 if device.type == "cuda" else 4


@dataclass(frozen=True)
class Batch:
    """Shapes with the same number of points."""

    points: Tensor  # [B, N, 3] float32, y up
    shapes: list[Shape]  # the B shapes, as returned by `check_shape`
    indices: list[int]  # their indices in the data set


def _new_digest() -> "hashlib.blake2b":
    return hashlib.blake2b(digest_size=16)


@dataclass
class BatchReader:
    """Reads a data set in order, batch by batch; every pass starts from the beginning.

    Args:
        shapes: the data set.
        batch_size: shapes per batch; fewer if the number of points changes or at the end.
        on_bad: "stop" raises an InputError at the first bad shape; "skip" records it in `bad` and continues, as is
            always done with pieces of files that are left out.
            Any other exception stops in either case: it is a bug in the data set's code, not a bad shape.
        indices: which shapes, all by default.
        parts_wanted: whether a shape without any part label counts as bad.

    Attributes:
        bad: index in the data set -> what is wrong with the shape.
        notes: of the data set and of its shapes, the latter with the shape's name.
        outliers: index -> the number of outliers of a shape that has some.
        fingerprint: of the shapes read in this pass, with labels and in order.
    """

    shapes: Shapes
    batch_size: int
    on_bad: str = "stop"
    indices: list[int] | None = None
    parts_wanted: bool = False
    bad: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    outliers: dict[int, int] = field(default_factory=dict)
    _digest: "hashlib.blake2b" = field(default_factory=_new_digest, repr=False)

    @property
    def fingerprint(self) -> str:
        return self._digest.hexdigest()

    @property
    def files(self) -> ShapeFiles:
        """The shapes as files of a user's. Raises TypeError where they are a data set's."""
        if not isinstance(self.shapes, ShapeFiles):
            raise TypeError(f"The shapes are a {type(self.shapes).__name__}, not files of a user's.")
        return self.shapes

    @property
    def total(self) -> int:
        """The number of shapes to read, including bad ones."""
        return len(self.shapes) if self.indices is None else len(self.indices)

    def classes_read(self) -> list[str]:
        """The names of the classes of the shapes to read, in label order; all names if labels are unknown."""
        names, labels = self.shapes.class_names, getattr(self.shapes, "labels", None)
        if labels is None:
            return list(names)
        labels = labels[slice(None) if self.indices is None else self.indices]
        return [names[label] for label in np.unique(labels) if label >= 0]

    def __iter__(self) -> Iterator[Batch]:
        self.bad.clear()
        self.outliers.clear()
        self.notes[:] = getattr(self.shapes, "notes", ())
        self._digest = _new_digest()
        left_out = getattr(self.shapes, "left_out", {})
        waiting: list[tuple[int, Shape]] = []
        for index in self._in_order():
            if index in left_out:
                self.bad[index] = left_out[index]
                continue
            shape = self._read(index)
            if shape is None:
                continue
            self._take_in(shape)
            if shape.outliers:
                self.outliers[index] = shape.outliers
            self.notes += [f"{shape.name}: {note}" for note in shape.notes]
            if waiting and (len(waiting) == self.batch_size or len(shape.points) != len(waiting[0][1].points)):
                yield _batch(waiting)
                waiting = []
            waiting.append((index, shape))
        if waiting:
            yield _batch(waiting)

    def _in_order(self) -> Iterator[int]:
        """The indices to read; a data set that can read ahead is told which ones come next."""
        indices = range(len(self.shapes)) if self.indices is None else self.indices
        prepare = getattr(self.shapes, "prepare", None)
        for place, index in enumerate(indices):
            if prepare:
                prepare(indices[place : place + AHEAD])
            yield index

    def _take_in(self, shape: Shape) -> None:
        parts = np.empty(0) if shape.parts is None else shape.parts
        for values, kind in ((shape.points, np.float32), ([len(shape.points), shape.label], int), (parts, int)):
            self._digest.update(np.ascontiguousarray(values, kind).data)

    def _read(self, index: int) -> Shape | None:
        try:
            shape = check_shape(self._get(index), self.shapes, index)
            if self.parts_wanted:
                check_parts_known(shape.name, shape.parts)
            return shape
        except _Failed:
            raise
        except InputError as error:
            if self.on_bad == "stop" and self.total > 1:
                raise InputError(f"{error} Set ON_BAD_SHAPE skip to skip such shapes.") from error
            if self.on_bad == "stop":
                raise
            self.bad[index] = str(error)
            return None

    def _get(self, index: int) -> Shape:
        try:
            return self.shapes[index]
        except (InputError, OSError, MemoryError):
            raise
        except Exception as error:
            who = type(self.shapes).__name__
            raise _Failed(f"Shape {index} of the data set {who}: {failure(error)}; fix the file.") from error


def nothing_left(reader: BatchReader) -> InputError:
    """The error for a reader all of whose shapes are bad."""
    reasons = list(reader.bad.values()) or ["the data set is empty"]
    if not isinstance(reader.shapes, ShapeFiles):
        return InputError(f"No shape is left ({reasons[0].rstrip('.')}); check the input.")
    named = {reader.shapes.entries[index].name: reason for index, reason in reader.bad.items()}
    more = f"None of {len(reasons)} shapes can be used; the first: " if len(reasons) > 1 else ""
    return NothingReadError(f"{more}{reasons[0]}", named)


class _Failed(InputError):
    """A bug in the data set's code."""


def check_shape(shape: Shape, shapes: Shapes, index: int) -> Shape:
    """A valid shape, with contiguous copies of points (float32) and parts (int64).

    Raises:
        InputError: naming the shape, if it is not a Shape, its points cannot be projected, or its labels are out of
            range or differ from the data set's `labels`.
    """
    if not isinstance(shape, Shape):
        raise InputError(f"Shape {index} is {brief(shape)}; expected a Shape from datasets.base.")
    if not isinstance(shape.name, str):
        raise InputError(f"Shape {index}: its name is {brief(shape.name)}; expected text.")
    if not isinstance(shape.points, np.ndarray) or shape.points.dtype.kind != "f":
        raise InputError(f"{shape.name}: its points are {brief(shape.points)}; expected a numpy float32 array.")
    with np.errstate(over="ignore"):  # values too large for float32 become inf, which check_points rejects
        points = np.array(shape.points, np.float32, order="C")
    check_points(torch.from_numpy(points)[None], [shape.name])
    _check_label(shape, shapes, index)
    if shape.parts is not None:
        _check_parts(shape, shapes)
    parts = None if shape.parts is None else np.array(shape.parts, np.int64)
    return replace(shape, points=points, label=int(shape.label), parts=parts)


def check_parts_known(name: str, parts: np.ndarray | None) -> None:
    """Raise an InputError if no part label [N] of the shape `name` is known (all are -1)."""
    if parts is None or not (parts >= 0).any():
        raise InputError(
            f"{name}: no part label is known, so it cannot be used for scores or search (use --input for such shapes)."
        )


def _check_label(shape: Shape, shapes: Shapes, index: int) -> None:
    classes = len(shapes.class_names)
    if isinstance(shape.label, bool) or not isinstance(shape.label, (int, np.integer)):
        raise InputError(f"{shape.name}: its label is {brief(shape.label)}; expected an integer.")
    if not -1 <= shape.label < classes:
        raise InputError(f"{shape.name}: its label is {shape.label}; expected 0 to {classes - 1}.")
    labels = getattr(shapes, "labels", None)  # shape files have none
    if labels is not None and shape.label != labels[index]:
        raise InputError(
            f"{shape.name}: its label is {shape.label}, but labels[{index}] is {labels[index]}; they must agree."
        )


def _check_parts(shape: Shape, shapes: Shapes) -> None:
    parts = shape.parts
    if not isinstance(parts, np.ndarray) or parts.dtype.kind not in "iu" or parts.ndim != 1:
        raise InputError(f"{shape.name}: its parts are {brief(parts)}; expected a numpy integer array [N].")
    if len(parts) != len(shape.points):
        raise InputError(f"{shape.name}: {len(parts)} part labels for {len(shape.points)} points; expected one each.")
    if shape.label < 0:
        raise InputError(f"{shape.name}: it has part labels, but its class is unknown; give both.")
    category = shapes.class_names[shape.label]
    if category not in shapes.part_names:
        raise InputError(f"{shape.name}: it has part labels, but part_names has no entry for its class {category!r}.")
    last = len(shapes.part_names[category]) - 1
    if not -1 <= parts.min() <= parts.max() <= last:
        raise InputError(f"{shape.name}: a part label is out of range; expected 0 to {last}.")


def subset(total: int, count: int, seed: int) -> list[int]:
    """A random subset of `count` of `total` indices, sorted; all of them if `count` is 0 or at least `total`."""
    if not 0 < count < total:
        return list(range(total))
    return sorted(np.random.default_rng(seed).choice(total, count, replace=False).tolist())


def _batch(waiting: list[tuple[int, Shape]]) -> Batch:
    points = torch.from_numpy(np.stack([shape.points for _, shape in waiting]))
    return Batch(points, [shape for _, shape in waiting], [index for index, _ in waiting])
