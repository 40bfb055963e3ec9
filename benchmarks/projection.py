"""How fast is each engine of the realistic projection, and how much memory does it take?

The first table measures everything before the encoder: from points to images of CLIP's size, ten per cloud, in
segmentation also every point's pixel and visibility. With --published DIR, a checkout of the published PointCLIP V2 is
measured too, cloud by cloud on the CPU; only its `get_img`, which favours it (it resizes images elsewhere).

The second table compares the engines alone, from cells to depth maps, with a lower bound (see `benchmarks.floor`).
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np
import torch
from torch import Tensor

import zeroshot_cls.realistic_projection
import zeroshot_seg.realistic_projection
from benchmarks import floor, published
from benchmarks.machine import best_time, machine, peak_memory, positive
from pointclip.datasets.synthetic import SyntheticShapes
from pointclip.errors import InputError
from pointclip.projection import BACKENDS, numba_engine, pick_backend
from pointclip.runs.output import table
from zeroshot_cls.realistic_projection import SPEC as CLASSIFICATION
from zeroshot_seg.realistic_projection import SPEC as SEGMENTATION

TASKS = {
    "classification": (zeroshot_cls.realistic_projection.RealisticProjection, 1024),  # and its points per cloud
    "segmentation": (zeroshot_seg.realistic_projection.RealisticProjection, 2048),
}
SPECS = {"classification": CLASSIFICATION, "segmentation": SEGMENTATION}
ENGINES = tuple(name for name in BACKENDS if name != "auto")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory of the projection engines.")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--devices", nargs="+", choices=("cpu", "cuda"), default=["cpu", "cuda"])
    parser.add_argument("--batches", type=positive, nargs="+", default=[1, 16], help="clouds per call")
    parser.add_argument("--repeats", type=positive, default=5)
    parser.add_argument("--published", type=Path, metavar="DIR", help="also measure this checkout of PointCLIP V2")
    args = parser.parse_args()
    try:
        for task in args.tasks if args.published else ():
            published.source(args.published, task)
    except InputError as error:
        parser.error(str(error))
    print(machine())

    candidates = runnable(args.engines, args.devices)
    rows = []
    for task in args.tasks:
        theirs = None if args.published is None else measure(partial(prepare_published, args.published, task), 1)
        if theirs:
            rows.append(["published, cpu", task, 1, theirs])
        for batch in args.batches:
            for engine, device in candidates:
                times = measure(partial(prepare, engine, device, task, batch), args.repeats)
                rows.append([f"{engine}, {device}", task, batch, times])
    header = ["engine", "task", "batch", "ms per cloud", "clouds/s", "peak MB", "x reference"]
    header += ["x published"] if args.published else []
    print(table(header, [cells(row, rows, bool(args.published)) for row in rows]))
    print(
        "peak MB: beyond that of the process; x: speed relative to it on the CPU at the same batch size (published: 1)"
    )
    for task in args.tasks if args.published else ():
        print(f"{task}: largest difference from the published depth maps {difference(args.published, task):.1g}")
    print_floor([pair for pair in candidates if pair[0] != "reference"], args)


def runnable(engines: list[str], devices: list[str]) -> list[tuple[str, str]]:
    """The engines available here on these devices; prints why others are not."""
    available = []
    for device in devices if torch.cuda.is_available() else ("cpu",):
        for engine in engines:
            try:
                available.append((pick_backend(engine, torch.device(device)), device))
            except InputError as error:
                print(f"left out: {error}")
    return available


def measure(prepare_work: partial, repeats: int) -> tuple[float, float]:
    """Seconds and MB of one call; memory is measured in a separate process."""
    seconds = best_time(prepare_work(), repeats)
    return seconds, peak_memory(prepare_work)


def prepare(engine: str, device: str, task: str, batch: int) -> Callable[[], object]:
    """A function that projects a batch of a task's clouds with an engine."""
    make, count = TASKS[task]
    if engine == "numba":
        numba_engine.warm_up()  # compile or load the cached code first
    projection, points = make(backend=engine).to(device), clouds(batch, count).to(device)
    return partial(projection, points)


def print_floor(candidates: list[tuple[str, str]], args: argparse.Namespace) -> None:
    """The table of engines alone and the lower bound, for each device."""
    for device in dict.fromkeys(device for _, device in candidates):
        bandwidth = floor.copy_bandwidth(device, args.repeats)
        rows = []
        for task in args.tasks:
            make, count = TASKS[task]
            for batch in args.batches:
                for engine in (name for name, at in candidates if at == device):
                    projection, points = make(backend=engine).to(device), clouds(batch, count).to(device)
                    available = floor.distance(projection, SPECS[task], points, engine, bandwidth, args.repeats)
                    rows += [[name, task, str(batch), *numbers] for name, *numbers in available]
        print(f"\n{device}, copy bandwidth {bandwidth / 1e9:.0f} GB/s (read plus written): from cells to depth maps")
        print(table(["engine alone", "task", "batch", "µs per cloud", "floor µs", "x floor"], rows))


def difference(folder: Path, task: str) -> float:
    """The largest difference between the published depth maps of one cloud and ours, with the published lookup."""
    make, count = TASKS[task]
    ours = make(lookup="published") if task == "segmentation" else make()
    points = clouds(1, count)
    return (published.projection(folder, task)(points) - ours.depth_maps(points)).abs().max().item()


def prepare_published(folder: Path, task: str) -> Callable[[], object]:
    """A function that projects one cloud of a task with the published code."""
    return partial(published.projection(folder, task), clouds(1, TASKS[task][1]))


def clouds(batch: int, count: int) -> Tensor:
    """The first synthetic test shapes: [batch, count, 3]."""
    shapes = SyntheticShapes(num_points=count)
    return torch.from_numpy(np.stack([shapes[i % len(shapes)].points for i in range(batch)]))


def cells(row: list, rows: list, with_published: bool) -> list[str]:
    """A row's numbers for the table, with ratios to reference and published code if those were measured."""
    engine, task, batch, (seconds, megabytes) = row
    per_cloud = seconds / batch

    def ratio(name: str, at: int) -> str:
        other = [r[3][0] / at for r in rows if r[:3] == [f"{name}, cpu", task, at]]
        return f"{other[0] / per_cloud:.3g}" if other else "-"

    numbers = [f"{1000 * per_cloud:.1f}", f"{1 / per_cloud:.1f}", f"{megabytes:.0f}", ratio("reference", batch)]
    return [engine, task, str(batch), *numbers, *([ratio("published", 1)] if with_published else [])]


if __name__ == "__main__":
    main()
