"""The reference engine: voxelize, densify, smooth, squeeze in plain torch, on any device, differentiable.

Windows are separable, so a box maximum is computed as three 1-D maxima and the Gaussian as three 1-D convolutions.
Everything is computed only inside the bounding box of occupied cells, since empty cells are 0 and all steps keep zeros
outside it. Views are processed a few at a time, so that at most `MAX_CELLS` grid cells exist at once.
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
    """A box in the voxel grid: [low, high) along depth, row, column."""

    low: tuple[int, int, int]
    high: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        depth, row, column = (high - low for low, high in zip(self.low, self.high, strict=True))
        return depth, row, column


def project(cells: Cells, spec: ProjectionSpec, lookup: Cells | None = None) -> tuple[Tensor, Tensor | None]:
    """Depth maps from quantised points.

    Args:
        cells: the cell and the value of every point, [B, V, N] each.
        spec: the task's parameters.
        lookup: cells at which to return the smoothed value (their `value` is not used).

    Returns:
        Depth maps [B, V, H, H] in [0, 1], near is dark and background is 1; and the smoothed grid's values at `lookup`
        on the same scale, 1 − value / largest value of the image: [B, V, N], or None without `lookup`.
    """
    batch, views, _ = cells.row.shape
    flat = cells.flat()
    box = _occupied(flat)
    lookup_flat = None if lookup is None else lookup.flat()
    step = max(1, MAX_CELLS // max(1, _numel(_grown(box, spec))))
    images, values = [], []
    for start in range(0, batch * views, step):
        part = slice(start, start + step)
        grid, grid_box = before_smooth(flat[part], spec, box)  # [M, depth, row, column]
        grid, grid_box = smooth(grid, grid_box, spec)
        image, largest = after_smooth(grid, grid_box, spec)
        images.append(image)  # [M, H, H]
        if lookup_flat is not None:
            values.append(1 - read_grid(grid, grid_box, lookup_flat[part]) / largest[:, None])
    maps = torch.cat(images).unflatten(0, (batch, views))
    return maps, torch.cat(values).unflatten(0, (batch, views)) if values else None


def before_smooth(cells: Cells, spec: ProjectionSpec, box: Box | None = None) -> tuple[Tensor, Box]:
    """Voxelize and densify: cells [M, N] -> the grid [M, depth, row, column] and the box that it covers.

    `box` contains all the cells; None computes the smallest one.
    """
    box = _occupied(cells) if box is None else box
    return densify(voxelize(cells, box), box, spec)


def after_smooth(grid: Tensor, box: Box, spec: ProjectionSpec) -> tuple[Tensor, Tensor]:
    """Squeeze and invert: the grid -> depth maps [M, H, H], near is dark, and each one's largest value, [M]."""
    image = (squeeze if spec.squeeze else average)(grid, box, spec)  # [M, H, H]
    largest = image.amax((1, 2))
    return 1 - image / largest[:, None, None], largest


def voxelize(cells: Cells, box: Box) -> Tensor:
    """The largest value in each cell of `box`, 0 in empty cells: cells [M, N] -> [M, depth, row, column]."""
    depth, rows, columns = box.shape
    index = ((cells.depth - box.low[0]) * rows + cells.row - box.low[1]) * columns + cells.column - box.low[2]  # [M, N]
    grid = cells.value.new_zeros(len(index), depth * rows * columns)
    return grid.scatter_reduce(1, index, cells.value, "amax").unflatten(1, (depth, rows, columns))


def densify(grid: Tensor, box: Box, spec: ProjectionSpec) -> tuple[Tensor, Box]:
    """3-D max-pool with stride 1: closes gaps between points. Returns the grid and the box that it now covers."""
    padded, box = _pad(grid, box, spec, spec.densify_window, spec.densify_padding, after_densify=False)
    for axis, window in enumerate(spec.densify_window):
        padded = _window_max(padded, axis + 1, window)
    return padded, box


def smooth(grid: Tensor, box: Box, spec: ProjectionSpec) -> tuple[Tensor, Box]:
    """3-D Gaussian of sum 1 with zero padding: rounds off steps. Returns the grid and the box that it now covers."""
    padded, box = _pad(grid, box, spec, spec.smooth_window, spec.smooth_padding, after_densify=True)
    sigmas = (spec.sigma_depth, spec.sigma_image, spec.sigma_image)
    for axis, (window, sigma) in enumerate(zip(spec.smooth_window, sigmas, strict=True)):
        padded = _window_sum(padded, axis + 1, gaussian(window, sigma))
    return padded, box


def squeeze(grid: Tensor, box: Box, spec: ProjectionSpec) -> Tensor:
    """The largest value over depth, in the full image: [M, depth, row, column] -> [M, H, H]."""
    return F.pad(grid.amax(1), _margins(box, spec))


def average(grid: Tensor, box: Box, spec: ProjectionSpec) -> Tensor:
    """Instead of squeeze: the mean of the non-zero values over depth, 0 if there are none (`ProjectionSpec.only`)."""
    filled = (grid > 0).sum(1).clamp(min=1)  # [M, row, column]
    return F.pad(grid.sum(1) / filled, _margins(box, spec))


def read_grid(grid: Tensor, box: Box, cells: Cells) -> Tensor:
    """The grid's values at the given cells, 0 outside its box: [M, depth, row, column], cells [M, N] -> [M, N]."""
    inside = torch.ones_like(cells.depth, dtype=torch.bool)
    index = torch.zeros_like(cells.depth)
    for position, low, high in zip((cells.depth, cells.row, cells.column), box.low, box.high, strict=True):
        inside &= (position >= low) & (position < high)
        index = index * (high - low) + (position - low).clamp(0, high - low - 1)
    return grid.flatten(1).gather(1, index) * inside


def grid_sizes(spec: ProjectionSpec, after_densify: bool) -> tuple[int, int, int]:
    """The number of cells along depth, row, column; after densify it is smaller if the padding is less than "same"."""
    sizes = (spec.depth_cells, spec.resolution, spec.resolution)
    if not after_densify:
        return sizes
    steps = zip(sizes, spec.densify_window, spec.densify_padding, strict=True)
    depth, row, column = (size + 2 * padding - window + 1 for size, window, padding in steps)
    return depth, row, column


def _window_max(grid: Tensor, axis: int, window: int) -> Tensor:
    """Maximum over `window` neighbours along an axis, which gets window − 1 shorter, by doubling the reach."""
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
    """Pad for a window, and the box of results: all windows that overlap the box, within the full grid."""
    sizes = grid_sizes(spec, after_densify)
    low, high, margins = [], [], []
    for a, b, size, w, p in zip(box.low, box.high, sizes, window, padding, strict=True):
        low.append(max(0, a + p - w + 1))
        high.append(min(size + 2 * p - w + 1, b + p))
        margins.append((a + p - low[-1], high[-1] + w - 1 - p - b))  # negative ones crop
    pads = [side for pair in reversed(margins) for side in pair]
    return F.pad(grid, pads), Box(tuple(low), tuple(high))


def _margins(box: Box, spec: ProjectionSpec) -> tuple[int, int, int, int]:
    """The number of columns left and right of the box, and of rows above and below it."""
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
