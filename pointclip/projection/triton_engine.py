"""The CUDA engine: two Triton kernels that never write the voxel grid, nor any slice of it, to device memory.

The first sorts each view's points into buckets by image tile and depth, one program a view. The second makes a tile of
28 x 28 pixels (classification: 30 x 30) a program, holding in registers the few slices of depth that it needs at a
time; the last program of a view to finish scales the view's image. With lookup, the wanted cells are put into buckets
too, and read while their slice is at hand. Only clouds of `DENSE` points and more take further kernels, torch's own:
they are sorted first.

The floor, bytes that any engine must move between cells and maps, for a cloud of ten views:

    =============================  ==============  ============
                                   classification  segmentation
                                   1,024 points    2,048 points, with lookup
    =============================  ==============  ============
    cells in, 28 bytes a point            0.29 MB       0.57 MB
    wanted cells in, values out                 -       0.57 MB
    depth maps out                        0.48 MB       2.01 MB
    floor                                 0.77 MB       3.15 MB
    at 4 TB/s, a guess for an H200         0.2 µs        0.8 µs
    what this design moves, by hand      2.4 MB         13 MB
    =============================  ==============  ============

Beyond the floor it reads the cells a second time to fill, goes over the buckets' starts (4 bytes a view, tile and
depth) about six times, writes and reads 8 bytes for each of the 1 to 4 tiles that see a point, and reads and writes
the maps once more to scale them; for a few clouds all that stays in the L2 cache. So memory should not bound it but
arithmetic in the tiles, and for a few clouds how long one program takes. A tile takes its points one after the other,
so that dense clouds take longer in proportion; from 16,384 points on, all but one of the points that share a cell are
sorted out first.

The kernels give the reference's bits under Triton's interpreter and compile for an H200 (compute capability 9.0)
without spilled registers. They have not been run or timed on a GPU yet.

Nothing here waits for the GPU or depends on values on it, so that a CUDA graph can hold it; call it once before, with
as many clouds and points, so that the kernels are compiled by then.
"""

import importlib.util
import os
import shutil
from dataclasses import dataclass, replace
from types import ModuleType

import torch
from torch import Tensor

from pointclip.errors import InputError
from pointclip.projection.cells import Cells, one_a_cell
from pointclip.projection.reference import grid_sizes
from pointclip.projection.spec import ProjectionSpec, gaussian

BLOCK = 32  # side of a tile with the margin that the Gaussian needs; a power of two
CHUNK = 1024  # points or bucket starts that a program sorts at a time
READ = 16  # wanted cells that a program reads off a slice at a time
SCALED = 4096  # numbers that a program scales at a time
MAX_KEPT = 1 << 26  # bucket entries at once, 8 bytes each: 0.5 GB; 270 clouds of segmentation, 1,500 of classification
DENSE = 16_384  # points a cloud from which it is first sorted, to keep one a cell; a guess, no GPU was at hand
MAX_VIEWS = 65_535  # at once: CUDA's limit for a grid's second dimension
OLDEST_GPU = (8, 0)  # the compute capability from which Triton supports it
OLDEST_TRITON = (3, 4)  # tuples in kernels
# A product and a sum round one after the other, as the reference's do; no loop's loads are moved ahead of its stores.
OPTIONS = {"enable_fp_fusion": False, "num_stages": 1}
# With four warps a tile takes a third fewer instructions in all than with eight, counted in the compiled code.
SORTING, PROJECTING = {**OPTIONS, "num_warps": 8}, {**OPTIONS, "num_warps": 4}  # the two kernels'


def installed() -> bool:
    """Whether Triton is there."""
    return importlib.util.find_spec("triton") is not None


def interpreted() -> bool:
    """Whether Triton's interpreter is on, which computes on the CPU, slowly, for tests (TRITON_INTERPRET=1)."""
    return os.environ.get("TRITON_INTERPRET", "").lower() in ("1", "true", "on", "yes", "y")


def unable(device: torch.device, needs_grad: bool, spec: ProjectionSpec | None = None) -> str | None:
    """Why this engine cannot run: no Triton, no fit GPU, points elsewhere, gradients, no squeeze. None if it can."""
    if not installed():
        return "triton is not installed (pip install triton)"
    reason = None if interpreted() else _unfit(torch.device(device))
    if reason is None and needs_grad:
        return "it computes no gradients, and the points require them"
    if reason is None and spec is not None and not spec.squeeze:
        return "it makes no depth maps without the squeeze step"
    return reason


def _unfit(device: torch.device) -> str | None:
    if device.type != "cuda":
        return f"it computes on a CUDA GPU, and the points are on {device}"
    if not torch.cuda.is_available():
        return "torch finds no CUDA GPU"
    if torch.version.hip is None and torch.cuda.get_device_capability(device) < OLDEST_GPU:
        return "the GPU is older than compute capability 8.0, which Triton needs"
    if not ("CC" in os.environ or shutil.which("gcc") or shutil.which("clang")):
        return "Triton needs a C compiler to start kernels (install gcc or clang, or name one in the variable CC)"
    import triton

    if tuple(int(part) for part in triton.__version__.split(".")[:2]) < OLDEST_TRITON:
        return f"triton {triton.__version__} is too old (3.4 or later is needed, it comes with torch 2.8)"
    return None


def project(cells: Cells, spec: ProjectionSpec, lookup: Cells | None = None) -> tuple[Tensor, Tensor | None]:
    """Depth maps of views whose points have been put into cells; see `pointclip.projection.reference.project`.

    Points outside the voxel grid, which `to_cells` does not make, are left out: raising would mean to wait for the GPU.
    The order of arithmetic is the reference's, and each operation rounds by itself.

    Raises:
        InputError: where this engine cannot run (see `unable`), and for windows that differ along row and column.
    """
    reason = unable(cells.value.device, cells.value.requires_grad, spec)
    if reason is not None:
        raise InputError(f"The triton engine cannot project these cells: {reason}; use the reference engine.")
    tiling = make_tiling(spec)
    batch, views, count = cells.row.shape
    placed, size = _in_memory(cells), spec.image_size
    wanted = None if lookup is None else _in_memory(lookup)
    maps = cells.value.new_empty((batch * views, size, size), dtype=torch.float32)
    values = None if wanted is None else maps.new_empty(wanted.row.shape)
    step = min(MAX_VIEWS, max(1, MAX_KEPT // _kept(count, 0 if values is None else values.shape[1], tiling)))
    with torch.cuda.device_of(maps):
        for start in range(0, batch * views, step):
            part = slice(start, start + step)
            some = None if wanted is None else wanted[part]
            _project(placed[part], some, tiling, maps[part], None if values is None else values[part])
    return maps.unflatten(0, (batch, views)), None if values is None else values.unflatten(0, (batch, views))


@dataclass(frozen=True)
class Tiling:
    """How a task's images are cut into tiles."""

    spec: ProjectionSpec
    block: int  # cells along a tile's side, margin included
    pitch: int  # pixels from one tile to the next
    tiles: int  # along rows, and along columns

    def seen(self) -> tuple[int, ...]:
        """`SEEN` of `put_into_buckets`, about points: rows, depth cells, shift, window, block and reach."""
        spec = self.spec
        window, block = spec.densify_window[1], self.block
        # from a voxel's row to the last one in a tile that sees it
        shift = spec.densify_padding[1] + spec.smooth_padding[1]
        # tiles, along rows or columns, that at most see some of `window` neighbouring cells
        reach = (window + block - 2) // self.pitch + 1
        return spec.resolution, spec.depth_cells, shift, window, block, reach

    def asked(self) -> tuple[int, ...]:
        """`ASKED` of `put_into_buckets`, alike, about wanted cells: one tile alone reads each."""
        return self.spec.image_size, self.smooth_depth, 0, 1, self.pitch, 1

    def constants(self) -> dict:
        """What `project_tiles` takes at compile time, besides LOOKUP."""
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
            "REACH": self.seen()[-1],
        }

    @property
    def smooth_depth(self) -> int:
        """Slices of the smoothed grid."""
        window, padding = self.spec.smooth_window[0], self.spec.smooth_padding[0]
        return grid_sizes(self.spec, after_densify=True)[0] + 2 * padding - window + 1


def make_tiling(spec: ProjectionSpec) -> Tiling:
    """Cut a task's images into tiles.

    Raises:
        InputError: for windows or paddings that differ along row and column.
    """
    for name in ("densify_window", "densify_padding", "smooth_window", "smooth_padding"):
        _, row, column = getattr(spec, name)
        if row != column:
            raise InputError(
                f"The triton engine came upon a {name} of {row} rows and {column} columns, but takes as many rows as "
                "columns; use the reference engine."
            )
    taps = spec.smooth_window[1]
    block = max(BLOCK, _power_of_two(2 * taps))
    pitch = block - taps + 1
    return Tiling(spec, block, pitch, -(-spec.image_size // pitch))


def _kept(count: int, wanted: int, tiling: Tiling) -> int:
    """Bucket entries and buckets that a view of `count` points needs at most."""
    buckets = tiling.tiles**2 * (tiling.spec.depth_cells + tiling.smooth_depth)
    return count * tiling.seen()[-1] ** 2 + wanted + buckets


def _project(cells: Cells, wanted: Cells | None, tiling: Tiling, maps: Tensor, values: Tensor | None) -> None:
    """Fill maps [M, H, H] and values [M, N] of cells and wanted cells [M, N]."""
    kernels, spec = _kernels(), tiling.spec
    views, count = cells.row.shape
    cells = one_a_cell(cells, spec) if count >= DENSE else cells
    lookup = wanted is not None
    progress = maps.new_empty((2, views), dtype=torch.int32)
    buckets = _room(maps, tiling, count, tiling.seen())
    # without lookup the kernels get what they do not look at
    wanted, values = (wanted, values) if lookup else (cells, maps)
    asked = _room(maps, tiling, wanted.row.shape[1], tiling.asked()) if lookup else buckets
    counts = count, wanted.row.shape[1]
    kernels.put_into_buckets[(views, 2 if lookup else 1)](
        *(cells.row, cells.column, cells.depth, cells.value, *buckets),
        *(wanted.row, wanted.column, wanted.depth, *asked),
        *(values, progress, *counts),
        SEEN=tiling.seen(),
        ASKED=tiling.asked(),
        TILES=tiling.tiles,
        PITCH=tiling.pitch,
        CHUNK=CHUNK,
        **SORTING,
    )
    kernels.project_tiles[(tiling.tiles**2, views)](
        *(*buckets, *asked, maps, values, progress, *counts),
        **tiling.constants(),
        LOOKUP=lookup,
        READ=READ,
        CHUNK=SCALED,
        **PROJECTING,
    )


def _room(maps: Tensor, tiling: Tiling, count: int, grid: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Room for where the buckets of maps' views start and for their entries, of `count` cells a view in such a grid."""
    views, depth_cells, reach = len(maps), grid[1], grid[-1]
    starts = maps.new_empty((views, tiling.tiles**2 * depth_cells + 1), dtype=torch.int32)
    return starts, maps.new_empty((views, count * reach**2), dtype=torch.int64)


def _kernels() -> ModuleType:
    # Imported at the first use: Triton takes a moment to load, and is absent where there is no CUDA.
    from pointclip.projection import triton_kernels

    return triton_kernels


def _in_memory(cells: Cells) -> Cells:
    """[B, V, N] -> [B · V, N], one view after the other in memory, values in float32; copies only what is not so."""
    cells = cells.flat().each(Tensor.contiguous)
    return replace(cells, value=cells.value.float())


def _power_of_two(number: int) -> int:
    return 1 << max(0, number - 1).bit_length()
