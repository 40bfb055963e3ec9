"""Clouds with more points than cells: only one point per cell matters, and all points of a cell read the same value."""

from collections.abc import Callable

import torch
from torch import Tensor

from pointclip.projection.cells import Cells
from pointclip.projection.spec import ProjectionSpec

CROWDED = 200_000  # points per cloud from which it is faster to reduce them to the cells that they fill

Project = Callable[[Cells, ProjectionSpec, Cells | None], tuple[Tensor, Tensor | None]]


def project_crowded(
    project: Project, cells: Cells, spec: ProjectionSpec, lookup: Cells | None
) -> tuple[Tensor, Tensor | None]:
    """The same result as an engine's `project`, bit for bit, but each filled or looked-up cell is passed only once."""
    batch, views, _ = cells.row.shape
    flat, lookup_flat = cells.flat(), None if lookup is None else lookup.flat()
    maps, values = [], []
    for view in range(batch * views):
        part = slice(view, view + 1)
        filled = _filled(flat[part], spec)
        if lookup_flat is None:
            maps.append(project(filled, spec, None)[0])
            continue
        index = _index(lookup_flat[part], spec)[0]  # [N]
        grid = torch.zeros(_size(spec), dtype=torch.bool)
        grid[index] = True
        distinct = grid.nonzero()[:, 0]  # [M]
        image, read = project(filled, spec, _cells(distinct, torch.zeros(len(distinct)), spec))
        assert read is not None  # there was a lookup
        kept = torch.empty(_size(spec))
        kept[distinct] = read[0, 0]
        maps.append(image)
        values.append(kept[index])
    images = torch.cat(maps).reshape(batch, views, *maps[0].shape[2:])
    return images, torch.stack(values).unflatten(0, (batch, views)) if values else None


def _size(spec: ProjectionSpec) -> int:
    return spec.depth_cells * spec.resolution**2


def _index(cells: Cells, spec: ProjectionSpec) -> Tensor:
    return (cells.depth * spec.resolution + cells.row) * spec.resolution + cells.column


def _filled(cells: Cells, spec: ProjectionSpec) -> Cells:
    """The cells that the points of one view [1, N] fill, with the largest value in each: [1, 1, M]."""
    grid = torch.zeros(_size(spec), dtype=cells.value.dtype)
    grid.scatter_reduce_(0, _index(cells, spec)[0], cells.value[0], "amax")
    filled = grid.nonzero()[:, 0]  # values are at least 1
    return _cells(filled, grid[filled], spec)


def _cells(index: Tensor, value: Tensor, spec: ProjectionSpec) -> Cells:
    """Cells [1, 1, M] from their indices in the grid [M]."""
    size = spec.resolution
    rows, column = index // size, index % size
    return Cells(rows % size, column, rows // size, value).map(lambda tensor: tensor[None, None])
