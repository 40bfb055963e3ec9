"""What a caller gives as shapes: files, arrays and tensors, in any mixture, as contents that shape files can have."""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from torch import Tensor

from pointclip.datasets.shape_files import ENDINGS
from pointclip.datasets.shape_files.geometry import Geometry
from pointclip.errors import InputError
from pointclip.runs.inputs import expand_inputs

Cloud: TypeAlias = np.ndarray | Tensor  # [N, 3], or several as [B, N, 3]
Given: TypeAlias = str | os.PathLike | Cloud | Sequence[str | os.PathLike | Cloud]
COARSE = 1e-3  # of its extent: a cloud whose coordinates are rounded to more than this has lost its shape


@dataclass
class GivenShapes:
    """The shapes of one call, in order."""

    paths: list[Path] = field(default_factory=list)  # of files; of clouds their names, such as "cloud 0"
    clouds: dict[Path, Geometry] = field(default_factory=dict)  # the contents of those that are no files
    notes: list[str] = field(default_factory=list)

    @property
    def places(self) -> list[int]:
        """Which of the shapes are clouds."""
        return [place for place, path in enumerate(self.paths) if path in self.clouds]


def given_shapes(given: Given) -> GivenShapes:
    """The shapes of a call.

    Args:
        given: one or several of: a file; a folder or a pattern, which stand for all their files; an array or a tensor
            of floating point or integer numbers, [N, 3], or [B, N, 3] for B clouds.

    Raises:
        InputError: where there is none, and for anything else.
    """
    shapes = GivenShapes()
    for item in given if isinstance(given, list | tuple) else [given]:
        if isinstance(item, str | os.PathLike):
            paths, notes = expand_inputs([os.fspath(item)], ENDINGS)
            shapes.paths += paths
            shapes.notes += notes
            continue
        for cloud in _clouds(item, len(shapes.paths)):
            path = Path(f"cloud {len(shapes.paths)}")
            shapes.clouds[path] = cloud
            shapes.paths.append(path)
    if not shapes.paths:
        raise InputError("There are no shapes; give files, arrays [N, 3] or a tensor [B, N, 3].")
    return shapes


def _clouds(item: object, number: int) -> Iterator[Geometry]:
    """The clouds of an array or a tensor, whose first is number `number` of the call."""
    points = item.detach().cpu() if isinstance(item, Tensor) else item
    if isinstance(points, Tensor):
        points = (points.float() if points.is_floating_point() and points.itemsize < 4 else points).numpy()
    if not isinstance(points, np.ndarray):
        kind = type(item).__name__
        advice = "; make it an array: numpy.array(points)" if isinstance(item, Sequence | Mapping) else ""
        raise InputError(f"Shape {number} is a {kind}; expected a file, an array [N, 3] or a tensor [B, N, 3]{advice}.")
    if points.ndim not in (2, 3) or points.shape[-1] != 3:
        raise InputError(
            f"Shape {number} has the shape {list(points.shape)}; expected [N, 3] or [B, N, 3]{_mend(points)}."
        )
    if points.dtype.kind not in "fiu":
        raise InputError(f"Shape {number} holds {points.dtype}; expected numbers, such as float32.")
    for place, cloud in enumerate(points if points.ndim == 3 else points[None]):
        _warn_if_coarse(cloud, number + place)
        yield Geometry(cloud.astype(np.float64))


def _mend(points: np.ndarray) -> str:
    """What to do about an array of the wrong shape, where that is plain."""
    if points.ndim == 2 and points.shape[0] == 3:
        return "; transpose it: points.T"
    return "; take its coordinates: points[..., :3]" if points.ndim in (2, 3) and points.shape[-1] > 3 else ""


def _warn_if_coarse(cloud: np.ndarray, number: int) -> None:
    """Warn about coordinates far from the origin in a type that holds too few digits, such as a survey's in float32."""
    finite = cloud[np.isfinite(cloud).all(axis=1)]
    if cloud.dtype.kind != "f" or not len(finite):
        return
    extent = float(np.ptp(finite.astype(np.float64), axis=0).max())
    step = float(np.spacing(np.abs(finite).max()))
    if step > COARSE * extent > 0:
        warnings.warn(
            f"Cloud {number} spans {extent:.3g} so far from the origin that {cloud.dtype} rounds it to {step:.1g}; "
            "subtract an offset before the conversion, or give float64."
        )
