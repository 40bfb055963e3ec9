"""Does the CPU engine stay within its cores, in DataLoader workers and concurrently with torch's threads?

The number of busy cores is the CPU time of all threads divided by wall-clock time. It should not exceed the number of
torch threads; a DataLoader worker has one, which also limits the engine.
"""

import argparse
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from benchmarks.machine import best_time, machine, positive
from benchmarks.projection import TASKS, clouds
from pointclip.projection import numba_engine
from pointclip.runs.output import table

WARM_UP = 2  # calls per process before timing starts
THREADS = ("torch_threads", "helpers")


@dataclass(frozen=True)
class Done:
    """One call: its worker, its times, and the threads there."""

    worker: int
    start: float  # wall-clock seconds
    end: float
    cpu_start: float  # CPU seconds of all the process's threads
    cpu_end: float
    torch_threads: int
    helpers: int  # the engine's threads, without the calling thread


class Projected(Dataset):
    """Projects the same batch of a task's clouds each time, in the process that reads it."""

    def __init__(self, task: str, batch: int, calls: int):
        make, count = TASKS[task]
        self.projection, self.points, self.calls = make(backend="numba"), clouds(batch, count), calls

    def __len__(self) -> int:
        return self.calls

    def __getitem__(self, _: int) -> Done:
        worker = get_worker_info()
        start, cpu_start = time.monotonic(), time.process_time()
        self.projection(self.points)
        end, cpu_end = time.monotonic(), time.process_time()
        helpers = sum(thread.name.startswith("projection-") for thread in threading.enumerate())
        worker_id = 0 if worker is None else worker.id
        return Done(worker_id, start, end, cpu_start, cpu_end, torch.get_num_threads(), helpers)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Cores used by the CPU engine: alone, in workers, concurrently with torch."
    )
    parser.add_argument("--task", choices=TASKS, default="segmentation")
    parser.add_argument("--batch", type=positive, default=4, help="clouds per call")
    parser.add_argument("--calls", type=positive, default=40, help="measured calls of all processes together")
    parser.add_argument("--workers", type=positive, nargs="+", default=[1, 2])
    args = parser.parse_args()
    print(machine())
    numba_engine.warm_up()

    most, rows = torch.get_num_threads(), []
    for threads in sorted({1, most}):
        torch.set_num_threads(threads)
        rows.append(["this process", *numbers(args, 0, None)])
    for start in ("fork", "spawn"):
        if start in torch.multiprocessing.get_all_start_methods():
            rows += [[f"workers ({start})", *numbers(args, workers, start)] for workers in args.workers]
    print(table(["projecting in", "processes", "torch threads", "helpers", "busy cores", "clouds/s"], rows))
    print("torch threads, helpers (the engine's threads without the calling thread): per process")
    print(beside_torch(Projected(args.task, args.batch, args.calls)))


def numbers(args: argparse.Namespace, workers: int, start: str | None) -> list[str]:
    """A row: processes, threads in each, busy cores in total and clouds per second."""
    data = Projected(args.task, args.batch, args.calls + WARM_UP * max(1, workers))
    of_worker = defaultdict(list)
    for done in DataLoader(data, batch_size=None, num_workers=workers, multiprocessing_context=start):
        of_worker[done.worker].append(done)
    busy = rate = 0.0
    for calls in of_worker.values():
        counted = calls[WARM_UP:] or calls
        seconds = counted[-1].end - counted[0].start
        busy += (counted[-1].cpu_end - counted[0].cpu_start) / seconds
        rate += args.batch * len(counted) / seconds
    threads, helpers = (max(getattr(d, name) for calls in of_worker.values() for d in calls) for name in THREADS)
    return [str(len(of_worker)), str(threads), str(helpers), f"{busy:.2f}", f"{rate:.1f}"]


def beside_torch(data: Projected) -> str:
    """Projection in a thread while torch multiplies matrices, like encoding in a run, and one after the other."""
    matrix = torch.randn(1024, 1024)

    def project() -> None:
        for call in range(len(data)):
            data[call]

    projecting = best_time(project, 1)
    products = max(1, round(projecting / best_time(lambda: matrix @ matrix)))

    def multiply() -> None:
        for _ in range(products):
            matrix @ matrix

    def both() -> None:
        thread = threading.Thread(target=project)
        thread.start()
        multiply()
        thread.join()

    apart, together = projecting + best_time(multiply, 1), best_time(both, 1)
    threads = torch.get_num_threads()
    return (
        f"{len(data)} calls and {products} matrix products, {threads} torch threads: one after the other "
        f"{apart:.2f} s, at once {together:.2f} s ({100 * together / apart:.0f} %)"
    )


if __name__ == "__main__":
    main()
