"""From points to cells of the voxel grid: turn, centre, scale, quantise. Shared by every engine."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pointclip.errors import InputError
from pointclip.projection.spec import ProjectionSpec


@dataclass(frozen=True)
class Cells:
    """Where each point of each view falls, all [B, V, N].

    row, column: 1 … S − 2, int64, the pixel in the voxel grid. depth: 0 … D − 1, int64, the layer of the grid.
    value: 1 … D − 2, float32, what the cell stores: the larger, the nearer.
    """

    row: Tensor
    column: Tensor
    depth: Tensor
    value: Tensor


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
    points = points.double()
    _complain(~torch.isfinite(points).flatten(1).all(1), names, "NaN or infinite coordinates; remove such points first")
    extent = (points.amax(1) - points.amin(1)).amax(1)
    tiny = 64 * torch.finfo(torch.float64).eps * points.abs().amax(dim=(1, 2))
    _complain(extent <= tiny, names, "all points at one place; a shape needs an extent")


def _complain(bad: Tensor, names: Sequence[str], what: str) -> None:
    if bad.any():
        places = bad.nonzero().flatten().tolist()
        who = [names[place] if names else f"cloud {place} of the batch" for place in places]
        more = f" (and {len(who) - 3} more)" if len(who) > 3 else ""
        raise InputError(f"{', '.join(who[:3])}{more}: {what}.")


def to_unit_box(points: Tensor) -> Tensor:
    """Centre clouds [B, N, 3] at their bounding box and scale its longest side to 2, as float32.

    Every view is centred and scaled again, so this changes no result. Done in float64, it rounds a cloud to the same
    float32 numbers wherever it lies and whatever its unit, so that shifting and scaling change no depth map.

    Raises:
        InputError: for clouds that show nothing (see `check_points`).
    """
    check_points(points)
    points = points.double()
    low, high = points.amin(1, keepdim=True), points.amax(1, keepdim=True)
    return ((points - (low + high) / 2) / (high - low).amax(-1, keepdim=True) * 2).float()


def turn(points: Tensor, rotations: Tensor) -> Tensor:
    """Turn clouds into every view: points [B, N, 3], rotations [V, R, 3, 3] -> [3, B, V, N], coordinates first.

    Written out per coordinate: a matrix product rounds differently for different batch sizes, and then a cloud alone
    and the same cloud in a batch could fall into different cells.
    """
    x, y, z = points.unsqueeze(1).unbind(-1)  # [B, 1, N]
    for matrix in rotations.unbind(1):  # [V, 3, 3]
        rows = matrix.to(points.dtype)[:, :, :, None].unbind(1)  # three of [V, 3, 1]
        x, y, z = (row[:, 0] * x + row[:, 1] * y + row[:, 2] * z for row in rows)
    return torch.stack([x, y, z])


def to_cells(points: Tensor, rotations: Tensor, spec: ProjectionSpec) -> Cells:
    """Find the cell and the depth value of each point in each view (PointCLIP V2, section 3.2, "quantize").

    Args:
        points: [B, N, 3] floating point, any position and scale.
        rotations: [V, R, 3, 3], see `pointclip.views.view_rotations`.
        spec: the task's parameters.

    Raises:
        InputError: for clouds that show nothing (see `check_points`).
    """
    turned = turn(to_unit_box(points), rotations)  # [3, B, V, N]
    low, high = turned.amin(-1, keepdim=True), turned.amax(-1, keepdim=True)
    centre = (high + low) / 2
    scale = (high - low).amax(0)  # [B, V, 1], the largest of the three extents
    x, y, z = (turned - centre) / scale * 2  # in [-1, 1]
    x, y = x * spec.object_ratio, y * spec.object_ratio

    size, depth_cells = spec.resolution, spec.depth_cells
    row = torch.ceil((x + 1) / 2 * size).clamp(1, size - 2).long()
    column = torch.ceil((y + 1) / 2 * size).clamp(1, size - 2).long()
    depth = ((z + 1) / 2 + spec.depth_bias) / (1 + spec.depth_bias) * (depth_cells - 2)
    return Cells(row, column, torch.ceil(depth).clamp(0, depth_cells - 1).long(), depth.clamp(1, depth_cells - 2))


def last_writer_wins(cells: Cells, spec: ProjectionSpec) -> Cells:
    """Give all points of one cell the value of the last of them, as the published segmentation code stores it.

    The outcome depends on the order of the points; without this step a cell keeps the largest value, in any order.
    """
    index = (cells.depth * spec.resolution + cells.row) * spec.resolution + cells.column  # [B, V, N]
    ordered, order = index.sort(dim=-1, stable=True)
    last = torch.searchsorted(ordered, ordered, right=True) - 1  # where each point's cell ends
    values = cells.value.gather(-1, order).gather(-1, last)
    return replace(cells, value=torch.empty_like(values).scatter(-1, order, values))
