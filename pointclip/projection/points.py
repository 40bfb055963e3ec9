"""What makes a point cloud fit to be projected."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pointclip.errors import InputError


def check_points(points: Tensor, names: Sequence[str] = ()) -> None:
    """Raise an InputError that says what is wrong with a batch of clouds [B, N, 3], if anything is.

    `names` of the B clouds, where they have some, stand in the sentence.
    """
    if not isinstance(points, Tensor):
        raise InputError(f"Points came as {type(points).__name__}; a float tensor [B, N, 3] was expected.")
    who = ", ".join(names[:3]) or "The batch"
    if points.ndim != 3 or points.shape[-1] != 3:
        raise InputError(
            f"{who}: points came in shape {list(points.shape)}; [B, N, 3] was expected, [1, N, 3] for one."
        )
    if not points.is_floating_point():
        raise InputError(f"{who}: points came as {points.dtype}; floating point was expected (call .float()).")
    if points.shape[1] < 2:
        raise InputError(f"{who}: a cloud of {points.shape[1]} point(s) came; at least 2 distinct ones are needed.")
    if points.shape[0] == 0:
        raise InputError("A batch of no clouds came; at least one was expected.")
    points = points.double()
    _complain(
        ~torch.isfinite(points).flatten(1).all(1),
        names,
        "NaN or infinite coordinates (or beyond float32); remove such points first",
    )
    extent = (points.amax(1) - points.amin(1)).amax(1)
    _complain(~torch.isfinite(extent), names, "an extent beyond the range of float64; scale the points down")
    tiny = 64 * torch.finfo(torch.float64).eps * points.abs().amax(dim=(1, 2))
    _complain(extent <= tiny, names, "all points at one place; a shape needs an extent")


def _complain(bad: Tensor, names: Sequence[str], what: str) -> None:
    if bad.any():
        places = bad.nonzero().flatten().tolist()
        who = [names[place] if names else f"cloud {place} of the batch" for place in places]
        more = f" (and {len(who) - 3} more)" if len(who) > 3 else ""
        raise InputError(f"{', '.join(who[:3])}{more}: {what}.")


def check_num_points(num_points: int | None) -> None:
    """Raise InputError unless the number of points is None or a positive integer."""
    if num_points is not None and (isinstance(num_points, bool) or not isinstance(num_points, int) or num_points < 1):
        raise InputError(f"The number of points is {num_points!r}, but it must be a whole number of at least 1.")
