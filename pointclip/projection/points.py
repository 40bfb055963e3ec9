"""Checks on point clouds before projection."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pointclip.errors import InputError

SMALLEST_EXTENT = 64 * torch.finfo(torch.float64).eps  # of a cloud, relative to its largest coordinate


def check_points(points: Tensor, names: Sequence[str] = ()) -> None:
    """Raise an InputError if a batch of clouds [B, N, 3] cannot be projected; the message uses the clouds' `names`."""
    check_form(points, names)
    check_coordinates(points, names)


def check_form(points: Tensor, names: Sequence[str] = ()) -> None:
    """Raise an InputError unless points are a floating point tensor [B, N, 3] of at least one cloud and two points."""
    if not isinstance(points, Tensor):
        raise InputError(f"Points are a {type(points).__name__}; expected a float tensor [B, N, 3].")
    who = ", ".join(names[:3]) or "The batch"
    if points.ndim != 3 or points.shape[-1] != 3:
        raise InputError(
            f"{who}: points have shape {list(points.shape)}; expected [B, N, 3], or [1, N, 3] for a single cloud."
        )
    if not points.is_floating_point():
        raise InputError(f"{who}: points are {points.dtype}; expected floating point (call .float()).")
    if points.shape[1] < 2:
        raise InputError(f"{who}: the cloud has {points.shape[1]} point(s); at least 2 distinct points are needed.")
    if points.shape[0] == 0:
        raise InputError("The batch is empty; expected at least one cloud.")


def check_coordinates(points: Tensor, names: Sequence[str] = ()) -> None:
    """Raise an InputError for clouds [B, N, 3] with NaN or infinite coordinates, or without extent."""
    points = points.double()
    _reject(
        ~torch.isfinite(points).flatten(1).all(1),
        names,
        "NaN or infinite coordinates (or outside float32's range); remove those points first",
    )
    extent = (points.amax(1) - points.amin(1)).amax(1)
    _reject(~torch.isfinite(extent), names, "the extent exceeds the range of float64; scale the points down")
    tiny = SMALLEST_EXTENT * points.abs().amax(dim=(1, 2))
    _reject(extent <= tiny, names, "all points coincide; a shape needs a non-zero extent")


def _reject(bad: Tensor, names: Sequence[str], problem: str) -> None:
    if bad.any():
        indices = bad.nonzero().flatten().tolist()
        who = [names[index] if names else f"cloud {index} of the batch" for index in indices]
        more = f" (and {len(who) - 3} more)" if len(who) > 3 else ""
        raise InputError(f"{', '.join(who[:3])}{more}: {problem}.")
