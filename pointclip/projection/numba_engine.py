"""The CPU engine: compiled code for one view at a time, views and clouds shared out among torch's number of threads.

The threads are Python's own, which the compiled code lets run (it holds no lock). numba's parallel layers either do not
survive a fork or do not bear calls from several threads at once; DataLoader workers do the first, servers the second.
`torch.set_num_threads` rules this engine too; in a DataLoader worker torch has one thread, and so no second one starts.
Every view is worked by one thread from start to end, so that results do not depend on the number of threads.
"""

import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from pointclip.errors import InputError
from pointclip.projection.cells import Cells
from pointclip.projection.spec import ProjectionSpec, gaussian


def installed() -> bool:
    """Whether numba is there."""
    return importlib.util.find_spec("numba") is not None


def unable(device: torch.device, needs_grad: bool, spec: ProjectionSpec | None = None) -> str | None:
    """Why this engine cannot run: no numba, points elsewhere, gradients wanted, no squeeze. None if it can."""
    if not installed():
        return "numba is not installed (pip install numba)"
    if torch.device(device).type != "cpu":
        return f"it computes on the CPU, and the points are on {device}"
    if needs_grad:
        return "it computes no gradients, and the points require them"
    if spec is not None and not spec.squeeze:
        return "it makes no depth maps without the squeeze step"
    return None


def warm_up() -> None:
    """Compile now, or load what was compiled before, so that the first projection takes no longer than the next.

    Several processes and threads may do so at once. Compiled code is kept beside this module (in __pycache__) or, where
    that is read-only, in numba's cache in the user's home; the environment variable NUMBA_CACHE_DIR names another
    place. Where none of them can be written, a warning says so and every process compiles for itself.
    """
    _kernels()


def project(cells: Cells, spec: ProjectionSpec, lookup: Cells | None = None) -> tuple[Tensor, Tensor | None]:
    """Depth maps of views whose points have been put into cells; see `pointclip.projection.reference.project`.

    Beside the results it needs 2 MB a thread (segmentation). It may be called from several threads at once.

    Raises:
        InputError: where this engine cannot run (see `unable`), and for cells outside the voxel grid.
    """
    reason = unable(cells.value.device, cells.value.requires_grad, spec)
    if reason is not None:
        raise InputError(f"The numba engine cannot project these cells: {reason}; use the reference engine.")
    batch, views, _ = cells.row.shape
    placed = (*_places(cells), _rows(cells.value, np.float32))
    wanted = (np.empty((batch * views, 0), np.int64),) * 3 if lookup is None else _places(lookup)
    images = np.empty((batch * views, spec.image_size, spec.image_size), np.float32)
    values = np.empty(wanted[0].shape, np.float32)
    project_view, settings = _kernels().project_view, _settings(spec)

    def work(view: int) -> None:
        inputs = (tuple(array[view] for array in arrays) for arrays in (placed, wanted))
        if not project_view(*inputs, *settings, images[view], values[view]):
            raise InputError(
                f"Cells came outside the voxel grid of {spec.resolution} rows, {spec.resolution} columns and "
                f"{spec.depth_cells} layers; make them with to_cells and the same spec."
            )

    _share_out(work, batch * views)
    maps = torch.from_numpy(images).unflatten(0, (batch, views))
    return maps, None if lookup is None else torch.from_numpy(values).unflatten(0, (batch, views))


def _kernels() -> ModuleType:
    # Imported at the first use: numba takes a moment to load, and may be absent. Python's import lock lets one thread
    # compile while others wait; among processes the last to write its (equal) result wins.
    from pointclip.projection import numba_kernels

    return numba_kernels


def _share_out(work: Callable[[int], None], count: int) -> None:
    """Call work(0) … work(count − 1), in this thread and as many helpers as torch's setting allows."""
    tickets = iter(range(count))  # taking the next one is atomic

    def take() -> None:
        for ticket in tickets:
            work(ticket)

    helpers = min(torch.get_num_threads(), count) - 1
    futures = [_pool(os.getpid()).submit(take) for _ in range(helpers)]
    try:
        take()
    finally:
        started = [future for future in futures if not future.cancel()]
        errors = [future.exception() for future in started]  # waits for the views that they still work on
    for error in filter(None, errors):
        raise error


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The helpers of this process: threads do not survive a fork, so a child gets its own. They start when needed."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix=f"projection-{process}")


def _settings(spec: ProjectionSpec) -> tuple:
    sigmas = (spec.sigma_depth, spec.sigma_image, spec.sigma_image)
    weights = tuple(np.array(gaussian(*each), np.float32) for each in zip(spec.smooth_window, sigmas, strict=True))
    windows = (spec.densify_window, spec.densify_padding, spec.smooth_padding)
    return ((spec.depth_cells, spec.resolution), *windows, weights)


def _places(cells: Cells) -> tuple[np.ndarray, ...]:
    return tuple(_rows(places, np.int64) for places in (cells.row, cells.column, cells.depth))


def _rows(tensor: Tensor, dtype: type) -> np.ndarray:
    """[B, V, N] -> [B · V, N], one view after the other in memory; copies only what is not so yet."""
    return np.ascontiguousarray(tensor.flatten(0, 1).numpy(), dtype)
