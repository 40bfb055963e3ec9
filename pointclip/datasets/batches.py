"""From a data set to batches of sound shapes: bad ones are told and counted, not passed on."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pointclip.datasets.base import Shape, ShapeSet
from pointclip.errors import InputError
from pointclip.points import check_points


@dataclass(frozen=True)
class Batch:
    """Shapes with equally many points."""

    points: Tensor  # [B, N, 3] float32, y up
    shapes: list[Shape]  # the B shapes as the data set gave them
    indices: list[int]  # their places in the data set


@dataclass
class BatchReader:
    """Reads a data set in order, a batch at a time; iterate over it once.

    Args:
        shapes: the data set.
        batch_size: shapes a batch, fewer where the number of points changes or the set ends.
        on_bad: "stop" raises an InputError at the first bad shape; "skip" goes on and keeps its sentence in `bad`.
        indices: which shapes, all by default.

    Attributes:
        bad: place in the data set -> the sentence that says what is wrong with the shape.
        fingerprint: what tells the shapes read so far, with their labels and in their order, from any others.
    """

    shapes: ShapeSet
    batch_size: int
    on_bad: str = "stop"
    indices: list[int] | None = None
    bad: dict[int, str] = field(default_factory=dict)
    _digest: "hashlib.blake2b" = field(default_factory=lambda: hashlib.blake2b(digest_size=16), repr=False)

    @property
    def fingerprint(self) -> str:
        return self._digest.hexdigest()

    @property
    def total(self) -> int:
        """How many shapes there are to read, bad ones included."""
        return len(self.shapes) if self.indices is None else len(self.indices)

    def __iter__(self) -> Iterator[Batch]:
        waiting: list[tuple[int, Shape]] = []
        for index in range(len(self.shapes)) if self.indices is None else self.indices:
            shape = self._read(index)
            if shape is None:
                continue
            self._take_in(shape)
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
            shape = self.shapes[index]
            check_shape(shape, self.shapes)
        except InputError as error:
            if self.on_bad == "stop" and self.total > 1:
                raise InputError(f"{error} Set ON_BAD_SHAPE skip to go on without such shapes.") from error
            if self.on_bad == "stop":
                raise
            self.bad[index] = str(error)
            return None
        return shape


def check_shape(shape: Shape, shapes: ShapeSet) -> None:
    """Raise an InputError, naming the shape, when its points cannot be projected or its labels are out of range."""
    check_points(torch.from_numpy(np.asarray(shape.points))[None], [shape.name])
    classes = len(shapes.class_names)
    if not -1 <= shape.label < classes:
        raise InputError(f"{shape.name}: its label is {shape.label}; 0 to {classes - 1} was expected.")
    if shape.parts is None:
        return
    if shape.label < 0:
        raise InputError(f"{shape.name}: its parts are known but not its class, of which they are parts; give both.")
    names = shapes.part_names[shapes.class_names[shape.label]]
    if len(shape.parts) != len(shape.points):
        raise InputError(f"{shape.name}: {len(shape.parts)} part labels came for {len(shape.points)} points; one each.")
    if len(shape.parts) and not -1 <= shape.parts.min() <= shape.parts.max() < len(names):
        raise InputError(f"{shape.name}: a part label is out of range; 0 to {len(names) - 1} was expected.")


def subset(total: int, most: int, seed: int) -> list[int]:
    """`most` of `total` indices drawn by the seed, in order; all of them where `most` is 0 or not below `total`."""
    if not 0 < most < total:
        return list(range(total))
    return sorted(np.random.default_rng(seed).choice(total, most, replace=False).tolist())


def _batch(waiting: list[tuple[int, Shape]]) -> Batch:
    points = torch.from_numpy(np.stack([shape.points for _, shape in waiting]))
    return Batch(points, [shape for _, shape in waiting], [index for index, _ in waiting])
