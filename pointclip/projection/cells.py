"""From points to cells of the voxel grid: turn, centre, scale, quantise. Shared by every engine."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pointclip.projection.points import check_points
from pointclip.projection.spec import ProjectionSpec

MOST_PLACED = 10_000_000  # points of all clouds and views in cells at once: 0.3 GB, and thrice that on the way


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

    def each(self, function: Callable[[Tensor], Tensor]) -> "Cells":
        """The function's results for row, column, depth and value."""
        return Cells(*(function(tensor) for tensor in (self.row, self.column, self.depth, self.value)))

    def flat(self) -> "Cells":
        """Views one after the other, [B · V, N] each."""
        return self.each(lambda tensor: tensor.flatten(0, 1))

    def __getitem__(self, part: slice) -> "Cells":
        """Some of the clouds, or of the views of flat cells."""
        return self.each(lambda tensor: tensor[part])


def to_unit_box(points: Tensor) -> Tensor:
    """Centre clouds [B, N, 3] at their bounding box and scale its longest side to 2, as float32.

    Every view is centred and scaled again, so this changes no result. Done in float64, it rounds a cloud to the same
    float32 numbers wherever it lies and whatever its unit, so that shifting and scaling change hardly any pixel.

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
        rotations: [V, R, 3, 3], see `pointclip.projection.views.view_rotations`.
        spec: the task's parameters.

    Raises:
        InputError: for clouds that show nothing (see `check_points`).
    """
    return cells_of_unit(to_unit_box(points), rotations, spec)


def view_slices(points: Tensor, views: int) -> list[slice]:
    """The views in groups of which `MOST_PLACED` points are put into cells at a time: one group for usual clouds."""
    step = max(1, MOST_PLACED // (len(points) * points.shape[1]))
    return [slice(start, start + step) for start in range(0, views, step)]


def cells_of_unit(points: Tensor, rotations: Tensor, spec: ProjectionSpec) -> Cells:
    """The same of clouds that have been through `to_unit_box`; each view's cells are the same alone or with others."""
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


def one_a_cell(cells: Cells, spec: ProjectionSpec) -> Cells:
    """Of all points in one cell keep the one with the largest value, which alone shows; cells [M, N], on any device.

    The others' row becomes -1, which is outside the grid, as is that of points which came outside it. Points change
    their order. Nothing here waits for a GPU.
    """
    size, depth_cells = spec.resolution, spec.depth_cells
    inside = (cells.depth >= 0) & (cells.depth < depth_cells)
    for place in (cells.row, cells.column):
        inside &= (place >= 0) & (place < size)
    index = ((cells.depth * size + cells.row) * size + cells.column).masked_fill(~inside, -1)  # [M, N]
    bits = cells.value.float().clamp(min=0).view(torch.int32)  # those of positive floats order as these do
    key, order = ((index << 32) + bits).sort(-1)
    index = key >> 32
    shows = index >= 0
    shows[:, :-1] &= index[:, 1:] > index[:, :-1]
    cells = cells.each(lambda tensor: tensor.gather(-1, order))
    return replace(cells, row=cells.row.masked_fill(~shows, -1))
