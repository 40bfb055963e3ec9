"""Does a killed process leave incomplete or mixed files?

The results of classification runs with two seeds are written to one folder alternately, each by a process that is
killed (SIGKILL) at a random moment: the folder must contain the files of exactly one run, byte for byte. Processes that
cache features are killed in the same way: every cached file must be intact and belong to its input.
"""

import argparse
import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np
import torch

import zeroshot_cls.main
from benchmarks.machine import machine, positive
from pointclip.features.store import read_features, write_features
from pointclip.runs.output import table
from zeroshot_cls.results import report_test

CONFIG = Path(__file__).resolve().parents[1] / "zeroshot_cls" / "configs" / "demo.yaml"
SEEDS = 0, 1
TOUCHES = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.listdir", "os.scandir")
KEPT = 40  # files that a process keeps


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill processes while they write files.")
    parser.add_argument("--runs", type=positive, default=100, help="kills while results are written")
    parser.add_argument("--cache", type=positive, default=50, help="kills while features are cached")
    parser.add_argument("--seed", type=int, default=0, help="for the moments of the kills")
    args = parser.parse_args()
    print(machine(), flush=True)
    torch.set_num_threads(1)  # so that processes can be forked
    rng = np.random.default_rng(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            ["results", *kill_runs(Path(folder), args.runs, rng)],
            ["features", *kill_cache_writers(Path(folder), args.cache, rng)],
        ]
    print(table(["killed while writing", "kills", "old or missing", "new or intact", "mixed or incomplete"], rows))
    sys.exit(any(row[-1] for row in rows))


def kill_runs(folder: Path, kills: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Kill runs while they write results: the number of kills, and of those that left old, new and mixed results."""
    output, complete = folder / "output", {}
    report_arguments = {seed: arguments_of_report(folder, seed) for seed in SEEDS}
    for seed in SEEDS:  # the files of complete runs
        start(write, report_arguments[seed], folder / "steps").join()
        complete[seed] = content(output / "demo")
    steps = int((folder / "steps").read_text())
    print(f"a run accesses its files {steps} times", flush=True)
    counts, current = {"old": 0, "new": 0, "mixed": 0}, SEEDS[-1]
    for done in range(1, kills + 1):
        seed = SEEDS[1 - SEEDS.index(current)]
        near_swap = steps - int(rng.integers(0, 30)) if done % 2 == 0 else 0  # the swap is at the end
        last = near_swap or int(rng.integers(1, steps + 1))
        start(
            write, report_arguments[seed], folder / "steps", last, float(rng.choice([0, rng.uniform(0, 0.02)]))
        ).join()
        left = content(output / "demo")
        matching = [known for known in SEEDS if left == complete[known]]
        counts["mixed" if not matching else "old" if matching[0] == current else "new"] += 1
        current = matching[0] if matching else current
        if done % 20 == 0:
            print(f"{done} kills: {counts}", flush=True)
    return kills, *counts.values()


def arguments_of_report(folder: Path, seed: int) -> tuple:
    """A classification of a few shapes up to the writing of its results: the arguments of `report_test`."""
    words = ["--quiet", "--config", str(CONFIG), "OUTPUT", str(folder / "output"), "CACHE", str(folder / "cache")]
    words += ["PROMPTS.FILE", "", "DATASET.MAX_SHAPES", "6", "SEED", str(seed)]
    with mock.patch.object(zeroshot_cls.main, "report_test") as report:
        zeroshot_cls.main.main(words)
    return report.call_args.args


def write(report_arguments: tuple, steps: Path, last: int = 0, pause: float = 0.0) -> None:
    """Write a run's results; the process is killed `pause` seconds after it has accessed its files `last` times.

    The total number of accesses is written to the file `steps`.
    """
    count, busy = 0, False

    def on_access(event: str, arguments: tuple) -> None:
        nonlocal count, busy
        if busy or event not in TOUCHES or not any(str(steps.parent / "output") in str(part) for part in arguments):
            return
        count, busy = count + 1, True
        if count == last and pause:
            threading.Timer(pause, os.kill, (os.getpid(), signal.SIGKILL)).start()
        elif count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        busy = False

    sys.addaudithook(on_access)
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        report_test(*report_arguments)
    steps.write_text(str(count), encoding="utf-8")
    time.sleep(pause)


def content(folder: Path) -> dict[str, bytes]:
    """The content of all files in a run's folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def kill_cache_writers(folder: Path, kills: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Kill processes that cache features; returns how many, and how many files were missing, intact and wrong."""
    missing = sound = wrong = 0
    for kill in range(kills):
        cache = folder / f"cache{kill}"
        child = start(fill_cache, cache)
        while child.is_alive() and not cache.is_dir():
            time.sleep(0.0002)
        time.sleep(rng.uniform(0, 0.1))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        for number in range(KEPT):
            path = cache / f"{number}.safetensors"
            kept = read_features(path) if path.is_file() else None
            missing += not path.is_file()
            sound += kept is not None and torch.equal(kept["views"], features(number))
            wrong += path.is_file() and (kept is None or not torch.equal(kept["views"], features(number)))
    return kills, missing, sound, wrong


def fill_cache(folder: Path) -> None:
    torch.set_num_threads(1)
    for number in range(KEPT):
        write_features(folder / f"{number}.safetensors", {"views": features(number)})


def features(number: int) -> torch.Tensor:
    return torch.from_numpy(np.full((10, 5000), number, np.float32))


def start(work: Callable, *arguments: object) -> multiprocessing.Process:
    child = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    child.start()
    return child


if __name__ == "__main__":
    main()
