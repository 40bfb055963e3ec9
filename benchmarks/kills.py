"""Does a killed process leave anything half-written or mixed?

Whole classification runs of two seeds write to one folder in turn, and each is killed (SIGKILL) at a random moment
after it has begun to write: the folder must hold one run's files, to the byte. Processes that keep features are killed
alike: every kept file must be sound and its own.
"""

import argparse
import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np
import torch

from benchmarks.machine import machine, positive
from pointclip.features.store import read_kept, write_kept
from pointclip.runs.output import table
from zeroshot_cls.main import main as classify

CONFIG = Path(__file__).resolve().parents[1] / "zeroshot_cls" / "configs" / "demo.yaml"
SEEDS = 0, 1
KEPT = 40  # files that a process keeps


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill processes while they write.")
    parser.add_argument("--runs", type=positive, default=100, help="kills while results are written")
    parser.add_argument("--cache", type=positive, default=50, help="kills while features are kept")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args()
    print(machine(), flush=True)
    rng = np.random.default_rng(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            ["results", *kill_runs(Path(folder), args.runs, rng)],
            ["features", *kill_keepers(Path(folder), args.cache, rng)],
        ]
    print(table(["killed while writing", "kills", "before the swap", "after it", "mixed or half-written"], rows))
    sys.exit(any(row[-1] for row in rows))


def kill_runs(folder: Path, kills: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Kill runs while they write results; returns how many, and how many left the old, the new, and no run's files."""
    output, whole = folder / "output", {}
    for seed in SEEDS:  # what each leaves when nothing happens to it; the first also fills the cache
        for _ in range(2):
            start(run, folder, seed).join()
        whole[seed] = content(output / "demo")
    print("a whole run of each seed is known", flush=True)
    seconds = writing_seconds(folder)
    counts, now = {"old": 0, "new": 0, "mixed": 0}, SEEDS[-1]
    done = 0
    while done < kills:
        seed = SEEDS[1 - SEEDS.index(now)]
        child = start(run, folder, seed)
        while child.is_alive() and not (output / ".demo.new").is_dir():
            time.sleep(0.0005)
        time.sleep(rng.uniform(0, 1.1 * seconds))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        if child.exitcode != -signal.SIGKILL:  # it had ended before
            now = seed
            continue
        done += 1
        left = content(output / "demo")
        found = [known for known in SEEDS if left == whole[known]]
        counts["mixed" if not found else "old" if found[0] == now else "new"] += 1
        now = found[0] if found else now
        if done % 10 == 0:
            print(f"{done} kills: {counts}", flush=True)
    return kills, *counts.values()


def writing_seconds(folder: Path) -> float:
    """How long a run writes."""
    child = start(run, folder, SEEDS[-1])
    begun = None
    while child.is_alive():
        if begun is None and (folder / "output" / ".demo.new").is_dir():
            begun = time.perf_counter()
        if begun is not None and not (folder / "output" / ".demo.new").is_dir():
            break
        time.sleep(0.0005)
    child.join()
    return time.perf_counter() - begun


def run(folder: Path, seed: int) -> None:
    """One classification of a few shapes."""
    torch.set_num_threads(1)
    words = ["--quiet", "--config", str(CONFIG), "OUTPUT", str(folder / "output"), "CACHE", str(folder / "cache")]
    words += ["PROMPTS.FILE", "", "DATASET.MAX_SHAPES", "6", "SEED", str(seed), "BATCH_SIZE", "1"]
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        classify(words)


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a run's folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def kill_keepers(folder: Path, kills: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Kill processes that keep features; returns how many, and how many files were missing, sound and wrong."""
    missing = sound = wrong = 0
    for kill in range(kills):
        place = folder / f"kept{kill}"
        child = start(keep, place)
        while child.is_alive() and not place.is_dir():
            time.sleep(0.0002)
        time.sleep(rng.uniform(0, 0.1))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        for number in range(KEPT):
            path = place / f"{number}.safetensors"
            kept = read_kept(path) if path.is_file() else None
            missing += not path.is_file()
            sound += kept is not None and torch.equal(kept["views"], features(number))
            wrong += path.is_file() and (kept is None or not torch.equal(kept["views"], features(number)))
    return kills, missing, sound, wrong


def keep(folder: Path) -> None:
    torch.set_num_threads(1)
    for number in range(KEPT):
        write_kept(folder / f"{number}.safetensors", {"views": features(number)})


def features(number: int) -> torch.Tensor:
    return torch.from_numpy(np.full((10, 5000), number, np.float32))


def start(work: Callable, *arguments: object) -> multiprocessing.Process:
    child = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    child.start()
    return child


if __name__ == "__main__":
    main()
