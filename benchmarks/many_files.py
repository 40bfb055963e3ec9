"""How long does a command take for thousands of own files, and does its memory stay flat?

Synthetic shapes, one .npy each, are given to `pointclip classify` or `segment` with the bundled encoder, in a separate
process. Its resident memory is read every half second and shown at every tenth of the shapes. `--busy 2` loads the
machine with two more processes, which changes how the threads that project and encode interleave, and so the layout of
the heap.
"""

import argparse
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np

from benchmarks.machine import machine, positive
from pointclip.datasets.synthetic import SyntheticShapes
from pointclip.runs.output import table

ROOT = Path(__file__).resolve().parents[1]
SHAPES_DONE = re.compile(rb"project, encode:[^\r\n]*?(\d+)/\d+ \[")  # of tqdm's bar
INTERVAL = 0.5  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and resident memory of a command for very many files.")
    parser.add_argument("--command", choices=("classify", "segment"), default="classify")
    parser.add_argument("--files", type=positive, default=5000)
    parser.add_argument("--points", type=positive, default=1024, help="points per file")
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="processes that load the machine meanwhile")
    parser.add_argument("words", nargs="*", help="further words for the command, such as PROJECTION.VIEWS 0")
    args = parser.parse_args()
    if not Path("/proc/self/status").exists():
        parser.error("resident memory is read from /proc, so this runs on Linux only")
    print(machine())

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        classes = write_shapes(folder / "shapes", args.files, args.points)
        names = ["--classes", ", ".join(classes)] if args.command == "classify" else ["--category", "chair"]
        words = [args.command, "--config", "own_shapes", *names, "--input", str(folder / "shapes")]
        words += ["ENCODER.NAME", "demo", "OUTPUT", str(folder / "outputs"), *args.words]
        with load(args.busy):
            seconds, memory = run(words, folder)
    rows = [[f"{shapes:,}", f"{megabytes:,.0f}"] for shapes, megabytes in tenths(memory, args.files)]
    print(table(["shapes done", "resident MB"], rows))
    peak = max(megabytes for _, megabytes in memory)
    print(
        f"{args.files:,} files of {args.points:,} points: {seconds:,.0f} s from the command to its end, "
        f"{args.files / seconds:.1f} shapes/s; peak {peak:,.0f} MB; {args.busy} busy processes beside it"
    )


def write_shapes(folder: Path, files: int, points: int) -> tuple[str, ...]:
    """Write synthetic test shapes to .npy files; returns the names of their classes."""
    folder.mkdir()
    classes = SyntheticShapes().class_names
    shapes = SyntheticShapes(split="test", per_class=-(-files // len(classes)), num_points=points)
    for i in range(files):
        np.save(folder / f"{i:06d}.npy", shapes[i].points)
    return classes


def run(words: list[str], folder: Path) -> tuple[float, list[tuple[int, float]]]:
    """The seconds that `pointclip` takes, and its (shapes done, resident MB) every half second."""
    environment = os.environ | {"POINTCLIP_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pointclip_cli", *words]
    memory, progress, start = [], Progress(), time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0
    )
    listener = threading.Thread(target=progress.listen, args=(process.stderr,), daemon=True)
    listener.start()
    while process.poll() is None:
        if megabytes := resident(process.pid):
            memory.append((progress.shapes, megabytes))
        time.sleep(INTERVAL)
    seconds = time.perf_counter() - start
    listener.join()
    if process.returncode:
        sys.exit(progress.tail.decode(errors="replace"))
    return seconds, memory


class Progress:
    """The shapes done, from a progress bar on standard error."""

    def __init__(self) -> None:
        self.shapes, self.tail = 0, b""

    def listen(self, stream: IO[bytes]) -> None:
        """Read the stream to its end."""
        while chunk := stream.read(4096):
            self.tail = (self.tail + chunk)[-4096:]
            if found := SHAPES_DONE.findall(self.tail):
                self.shapes = int(found[-1])


def resident(process: int) -> float:
    """Resident memory of a process in MB; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmRSS")), 0.0)


def tenths(memory: list[tuple[int, float]], files: int) -> list[tuple[int, float]]:
    """The first reading after each tenth of the files, the last one at the end."""
    chosen = [next((reading for reading in memory if 10 * reading[0] >= i * files), memory[-1]) for i in range(1, 11)]
    return list(dict.fromkeys(chosen))


@contextmanager
def load(processes: int):
    """Keep the machine busy with this many processes, in bursts of up to 0.1 s."""
    pool = [multiprocessing.Process(target=_burn, args=(seed,), daemon=True) for seed in range(processes)]
    for process in pool:
        process.start()
    try:
        yield
    finally:
        for process in pool:
            os.kill(process.pid, signal.SIGKILL)
            process.join()


def _burn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    while True:
        end = time.perf_counter() + rng.uniform(0, 0.1)
        while time.perf_counter() < end:
            pass
        time.sleep(rng.uniform(0, 0.1))


if __name__ == "__main__":
    main()
