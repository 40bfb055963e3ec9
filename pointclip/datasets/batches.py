"""From a data set to batches of sound shapes: bad ones are told and counted, not passed on."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from pointclip.datasets.base import Shape, ShapeSet, brief
from pointclip.datasets.own_file import failure
from pointclip.errors import InputError
from pointclip.projection.points import check_points


def usual_batch_size(device: torch.device) -> int:
    """Shapes projected and encoded at a time: 4 on a CPU, whose caches they fit, 32 on a GPU, which many keep busy."""
    return 32 if device.type == "cuda" else 4


@dataclass(frozen=True)
class Batch:
    """Shapes with equally many points."""

    points: Tensor  # [B, N, 3] float32, y up
    shapes: list[Shape]  # the B shapes, as `check_shape` gives them
    indices: list[int]  # their places in the data set


def _new_digest() -> "hashlib.blake2b":
    return hashlib.blake2b(digest_size=16)


@dataclass
class BatchReader:
    """Reads a data set in order, a batch at a time; every pass begins anew.

    Args:
        shapes: the data set.
        batch_size: shapes a batch, fewer where the number of points changes or the set ends.
        on_bad: "stop" raises an InputError at the first bad shape; "skip" goes on and keeps its sentence in `bad`.
            A data set that fails with anything but an InputError stops either way: its code is at fault, not a shape.
        indices: which shapes, all by default.
        parts_wanted: whether a shape of which no part label is known counts as bad.

    Attributes:
        bad: place in the data set -> the sentence that says what is wrong with the shape.
        notes: those of the data set and of its shapes, these with the shape's name.
        fingerprint: what tells the shapes that this pass has read, with labels and in their order, from any others.
    """

    shapes: ShapeSet
    batch_size: int
    on_bad: str = "stop"
    indices: list[int] | None = None
    parts_wanted: bool = False
    bad: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _digest: "hashlib.blake2b" = field(default_factory=_new_digest, repr=False)

    @property
    def fingerprint(self) -> str:
        return self._digest.hexdigest()

    @property
    def total(self) -> int:
        """How many shapes there are to read, bad ones included."""
        return len(self.shapes) if self.indices is None else len(self.indices)

    def classes_read(self) -> list[str]:
        """The names of the classes of the shapes to read, in label order; all names where labels are not known."""
        names, labels = self.shapes.class_names, getattr(self.shapes, "labels", None)
        if labels is None:
            return list(names)
        labels = labels[slice(None) if self.indices is None else self.indices]
        return [names[label] for label in np.unique(labels) if label >= 0]

    def __iter__(self) -> Iterator[Batch]:
        self.bad.clear()
        self.notes[:] = getattr(self.shapes, "notes", ())
        self._digest = _new_digest()
        waiting: list[tuple[int, Shape]] = []
        for index in range(len(self.shapes)) if self.indices is None else self.indices:
            shape = self._read(index)
            if shape is None:
                continue
            self._take_in(shape)
            self.notes += [f"{shape.name}: {note}" for note in shape.notes]
            if waiting and (len(waiting) == self.batch_size or len(shape.points) != len(waiting[0][1].points)):
                yield _batch(waiting)
                waiting = []
            waiting.append((index, shape))
        if waiting:
            yield _batch(waiting)

    def _take_in(self, shape: Shape) -> None:
        parts = np.empty(0) if shape.parts is None else shape.parts
        for values, kind in ((shape.points, np.float32), ([len(shape.points), shape.label], int), (parts, int)):
            self._digest.update(np.ascontiguousarray(values, kind))

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
                raise InputError(f"{error} Set ON_BAD_SHAPE skip to go on without such shapes.") from error
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
            raise _Failed(f"Shape {index} of the data set {who}: {failure(error)}; mend the file.") from error


class _Failed(InputError):
    """The data set's code is wrong."""


def check_shape(shape: Shape, shapes: ShapeSet, index: int) -> Shape:
    """The shape with contiguous float32 points and int64 parts of its own, when it is sound.

    Raises:
        InputError: naming the shape, when it is none, its points cannot be projected, or its labels are out of range
            or not those that the data set told for this index.
    """
    if not isinstance(shape, Shape):
        raise InputError(f"Shape {index} came as {brief(shape)}; a Shape from datasets.base was expected.")
    if not isinstance(shape.name, str):
        raise InputError(f"Shape {index}: its name is {brief(shape.name)}; text was expected.")
    if not isinstance(shape.points, np.ndarray) or shape.points.dtype.kind != "f":
        raise InputError(f"{shape.name}: its points are {brief(shape.points)}; a numpy float32 array was expected.")
    with np.errstate(over="ignore"):  # what is too large for float32 becomes inf, which check_points finds
        points = np.array(shape.points, np.float32, order="C")
    check_points(torch.from_numpy(points)[None], [shape.name])
    _check_label(shape, shapes, index)
    if shape.parts is not None:
        _check_parts(shape, shapes)
    parts = None if shape.parts is None else np.array(shape.parts, np.int64)
    return replace(shape, points=points, label=int(shape.label), parts=parts)


def check_parts_known(name: str, parts: np.ndarray | None) -> None:
    """Raise an InputError if no part label of the shape `name` is known, [N] with -1 where it is not."""
    if parts is None or not (parts >= 0).any():
        raise InputError(
            f"{name}: no part label is known, so nothing can be scored or chosen by it (--input takes such shapes)."
        )


def _check_label(shape: Shape, shapes: ShapeSet, index: int) -> None:
    classes = len(shapes.class_names)
    if isinstance(shape.label, bool) or not isinstance(shape.label, (int, np.integer)):
        raise InputError(f"{shape.name}: its label is {brief(shape.label)}; a whole number was expected.")
    if not -1 <= shape.label < classes:
        raise InputError(f"{shape.name}: its label is {shape.label}; 0 to {classes - 1} was expected.")
    labels = getattr(shapes, "labels", None)  # single files have none
    if labels is not None and shape.label != labels[index]:
        raise InputError(f"{shape.name}: its label is {shape.label}, but labels[{index}] is {labels[index]}; give one.")


def _check_parts(shape: Shape, shapes: ShapeSet) -> None:
    parts = shape.parts
    if not isinstance(parts, np.ndarray) or parts.dtype.kind not in "iu" or parts.ndim != 1:
        raise InputError(f"{shape.name}: its parts are {brief(parts)}; a numpy integer array [N] was expected.")
    if len(parts) != len(shape.points):
        raise InputError(f"{shape.name}: {len(parts)} part labels came for {len(shape.points)} points; one each.")
    if shape.label < 0:
        raise InputError(f"{shape.name}: its parts are known but not its class, of which they are parts; give both.")
    category = shapes.class_names[shape.label]
    if category not in shapes.part_names:
        raise InputError(f"{shape.name}: its parts came, but part_names lacks its class {category!r}; name them there.")
    most = len(shapes.part_names[category]) - 1
    if not -1 <= parts.min() <= parts.max() <= most:
        raise InputError(f"{shape.name}: a part label is out of range; 0 to {most} was expected.")


def subset(total: int, most: int, seed: int) -> list[int]:
    """`most` of `total` indices drawn by the seed, in order; all of them where `most` is 0 or not below `total`."""
    if not 0 < most < total:
        return list(range(total))
    return sorted(np.random.default_rng(seed).choice(total, most, replace=False).tolist())


def _batch(waiting: list[tuple[int, Shape]]) -> Batch:
    points = torch.from_numpy(np.stack([shape.points for _, shape in waiting]))
    return Batch(points, [shape for _, shape in waiting], [index for index, _ in waiting])
