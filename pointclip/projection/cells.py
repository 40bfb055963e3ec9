"""From points to voxel grid cells: rotate, centre, scale, quantise. Shared by all engines."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pointclip.projection.points import check_points
from pointclip.projection.spec import ProjectionSpec

MAX_PLACED = 10_000_000  # points of all clouds and views quantised at once: 0.3 GB, and three times that temporarily


@dataclass(frozen=True)
class Cells:
    """The voxel grid cell of each point in each view, all [B, V, N].

    row, column: 1 … S − 2, int64, the pixel in the voxel grid. depth: 0 … D − 1, int64, the depth slice of the grid.
    value: 1 … D − 2, float32, the depth value that the cell stores: larger is nearer.
    """

    row: Tensor
    column: Tensor
    depth: Tensor
    value: Tensor

    def map(self, function: Callable[[Tensor], Tensor]) -> "Cells":
        """Apply a function to row, column, depth and value."""
        return Cells(*(function(tensor) for tensor in (self.row, self.column, self.depth, self.value)))

    def flat(self) -> "Cells":
        """Clouds and views flattened into one axis: [B · V, N] each."""
        return self.map(lambda tensor: tensor.flatten(0, 1))

    def __getitem__(self, part: slice) -> "Cells":
        """A slice of the clouds, or of the views if the cells are flat."""
        return self.map(lambda tensor: tensor[part])


def to_unit_box(points: Tensor) -> Tensor:
    """Centre clouds [B, N, 3] on their bounding boxes and scale the longest side to 2, as float32.

    Every view is centred and scaled again, so this does not affect the result. In float64 it maps a cloud to the same
    float32 coordinates regardless of position and unit, so shifting and scaling a cloud changes hardly any pixel.

    Raises:
        InputError: for clouds that cannot be projected (see `check_points`).
    """
    check_points(points)
    points = points.double()
    low, high = points.amin(1, keepdim=True), points.amax(1, keepdim=True)
    return ((points - (low + high) / 2) / (high - low).amax(-1, keepdim=True) * 2).float()


def turn(points: Tensor, rotations: Tensor) -> Tensor:
    """Rotate clouds into every view: points [B, N, 3], rotations [V, R, 3, 3] -> [3, B, V, N], coordinates first.

    Written out per coordinate because a matrix product rounds differently for different batch sizes: the same cloud
    alone and in a batch could then fall into different cells.
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
        rotations: [V, R, 3, 3], see `pointclip.projection.views.view_rotations`.
        spec: the task's parameters.

    Raises:
        InputError: for clouds that cannot be projected (see `check_points`).
    """
    return cells_of_unit(to_unit_box(points), rotations, spec)


def view_slices(points: Tensor, views: int) -> list[slice]:
    """The views in groups of at most `MAX_PLACED` points to quantise at once; a single group for most clouds."""
    step = max(1, MAX_PLACED // (len(points) * points.shape[1]))
    return [slice(start, start + step) for start in range(0, views, step)]


def cells_of_unit(points: Tensor, rotations: Tensor, spec: ProjectionSpec) -> Cells:
    """As `to_cells`, for the result of `to_unit_box`; a view's cells do not depend on the other views."""
    turned = turn(points, rotations)  # [3, B, V, N]
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


def nearest_per_cell(cells: Cells, spec: ProjectionSpec) -> Cells:
    """Keep only the nearest point (largest value) of each cell, the only visible one; cells [M, N], on any device.

    All other points, and those outside the grid, get row -1, which is outside the grid. The order of the points
    changes. Does not synchronise with the GPU.
    """
    size, depth_cells = spec.resolution, spec.depth_cells
    inside = (cells.depth >= 0) & (cells.depth < depth_cells)
    for position in (cells.row, cells.column):
        inside &= (position >= 0) & (position < size)
    index = ((cells.depth * size + cells.row) * size + cells.column).masked_fill(~inside, -1)  # [M, N]
    bits = cells.value.float().clamp(min=0).view(torch.int32)  # non-negative floats sort like their bit patterns
    key, order = ((index << 32) + bits).sort(-1)
    index = key >> 32
    is_nearest = index >= 0
    is_nearest[:, :-1] &= index[:, 1:] > index[:, :-1]
    cells = cells.map(lambda tensor: tensor.gather(-1, order))
    return replace(cells, row=cells.row.masked_fill(~is_nearest, -1))
