"""The CPU engine: compiled code that projects one view, run over views and clouds on torch's number of threads.

It uses Python threads; the compiled code releases the GIL. numba's threading layers either do not survive a fork (as in
DataLoader workers) or are not safe to call from several threads at once (as in servers). `torch.set_num_threads` also
controls this engine; a DataLoader worker gives torch one thread, so no other is started there. Each view is processed
by a single thread, so results do not depend on the number of threads.
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


def is_installed() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


def why_unavailable(device: torch.device, needs_grad: bool, spec: ProjectionSpec | None = None) -> str | None:
    """Why this engine cannot run (no numba, device, gradients, no squeeze step), or None if it can."""
    if not is_installed():
        return "numba is not installed (pip install numba)"
    if torch.device(device).type != "cpu":
        return f"it runs on the CPU, but the points are on {device}"
    if needs_grad:
        return "it computes no gradients, but the points require them"
    if spec is not None and not spec.squeeze:
        return "it does not support leaving out the squeeze step"
    return None


def warm_up() -> None:
    """Compile now, or load the cached code, so that the first projection takes no longer than later ones.

    Safe to call from several processes and threads at once. Compiled code is cached beside this module (in __pycache__)
    or, if that is read-only, in numba's cache in the user's home; the environment variable NUMBA_CACHE_DIR overrides
    both. If none of them is writable, every process compiles the code again and a warning says so.
    """
    _kernels()


def project(cells: Cells, spec: ProjectionSpec, lookup: Cells | None = None) -> tuple[Tensor, Tensor | None]:
    """Depth maps from quantised points; see `pointclip.projection.reference.project`.

    Needs 2 MB per thread in addition to the results (segmentation). Thread-safe.

    Raises:
        InputError: if this engine cannot run (see `why_unavailable`), or for cells outside the voxel grid.
    """
    reason = why_unavailable(cells.value.device, cells.value.requires_grad, spec)
    if reason is not None:
        raise InputError(f"The numba engine cannot project these cells: {reason}; use the reference engine.")
    batch, views, _ = cells.row.shape
    points = (*_indices(cells), _flatten_views(cells.value, np.float32))
    queries = (np.empty((batch * views, 0), np.int64),) * 3 if lookup is None else _indices(lookup)
    images = np.empty((batch * views, spec.image_size, spec.image_size), np.float32)
    values = np.empty(queries[0].shape, np.float32)
    project_view, arguments = _kernels().project_view, _kernel_arguments(spec)

    def run(view: int) -> None:
        inputs = (tuple(array[view] for array in arrays) for arrays in (points, queries))
        if not project_view(*inputs, *arguments, images[view], values[view]):
            raise InputError(
                f"Some cells are outside the voxel grid of {spec.resolution} rows, {spec.resolution} columns and "
                f"{spec.depth_cells} depth slices; make them by to_cells with the same spec."
            )

    _run_on_threads(run, batch * views)
    maps = torch.from_numpy(images).unflatten(0, (batch, views))
    return maps, None if lookup is None else torch.from_numpy(values).unflatten(0, (batch, views))


def _kernels() -> ModuleType:
    # Imported on first use: numba is slow to load and may not be installed. Python's import lock lets one thread
    # compile while others wait; among processes, the last one to write its (identical) result wins.
    from pointclip.projection import numba_kernels

    return numba_kernels


def _run_on_threads(run: Callable[[int], None], count: int) -> None:
    """Call run(0) … run(count − 1) in this thread and as many helper threads as torch's setting allows."""
    indices = iter(range(count))  # next() on it is atomic

    def consume() -> None:
        for index in indices:
            run(index)

    helpers = min(torch.get_num_threads(), count) - 1
    futures = [_pool(os.getpid()).submit(consume) for _ in range(helpers)]
    try:
        consume()
    finally:
        started = [future for future in futures if not future.cancel()]
        errors = [future.exception() for future in started]  # waits for views still in progress
    for error in filter(None, errors):
        raise error


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """This process's helper threads, started on demand: threads do not survive a fork, so a child needs new ones."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix=f"projection-{process}")


def _kernel_arguments(spec: ProjectionSpec) -> tuple:
    sigmas = (spec.sigma_depth, spec.sigma_image, spec.sigma_image)
    sizes = zip(spec.smooth_window, sigmas, strict=True)
    weights = tuple(np.array(gaussian(window, sigma), np.float32) for window, sigma in sizes)
    windows = (spec.densify_window, spec.densify_padding, spec.smooth_padding)
    return ((spec.depth_cells, spec.resolution), *windows, weights)


def _indices(cells: Cells) -> tuple[np.ndarray, ...]:
    return tuple(_flatten_views(tensor, np.int64) for tensor in (cells.row, cells.column, cells.depth))


def _flatten_views(tensor: Tensor, dtype: type) -> np.ndarray:
    """[B, V, N] -> contiguous [B · V, N]; copies only if needed."""
    return np.ascontiguousarray(tensor.flatten(0, 1).numpy(), dtype)
