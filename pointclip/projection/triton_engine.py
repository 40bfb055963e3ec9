"""The CUDA engine: Triton kernels that never write the voxel grid, nor any slice of it, to device memory.

Each view's points are put into buckets by image tile and depth (counted, summed up, filled); then one kernel makes a
tile of 28 x 28 pixels a program, holding in registers the few slices of depth that it needs at a time, and a last one
scales. With lookup, the wanted cells are put into buckets too, and read while their slice is at hand.

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
    what this design moves, counted      2.3 MB         14 MB
    =============================  ==============  ============

Beyond the floor it reads the cells a second time to fill, goes over the buckets' starts (4 bytes a view, tile and
depth) about eight times, writes and reads 8 bytes for each of the 1 to 4 tiles that see a point, and reads and writes
the maps once more to scale them; for a few clouds all that stays in the L2 cache. So memory should not bound it but
arithmetic in the tiles, and for small batches the start of seven kernels (fourteen with lookup). A tile takes its
points one after the other, so that dense clouds take longer in proportion; from 16,384 points on, all but one of
the points that share a cell are sorted out first.

The kernels compile for an H200 (compute capability 9.0) without spilled registers and give the reference's bits under
Triton's interpreter. They have not been run or timed on a GPU yet.

Nothing here waits for the GPU or depends on values on it, so that a CUDA graph can hold it.
"""

import importlib.util
import os
import shutil
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor

from pointclip.errors import InputError
from pointclip.projection.cells import Cells, one_a_cell
from pointclip.projection.reference import grid_sizes
from pointclip.projection.spec import ProjectionSpec, gaussian

BLOCK = 32  # side of a tile with the margin that the Gaussian needs; a power of two
CHUNK = 256  # points or pixels a program, in kernels that take them one by one
MAX_KEPT = 1 << 26  # bucket entries at once, 8 bytes each: 0.5 GB; some 800 clouds of 2,048 points
DENSE = 16_384  # points a cloud from which it is first sorted, to keep one a cell; a guess, no GPU was at hand
MAX_VIEWS = 65_535  # at once: CUDA's limit for a grid's second dimension
OLDEST_GPU = (8, 0)  # the compute capability from which Triton supports it
OLDEST_TRITON = (3, 4)  # tuples in kernels
# A product and a sum round one after the other, as the reference's do; no loop's loads are moved ahead of its stores.
OPTIONS = {"enable_fp_fusion": False, "num_stages": 1, "num_warps": 4}


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
    values = None if wanted is None else maps.new_zeros(wanted.row.shape)
    step = min(MAX_VIEWS, max(1, MAX_KEPT // _longest(count, 0 if values is None else values.shape[1], tiling)))
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

    def reach(self, window: int, block: int) -> int:
        """Tiles of `block` cells, along rows or columns, that at most see some of `window` neighbouring cells."""
        return (window + block - 2) // self.pitch + 1

    def constants(self) -> dict:
        """What `project_tiles` takes at compile time, besides LOOKUP."""
        spec = self.spec
        dense_depth, dense_size, _ = grid_sizes(spec, after_densify=True)
        return {
            "SIZE": spec.resolution,
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


def _longest(count: int, wanted: int, tiling: Tiling) -> int:
    """The most int32 numbers that a view of `count` points needs in one tensor: bucket entries, or buckets."""
    reach = tiling.reach(tiling.spec.densify_window[1], tiling.block)
    depth_cells = max(tiling.spec.depth_cells, tiling.smooth_depth)
    return max(count * reach**2, wanted, tiling.tiles**2 * depth_cells)


def _project(cells: Cells, wanted: Cells | None, tiling: Tiling, maps: Tensor, values: Tensor | None) -> None:
    """Fill maps [M, H, H] and values [M, N], which came as zeros, of cells and wanted cells [M, N]."""
    kernels, spec = _kernels(), tiling.spec
    cells = one_a_cell(cells, spec) if cells.row.shape[1] >= DENSE else cells
    # from a voxel's row to the last one in a tile that sees it
    shift = spec.densify_padding[1] + spec.smooth_padding[1]
    bits = cells.value.float().view(torch.int32)
    sees = {"SHIFT": shift, "WINDOW": spec.densify_window[1], "BLOCK": tiling.block}
    buckets = _into_buckets(cells, bits, tiling, (spec.resolution, spec.depth_cells), sees)
    asked = buckets  # not looked at
    if wanted is not None:
        index = torch.arange(wanted.row.numel(), dtype=torch.int32, device=maps.device)
        sees = {"SHIFT": 0, "WINDOW": 1, "BLOCK": tiling.pitch}  # one tile alone
        asked = _into_buckets(wanted, index, tiling, (spec.image_size, tiling.smooth_depth), sees)
    largest = torch.zeros(len(maps), dtype=torch.int32, device=maps.device)
    kernels.project_tiles[(tiling.tiles**2, len(maps))](
        *buckets,
        *asked,
        maps,
        maps if values is None else values,
        largest,
        **tiling.constants(),
        LOOKUP=wanted is not None,
        **OPTIONS,
    )
    for numbers in (maps,) if values is None else (maps, values):
        length = numbers[0].numel()
        kernels.scale[(-(-length // CHUNK), len(maps))](numbers, largest, length, CHUNK=CHUNK, **OPTIONS)


def _into_buckets(
    cells: Cells, payload: Tensor, tiling: Tiling, sizes: tuple[int, int], sees: dict[str, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Where buckets start, and the places and payloads in them.

    Args:
        cells: [M, N], in a grid of `sizes`: rows (= columns), depth.
        payload: [M, N] int32, goes with them.
        sees: SHIFT, WINDOW and BLOCK of `put_into_buckets`: which tiles see a cell.
    """
    views, count = cells.row.shape
    size, depth_cells = sizes
    reach = tiling.reach(sees["WINDOW"], sees["BLOCK"])
    buckets = views * tiling.tiles**2 * depth_cells
    ends = torch.zeros(buckets + 1, dtype=torch.int32, device=payload.device)  # the last one ends the last bucket
    kept = payload.new_empty((2, views * count * reach**2))
    constants = {**sees, "SIZE": size, "PITCH": tiling.pitch, "TILES": tiling.tiles, "REACH": reach, "CHUNK": CHUNK}
    for fill in (False, True):
        _kernels().put_into_buckets[(-(-count // CHUNK), views)](
            cells.row,
            cells.column,
            cells.depth,
            payload,
            ends,
            *kept,
            count,
            depth_cells,
            FILL=fill,
            **constants,
            **OPTIONS,
        )
        ends = ends if fill else ends.cumsum(0, dtype=torch.int32)
    return ends, *kept


def _kernels() -> ModuleType:
    # Imported at the first use: Triton takes a moment to load, and is absent where there is no CUDA.
    from pointclip.projection import triton_kernels

    return triton_kernels


def _in_memory(cells: Cells) -> Cells:
    """[B, V, N] -> [B · V, N], one view after the other in memory; copies only what is not so yet."""
    return cells.flat().each(Tensor.contiguous)


def _power_of_two(number: int) -> int:
    return 1 << max(0, number - 1).bit_length()
