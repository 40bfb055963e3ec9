"""A lower bound on the time of projection: the bytes that any engine must move, at this machine's copy bandwidth.

An engine reads every point's cell and value once and writes every depth map once; in segmentation it also reads the
lookup cells and writes their values. Quantising points before, and resizing maps after, are not part of the engines and
not included.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.machine import best_time
from pointclip.projection import Cells, ProjectionSpec, project, to_cells

CALLS = 20  # between two synchronisations with a GPU, which take longer than a projection
MEGABYTES = {"cpu": 256, "cuda": 2048}  # copied to measure the bandwidth; larger than caches


def floor_bytes(cells: Cells, spec: ProjectionSpec, lookup: Cells | None) -> int:
    """Bytes of the input, cells [B, V, N], and output, depth maps [B, V, H, H] and lookup values [B, V, N]."""
    batch, views, _ = cells.row.shape
    moved = [cells.row, cells.column, cells.depth, cells.value]
    moved += [] if lookup is None else [lookup.row, lookup.column, lookup.depth, cells.value]
    return sum(tensor.numel() * tensor.element_size() for tensor in moved) + 4 * batch * views * spec.image_size**2


def copy_bandwidth(device: str, repeats: int) -> float:
    """Bytes per second, read plus written, when copying a large tensor."""
    source = torch.zeros(MEGABYTES[device] << 20, dtype=torch.uint8, device=device)
    target = torch.zeros_like(source)
    return 2 * source.numel() / best_time(lambda: target.copy_(source), repeats)


def distance(
    projection: torch.nn.Module, spec: ProjectionSpec, points: Tensor, engine: str, bandwidth: float, repeats: int
) -> list[list[str]]:
    """A row for the table: microseconds per cloud, the bound, and their ratio; on a GPU another row for a CUDA graph.

    Args:
        projection: a task's, on the device of `points` [B, N, 3].
        bandwidth: as measured by `copy_bandwidth` on that device.
    """
    cells = to_cells(points, projection.rotations, spec)
    lookup = projection.lookup_cells(cells) if hasattr(projection, "lookup_cells") else None
    work = partial(project, cells, spec, lookup, engine)
    ways = {engine: work}
    if engine == "triton" and points.is_cuda:
        ways[f"{engine}, one CUDA graph"] = _graph(work)
    floor = floor_bytes(cells, spec, lookup) / bandwidth
    calls = CALLS if points.is_cuda else 1
    rows = []
    for name, way in ways.items():
        seconds = best_time(lambda way=way: [way() for _ in range(calls)], repeats) / calls
        numbers = (seconds, floor)
        rows.append([name, *(f"{1e6 * number / len(points):.3g}" for number in numbers), f"{seconds / floor:.3g}"])
    return rows


def _graph(work: Callable[[], object]) -> Callable[[], None]:
    """A CUDA graph of the work's kernels."""
    work()  # compiles
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay
