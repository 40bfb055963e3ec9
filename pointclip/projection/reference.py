"""The reference engine: voxelize, densify, smooth, squeeze in plain torch, on any device, differentiable.

Windows are separable, so a box maximum is three 1-D maxima and the Gaussian three 1-D convolutions; all of it happens
inside the box of cells that the points touch, since an empty cell is 0 and everything here keeps 0 where nothing is.
Views are worked on a few at a time, so that no more than `MAX_CELLS` grid cells exist at once.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pointclip.projection.cells import Cells
from pointclip.projection.spec import ProjectionSpec, gaussian

MAX_CELLS = 3_000_000  # in one chunk of views: 12 MB of float32


@dataclass(frozen=True)
class Box:
    """A part of the voxel grid: [low, high) along depth, row, column."""

    low: tuple[int, int, int]
    high: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        return tuple(high - low for low, high in zip(self.low, self.high, strict=True))


def project(cells: Cells, spec: ProjectionSpec, lookup: Cells | None = None) -> tuple[Tensor, Tensor | None]:
    """Depth maps of views whose points have been put into cells.

    Args:
        cells: the cell and the value of every point, [B, V, N] each.
        spec: the task's parameters.
        lookup: cells whose smoothed value is wanted too (its `value` is not read).

    Returns:
        Depth maps [B, V, H, H] in [0, 1], near is dark and background is 1; and for `lookup` the smoothed grid there on
        the same scale, 1 − value / largest of the image: [B, V, N], else None.
    """
    batch, views, _ = cells.row.shape
    flat = cells.flat()
    box = _occupied(flat)
    wanted = None if lookup is None else lookup.flat()
    step = max(1, MAX_CELLS // max(1, _numel(_grown(box, spec))))
    images, values = [], []
    for start in range(0, batch * views, step):
        part = slice(start, start + step)
        grid, grid_box = before_smooth(flat[part], spec, box)  # [M, depth, row, column]
        grid, grid_box = smooth(grid, grid_box, spec)
        image, largest = after_smooth(grid, grid_box, spec)
        images.append(image)  # [M, H, H]
        if wanted is not None:
            values.append(1 - read_grid(grid, grid_box, wanted[part]) / largest[:, None])
    maps = torch.cat(images).unflatten(0, (batch, views))
    return maps, torch.cat(values).unflatten(0, (batch, views)) if values else None


def before_smooth(cells: Cells, spec: ProjectionSpec, box: Box | None = None) -> tuple[Tensor, Box]:
    """Voxelize and densify: cells [M, N] -> the grid [M, depth, row, column] and the box that it fills.

    `box` is a part of the voxel grid that holds all the cells; None finds the smallest.
    """
    box = _occupied(cells) if box is None else box
    return densify(voxelize(cells, box), box, spec)


def after_smooth(grid: Tensor, box: Box, spec: ProjectionSpec) -> tuple[Tensor, Tensor]:
    """Squeeze and invert: the grid -> depth maps [M, H, H], near is dark, and the largest value of each, [M]."""
    image = (squeeze if spec.squeeze else average)(grid, box, spec)  # [M, H, H]
    largest = image.amax((1, 2))
    return 1 - image / largest[:, None, None], largest


def voxelize(cells: Cells, box: Box) -> Tensor:
    """Grid of the largest value in each cell of `box`, 0 where no point is: [M, depth, row, column] of cells [M, N]."""
    depth, rows, columns = box.shape
    index = ((cells.depth - box.low[0]) * rows + cells.row - box.low[1]) * columns + cells.column - box.low[2]  # [M, N]
    grid = cells.value.new_zeros(len(index), depth * rows * columns)
    return grid.scatter_reduce(1, index, cells.value, "amax").unflatten(1, (depth, rows, columns))


def densify(grid: Tensor, box: Box, spec: ProjectionSpec) -> tuple[Tensor, Box]:
    """3-D max-pool, stride 1: closes the gaps between points. Returns the grid and the box that it now fills."""
    padded, box = _pad(grid, box, spec, spec.densify_window, spec.densify_padding, after_densify=False)
    for axis, window in enumerate(spec.densify_window):
        padded = _window_max(padded, axis + 1, window)
    return padded, box


def smooth(grid: Tensor, box: Box, spec: ProjectionSpec) -> tuple[Tensor, Box]:
    """3-D Gaussian of sum 1, zero padding: rounds the steps off. Returns the grid and the box that it now fills."""
    padded, box = _pad(grid, box, spec, spec.smooth_window, spec.smooth_padding, after_densify=True)
    sigmas = (spec.sigma_depth, spec.sigma_image, spec.sigma_image)
    for axis, (window, sigma) in enumerate(zip(spec.smooth_window, sigmas, strict=True)):
        padded = _window_sum(padded, axis + 1, gaussian(window, sigma))
    return padded, box


def squeeze(grid: Tensor, box: Box, spec: ProjectionSpec) -> Tensor:
    """Largest value over depth, put at its place in the whole image: [M, depth, row, column] -> [M, H, H]."""
    return F.pad(grid.amax(1), _margins(box, spec))


def average(grid: Tensor, box: Box, spec: ProjectionSpec) -> Tensor:
    """Instead of squeeze: mean of the values over depth that are not 0, 0 where all are; see `ProjectionSpec.only`."""
    filled = (grid > 0).sum(1).clamp(min=1)  # [M, row, column]
    return F.pad(grid.sum(1) / filled, _margins(box, spec))


def read_grid(grid: Tensor, box: Box, cells: Cells) -> Tensor:
    """The grid's value in the given cells, 0 outside its box: [M, depth, row, column], cells [M, N] -> [M, N]."""
    inside = torch.ones_like(cells.depth, dtype=torch.bool)
    index = torch.zeros_like(cells.depth)
    for position, low, high in zip((cells.depth, cells.row, cells.column), box.low, box.high, strict=True):
        inside &= (position >= low) & (position < high)
        index = index * (high - low) + (position - low).clamp(0, high - low - 1)
    return grid.flatten(1).gather(1, index) * inside


def grid_sizes(spec: ProjectionSpec, after_densify: bool) -> tuple[int, int, int]:
    """Cells along depth, row, column, as voxelized or, smaller by what its padding lacks, after densify."""
    sizes = (spec.depth_cells, spec.resolution, spec.resolution)
    if not after_densify:
        return sizes
    steps = zip(sizes, spec.densify_window, spec.densify_padding, strict=True)
    return tuple(size + 2 * padding - window + 1 for size, window, padding in steps)


def _window_max(grid: Tensor, axis: int, window: int) -> Tensor:
    """Maximum over `window` neighbours along an axis, which gets window − 1 shorter; a few doublings of the reach."""
    reach = 1
    while reach < window:
        step = min(reach, window - reach)
        length = grid.shape[axis] - step
        grid = torch.maximum(grid.narrow(axis, 0, length), grid.narrow(axis, step, length))
        reach += step
    return grid


def _window_sum(grid: Tensor, axis: int, weights: list[float]) -> Tensor:
    """Weighted sum over neighbours along an axis, which gets len(weights) − 1 shorter."""
    length = grid.shape[axis] - len(weights) + 1
    total = grid.narrow(axis, 0, length) * weights[0]
    for offset, weight in enumerate(weights[1:], start=1):
        total = total + grid.narrow(axis, offset, length) * weight
    return total


def _pad(grid: Tensor, box: Box, spec: ProjectionSpec, window, padding, after_densify: bool) -> tuple[Tensor, Box]:
    """Room for a window around the box, and the box of results: all windows that touch it, inside the whole grid."""
    sizes = grid_sizes(spec, after_densify)
    low, high, margins = [], [], []
    for a, b, size, w, p in zip(box.low, box.high, sizes, window, padding, strict=True):
        low.append(max(0, a + p - w + 1))
        high.append(min(size + 2 * p - w + 1, b + p))
        margins.append((a + p - low[-1], high[-1] + w - 1 - p - b))  # negative ones cut
    pads = [side for pair in reversed(margins) for side in pair]
    return F.pad(grid, pads), Box(tuple(low), tuple(high))


def _margins(box: Box, spec: ProjectionSpec) -> tuple[int, int, int, int]:
    """Columns left and right, rows above and below the box."""
    size = spec.image_size
    return box.low[2], size - box.high[2], box.low[1], size - box.high[1]


def _occupied(cells: Cells) -> Box:
    axes = (cells.depth, cells.row, cells.column)
    low = torch.stack([axis.amin() for axis in axes]).tolist()
    high = torch.stack([axis.amax() + 1 for axis in axes]).tolist()
    return Box(tuple(low), tuple(high))


def _grown(box: Box, spec: ProjectionSpec) -> tuple[int, ...]:
    return tuple(n + a + b for n, a, b in zip(box.shape, spec.densify_window, spec.smooth_window, strict=True))


def _numel(shape: tuple[int, ...]) -> int:
    return shape[0] * shape[1] * shape[2]
