"""The CUDA engine: two Triton kernels that never write the voxel grid, or any slice of it, to device memory.

The first sorts each view's points into buckets by image tile and depth, one program per view. The second computes a
tile of 28 x 28 pixels per program (classification: 14 x 14), holding in registers only the few depth slices that it
needs at a time; the last program of a view to finish scales the view's image. Lookup cells are sorted into buckets too,
and read while their slice is in registers. Only clouds of at least `DENSE_CLOUD` points need further (torch) kernels,
which first keep one point per cell. Two more kernels find the points' cells (see `triton_quantize`).

The minimum memory traffic, bytes that any engine must move between cells and maps, for one cloud in ten views:

    ================================  ==============  ============
                                      classification  segmentation
                                      1,024 points    2,048 points, with lookup
    ================================  ==============  ============
    cells in, 28 bytes a point               0.29 MB       0.57 MB
    lookup cells in, values out                    -       0.57 MB
    depth maps out                           0.48 MB       2.01 MB
    minimum                                  0.77 MB       3.15 MB
    at an H200's copy bandwidth               0.2 µs        0.8 µs
    measured there, of 32 clouds                8 µs         61 µs
    ================================  ==============  ============

It is bound not by memory but by arithmetic: a tile computes the windows of each slice that is not empty, and processes
its points one by one, so the time grows with the density of the cloud; from 16,384 points on, only one point per cell
is kept first. A single cloud takes as long as its slowest tile.

On an H200 the kernels agree with the reference engine, and give the same bits every time; without a GPU, tests run them
under Triton's interpreter, and compile them for compute capability 9.0 without register spills.

The engine never synchronises with the GPU or branches on values there, so it can be captured in a CUDA graph; call it
once in advance with as many clouds and points, so that the kernels are compiled. Only `to_unit_box` waits for the GPU,
to check whether all clouds can be projected.
"""

import importlib.util
import os
import shutil
from dataclasses import dataclass, replace
from types import ModuleType

import torch
from torch import Tensor

from pointclip.errors import InputError
from pointclip.projection.cells import Cells, nearest_per_cell
from pointclip.projection.points import SMALLEST_EXTENT, check_coordinates, check_form
from pointclip.projection.reference import grid_sizes
from pointclip.projection.spec import ProjectionSpec, gaussian

BLOCK = 32  # side of a tile including the margin for the Gaussian; a power of two
NARROW = 3  # taps of the Gaussian up to which tiles of half that side are faster (on an H200, 8.3 instead of 11.7 µs)
SORT_CHUNK = 1024  # points or bucket offsets that a program sorts at a time
READ_CHUNK = 16  # lookup cells that a program reads from a slice at a time
SCALE_CHUNK = 4096  # pixels that a program scales at a time
POINT_CHUNK = 1024  # points that a program fits into a box or quantizes at a time
MAX_ENTRIES = 1 << 26  # bucket entries at once: 0.5 GB; 270 clouds in segmentation, 1,500 in classification
DENSE_CLOUD = 16_384  # points per cloud from which only one per cell is kept first; a guess, not tuned on a GPU
MAX_VIEWS = 65_535  # at once: CUDA's limit for a grid's second dimension
MIN_CAPABILITY = (8, 0)  # the lowest compute capability that Triton supports
MIN_TRITON = (3, 4)  # tuples in kernels
# Products and sums are rounded separately, as in the reference; loads are not moved ahead of a loop's stores.
OPTIONS = {"enable_fp_fusion": False, "num_stages": 1}
SORT_OPTIONS = POINT_OPTIONS = {**OPTIONS, "num_warps": 8}


def is_installed() -> bool:
    """Whether Triton is installed."""
    return importlib.util.find_spec("triton") is not None


def is_interpreted() -> bool:
    """Whether Triton's interpreter is enabled (TRITON_INTERPRET=1): slow, on the CPU, for tests."""
    return os.environ.get("TRITON_INTERPRET", "").lower() in ("1", "true", "on", "yes", "y")


def why_unavailable(device: torch.device, needs_grad: bool, spec: ProjectionSpec | None = None) -> str | None:
    """Why this engine cannot run (no Triton, device, gradients, no squeeze step), or None if it can."""
    if not is_installed():
        return "triton is not installed (pip install triton)"
    reason = None if is_interpreted() else _why_unsupported(torch.device(device))
    if reason is None and needs_grad:
        return "it computes no gradients, but the points require them"
    if reason is None and spec is not None and not spec.squeeze:
        return "it does not support leaving out the squeeze step"
    return reason


def _why_unsupported(device: torch.device) -> str | None:
    if device.type != "cuda":
        return f"it runs on a CUDA GPU, but the points are on {device}"
    if not torch.cuda.is_available():
        return "torch finds no CUDA GPU"
    if torch.version.hip is None and torch.cuda.get_device_capability(device) < MIN_CAPABILITY:
        return "the GPU is older than compute capability 8.0, which Triton needs"
    if not ("CC" in os.environ or shutil.which("gcc") or shutil.which("clang")):
        return "Triton needs a C compiler to launch kernels (install gcc or clang, or set the variable CC)"
    return why_too_old()


def why_too_old() -> str | None:
    """Why the installed Triton, which torch chooses, cannot compile the kernels, or None if it can."""
    import triton

    if tuple(int(part) for part in triton.__version__.split(".")[:2]) < MIN_TRITON:
        return f"triton {triton.__version__} is too old (3.4 or later is needed; torch 2.8 includes it)"
    return None


def to_unit_box(points: Tensor) -> Tensor:
    """Centre and scale clouds in one kernel; see `pointclip.projection.cells.to_unit_box`."""
    check_form(points)
    points = points.detach().contiguous()
    batch, count, _ = points.shape
    unit = torch.empty_like(points, dtype=torch.float32)
    faulty = torch.empty(batch, dtype=torch.bool, device=points.device)
    with torch.cuda.device_of(points):
        _quantize().fit_unit_box[(batch,)](
            points, unit, faulty, count, EPSILON=SMALLEST_EXTENT, CHUNK=POINT_CHUNK, **POINT_OPTIONS
        )
    if faulty.any():
        check_coordinates(points)  # raises, and says what is wrong
    return unit


def cells_of_unit(points: Tensor, rotations: Tensor, spec: ProjectionSpec) -> Cells:
    """The cells of clouds in unit boxes, in one kernel; see `pointclip.projection.cells.cells_of_unit`."""
    points, rotations = points.detach().contiguous(), rotations.float().contiguous()
    batch, count, _ = points.shape
    views, turns = rotations.shape[:2]
    row, column, depth = (torch.empty(batch, views, count, dtype=torch.int64, device=points.device) for _ in range(3))
    value = torch.empty(batch, views, count, dtype=torch.float32, device=points.device)
    with torch.cuda.device_of(points):
        for start in range(0, batch, MAX_VIEWS):
            part = slice(start, start + MAX_VIEWS)
            _quantize().quantize[(views, len(points[part]))](
                *(points[part], rotations, row[part], column[part], depth[part], value[part], count),
                ROTATIONS=turns,
                RESOLUTION=spec.resolution,
                DEPTH_CELLS=spec.depth_cells,
                OBJECT_RATIO=spec.object_ratio,
                DEPTH_BIAS=spec.depth_bias,
                CHUNK=POINT_CHUNK,
                **POINT_OPTIONS,
            )
    return Cells(row, column, depth, value)


def project(cells: Cells, spec: ProjectionSpec, lookup: Cells | None = None) -> tuple[Tensor, Tensor | None]:
    """Depth maps from quantised points; see `pointclip.projection.reference.project`.

    Points outside the voxel grid, which `to_cells` never produces, are ignored: raising would require synchronising
    with the GPU. Operations are performed in the reference's order, each rounded separately.

    Raises:
        InputError: if this engine cannot run (see `why_unavailable`), or for windows that differ along row and column.
    """
    reason = why_unavailable(cells.value.device, cells.value.requires_grad, spec)
    if reason is not None:
        raise InputError(f"The triton engine cannot project these cells: {reason}; use the reference engine.")
    tiling = make_tiling(spec)
    batch, views, count = cells.row.shape
    flat, size = _flatten_contiguous(cells), spec.image_size
    flat_lookup = None if lookup is None else _flatten_contiguous(lookup)
    maps = cells.value.new_empty((batch * views, size, size), dtype=torch.float32)
    values = None if flat_lookup is None else maps.new_empty(flat_lookup.row.shape)
    step = min(
        MAX_VIEWS, max(1, MAX_ENTRIES // _entries_per_view(count, 0 if values is None else values.shape[1], tiling))
    )
    with torch.cuda.device_of(maps):
        for start in range(0, batch * views, step):
            part = slice(start, start + step)
            part_lookup = None if flat_lookup is None else flat_lookup[part]
            _project(flat[part], part_lookup, tiling, maps[part], None if values is None else values[part])
    return maps.unflatten(0, (batch, views)), None if values is None else values.unflatten(0, (batch, views))


@dataclass(frozen=True)
class Tiling:
    """How a task's images are divided into tiles."""

    spec: ProjectionSpec
    block: int  # side of a tile in cells, including the margin
    pitch: int  # distance between tiles in pixels
    tiles: int  # number of tiles along rows (= columns)

    def point_grid(self) -> tuple[int, ...]:
        """`POINT_GRID` of `put_into_buckets`: rows, depth cells, shift, window, block and reach for points."""
        spec = self.spec
        window, block = spec.densify_window[1], self.block
        # from a voxel's row to the last row that it affects, in tile coordinates
        shift = spec.densify_padding[1] + spec.smooth_padding[1]
        # the largest number of tiles along one axis that `window` neighbouring cells overlap
        reach = (window + block - 2) // self.pitch + 1
        return spec.resolution, spec.depth_cells, shift, window, block, reach

    def lookup_grid(self) -> tuple[int, ...]:
        """`LOOKUP_GRID` of `put_into_buckets`, the same for lookup cells, each of which is read by one tile only."""
        return self.spec.image_size, self.smooth_depth, 0, 1, self.pitch, 1

    def constants(self) -> dict:
        """The compile-time arguments of `project_tiles`, except LOOKUP and chunk sizes."""
        spec = self.spec
        dense_depth, dense_size, _ = grid_sizes(spec, after_densify=True)
        return {
            "DEPTH_CELLS": spec.depth_cells,
            "DEPTH_BLOCK": _power_of_two(spec.depth_cells),
            "WINDOW": spec.densify_window[1],
            "PADDING": spec.densify_padding[1],
            "DENSE_SIZE": dense_size,
            "DEPTH_WINDOW": spec.densify_window[0],
            "DEPTH_PADDING": spec.densify_padding[0],
            "DENSE_DEPTH": dense_depth,
            "SMOOTH_PADDING": spec.smooth_padding[1],
            "SMOOTH_DEPTH_PADDING": spec.smooth_padding[0],
            "SMOOTH_DEPTH": self.smooth_depth,
            "DEPTH_WEIGHTS": tuple(gaussian(spec.smooth_window[0], spec.sigma_depth)),
            "WEIGHTS": tuple(gaussian(spec.smooth_window[1], spec.sigma_image)),
            "IMAGE_SIZE": spec.image_size,
            "TILES": self.tiles,
            "PITCH": self.pitch,
            "BLOCK": self.block,
            "REACH": self.point_grid()[-1],
        }

    def options(self) -> dict:
        """The compiler's options for `project_tiles`: as many warps as are fastest on an H200."""
        return {**OPTIONS, "num_warps": max(1, self.block // 8)}

    @property
    def smooth_depth(self) -> int:
        """Number of slices of the smoothed grid."""
        window, padding = self.spec.smooth_window[0], self.spec.smooth_padding[0]
        return grid_sizes(self.spec, after_densify=True)[0] + 2 * padding - window + 1


def make_tiling(spec: ProjectionSpec) -> Tiling:
    """Divide a task's images into tiles.

    Raises:
        InputError: for windows or paddings that differ along row and column.
    """
    for name in ("densify_window", "densify_padding", "smooth_window", "smooth_padding"):
        _, row, column = getattr(spec, name)
        if row != column:
            raise InputError(
                f"{name} of {row} rows and {column} columns: the triton engine needs as many rows as columns; use the "
                "reference engine."
            )
    taps = spec.smooth_window[1]
    block = max(BLOCK // 2 if taps <= NARROW else BLOCK, _power_of_two(2 * taps))
    pitch = block - taps + 1
    return Tiling(spec, block, pitch, -(-spec.image_size // pitch))


def _entries_per_view(count: int, lookup_count: int, tiling: Tiling) -> int:
    """The maximum number of bucket entries and buckets for a view of `count` points and `lookup_count` lookup cells."""
    buckets = tiling.tiles**2 * (tiling.spec.depth_cells + tiling.smooth_depth)
    return count * tiling.point_grid()[-1] ** 2 + lookup_count + buckets


def _project(cells: Cells, lookup: Cells | None, tiling: Tiling, maps: Tensor, values: Tensor | None) -> None:
    """Fill maps [M, H, H] and values [M, L] from cells [M, N] and lookup cells [M, L]."""
    kernels, spec = _kernels(), tiling.spec
    views, count = cells.row.shape
    cells = nearest_per_cell(cells, spec) if count >= DENSE_CLOUD else cells
    has_lookup = lookup is not None
    progress = maps.new_empty((2, views), dtype=torch.int32)
    buckets = _allocate_buckets(maps, tiling, count, tiling.point_grid())
    # without lookup the kernels need placeholders, which they do not read
    sought, values = (cells, maps) if lookup is None else (lookup, values)
    counts = count, sought.row.shape[1]
    lookup_buckets = _allocate_buckets(maps, tiling, counts[1], tiling.lookup_grid()) if has_lookup else buckets
    kernels.put_into_buckets[(views, 2 if has_lookup else 1)](
        *(cells.row, cells.column, cells.depth, cells.value, *buckets),
        *(sought.row, sought.column, sought.depth, *lookup_buckets),
        *(values, progress, *counts),
        POINT_GRID=tiling.point_grid(),
        LOOKUP_GRID=tiling.lookup_grid(),
        TILES=tiling.tiles,
        PITCH=tiling.pitch,
        CHUNK=SORT_CHUNK,
        **SORT_OPTIONS,
    )
    kernels.project_tiles[(tiling.tiles**2, views)](
        *(*buckets, *lookup_buckets, maps, values, progress, *counts),
        **tiling.constants(),
        LOOKUP=has_lookup,
        READ_CHUNK=READ_CHUNK,
        CHUNK=SCALE_CHUNK,
        **tiling.options(),
    )


def _allocate_buckets(maps: Tensor, tiling: Tiling, count: int, grid: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Allocate the offsets and entries of the maps' buckets, for `count` cells per view in a grid (`POINT_GRID`)."""
    views, depth_cells, reach = len(maps), grid[1], grid[-1]
    starts = maps.new_empty((views, tiling.tiles**2 * depth_cells + 1), dtype=torch.int32)
    return starts, maps.new_empty((views, count * reach**2), dtype=torch.int64)


def _kernels() -> ModuleType:
    # Imported on first use: Triton is slow to load, and not installed where there is no CUDA.
    from pointclip.projection import triton_kernels

    return triton_kernels


def _quantize() -> ModuleType:
    from pointclip.projection import triton_quantize

    return triton_quantize


def _flatten_contiguous(cells: Cells) -> Cells:
    """[B, V, N] -> contiguous [B · V, N], values in float32; copies only if needed."""
    cells = cells.flat().map(Tensor.contiguous)
    return replace(cells, value=cells.value.float())


def _power_of_two(number: int) -> int:
    return 1 << max(0, number - 1).bit_length()
