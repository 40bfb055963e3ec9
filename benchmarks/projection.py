"""How fast is each engine of the realistic projection, and how much memory does it take?

Measured is what the encoder waits for: from points to images of CLIP's size, ten a cloud, in segmentation also with
every point's pixel and visibility. With --published DIR, a checkout of the published PointCLIP V2 is measured beside
it, cloud by cloud on the CPU; of it only `get_img`, in its favour (it enlarges its images elsewhere).

A second table sets the engines alone, from cells to depth maps, against the floor (see `benchmarks.floor`).
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
    "classification": (zeroshot_cls.realistic_projection.RealisticProjection, 1024),  # and its points a cloud
    "segmentation": (zeroshot_seg.realistic_projection.RealisticProjection, 2048),
}
SPECS = {"classification": CLASSIFICATION, "segmentation": SEGMENTATION}
ENGINES = tuple(name for name in BACKENDS if name != "auto")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory of the projection's engines.")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--batches", type=positive, nargs="+", default=[1, 16], help="clouds projected in one call")
    parser.add_argument("--repeats", type=positive, default=5)
    parser.add_argument("--published", type=Path, metavar="DIR", help="a checkout of PointCLIP V2 to measure as well")
    args = parser.parse_args()
    try:
        for task in args.tasks if args.published else ():
            published.source(args.published, task)
    except InputError as error:
        parser.error(str(error))
    print(machine())

    candidates = runnable(args.engines)
    rows = []
    for task in args.tasks:
        theirs = None if args.published is None else measure(partial(prepare_published, args.published, task), 1)
        if theirs:
            rows.append(["published, cpu", task, 1, theirs])
        for batch in args.batches:
            for engine, device in candidates:
                times = measure(partial(prepare, engine, device, task, batch), args.repeats)
                rows.append([f"{engine}, {device}", task, batch, times])
    header = ["engine", "task", "batch", "ms a cloud", "clouds/s", "peak MB", "x reference"]
    header += ["x published"] if args.published else []
    print(table(header, [cells(row, rows, bool(args.published)) for row in rows]))
    print("peak MB: beyond the process's own; x: how many times as fast as that on the CPU, same batch (published: 1)")
    for task in args.tasks if args.published else ():
        print(f"{task}: largest difference from the published depth maps {difference(args.published, task):.1g}")
    print_floor([pair for pair in candidates if pair[0] != "reference"], args)


def runnable(engines: list[str]) -> list[tuple[str, str]]:
    """The engines with the devices that they run on here, the others told."""
    found = []
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for engine in engines:
            try:
                found.append((pick_backend(engine, torch.device(device)), device))
            except InputError as error:
                print(f"left out: {error}")
    return found


def measure(prepare_work: partial, repeats: int) -> tuple[float, float]:
    """Seconds and MB of one call; the memory in a process of its own."""
    seconds = best_time(prepare_work(), repeats)
    return seconds, peak_memory(prepare_work)


def prepare(engine: str, device: str, task: str, batch: int) -> Callable[[], object]:
    """What projects a batch of a task's clouds by that engine."""
    make, count = TASKS[task]
    if engine == "numba":
        numba_engine.warm_up()  # compiled or loaded once, and then kept
    projection, points = make(backend=engine).to(device), clouds(batch, count).to(device)
    return partial(projection, points)


def print_floor(candidates: list[tuple[str, str]], args: argparse.Namespace) -> None:
    """The table of the engines alone beside the floor, a device at a time."""
    for device in dict.fromkeys(device for _, device in candidates):
        bandwidth = floor.copy_bandwidth(device, args.repeats)
        rows = []
        for task in args.tasks:
            make, count = TASKS[task]
            for batch in args.batches:
                for engine in (name for name, at in candidates if at == device):
                    projection, points = make(backend=engine).to(device), clouds(batch, count).to(device)
                    found = floor.distance(projection, SPECS[task], points, engine, bandwidth, args.repeats)
                    rows += [[name, task, str(batch), *numbers] for name, *numbers in found]
        print(f"\n{device}, which copies {bandwidth / 1e9:.0f} GB/s, read and written: from cells to depth maps")
        print(table(["engine alone", "task", "batch", "µs a cloud", "floor µs", "x floor"], rows))


def difference(folder: Path, task: str) -> float:
    """The largest difference between the published depth maps of one cloud and ours, with the published lookup."""
    make, count = TASKS[task]
    ours = make(lookup="published") if task == "segmentation" else make()
    points = clouds(1, count)
    return (published.projection(folder, task)(points) - ours.depth_maps(points)).abs().max().item()


def prepare_published(folder: Path, task: str) -> Callable[[], object]:
    """What projects one cloud of a task by the published code."""
    return partial(published.projection(folder, task), clouds(1, TASKS[task][1]))


def clouds(batch: int, count: int) -> Tensor:
    """The first synthetic test shapes: [batch, count, 3]."""
    shapes = SyntheticShapes(num_points=count)
    return torch.from_numpy(np.stack([shapes[i % len(shapes)].points for i in range(batch)]))


def cells(row: list, rows: list, with_published: bool) -> list[str]:
    """A row's numbers for the table, the two ratios included where there is something to compare with."""
    engine, task, batch, (seconds, megabytes) = row
    own = seconds / batch

    def ratio(name: str, at: int) -> str:
        other = [r[3][0] / at for r in rows if r[:3] == [f"{name}, cpu", task, at]]
        return f"{other[0] / own:.3g}" if other else "-"

    numbers = [f"{1000 * own:.1f}", f"{1 / own:.1f}", f"{megabytes:.0f}", ratio("reference", batch)]
    return [engine, task, str(batch), *numbers, *([ratio("published", 1)] if with_published else [])]


if __name__ == "__main__":
    main()
