"""Can a damaged file make a reader hang, exhaust the memory, or end in a stack trace?

Small valid files of every kind are randomly damaged with a seed: bits and bytes changed, removed or repeated, counts
made huge. Each reader processes its files in a separate process, which may allocate `--memory` GB beyond its initial
use. A file must either be read or give one clean error (`InputError`); stack traces, crashes and hangs (over
`--seconds`) are counted, and the first of each kind is shown.
"""

import argparse
import multiprocessing
import resource
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

import numpy as np

from benchmarks.fuzz_readers import READERS
from benchmarks.machine import machine, positive
from pointclip.errors import MAX_MESSAGE, InputError
from pointclip.runs.output import table

COUNTS = (0, 1, 127, 128, 255, 32767, 65535, 10**5, 10**8, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
WORDS = (
    b"0",
    b"-1",
    b"1e400",
    b"nan",
    b"99999999",
    b"18446744073709551616",
    b"9" * 400,
    b"[" * 500,
    b"{}",
    b"null",
    b"\x00",
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Give damaged files to every reader.")
    parser.add_argument("--inputs", type=positive, default=1000, help="files per reader (default: %(default)s)")
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS), metavar="NAME")
    parser.add_argument("--seconds", type=positive, default=5, help="time limit per file (default: %(default)s)")
    parser.add_argument("--memory", type=positive, default=2, help="memory limit in GB (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(machine(), flush=True)

    rows, shown = [], []
    for name in args.readers:
        outcomes = fuzz(name, args.inputs, args.seed, args.seconds, args.memory)
        counts = outcomes.counts
        rows.append([name, args.inputs, *(counts[end] for end in ENDS), round(outcomes.megabytes)])
        shown += [f"{name}: {text}" for text in outcomes.shown]
        print(table(HEADER, rows[-1:]), flush=True)
    total = ["all", *(sum(row[column] for row in rows) for column in range(1, 6)), max(row[6] for row in rows)]
    print(f"\n{table(HEADER, [*rows, total])}")
    for text in shown:
        print(f"\n{text}")
    sys.exit(bool(shown))


ENDS = ("read", "clean error", "stack trace", "hang")
HEADER = ["reader", "inputs", "read", "clean errors", "stack traces", "hangs", "peak MB"]


@dataclass
class Outcomes:
    """The outcomes of a reader's files."""

    counts: Counter = field(default_factory=Counter)
    megabytes: float = 0.0  # peak memory beyond the process's initial use
    shown: list[str] = field(default_factory=list)  # the first of each kind of stack trace, crash and hang


def damaged(valid: bytes, rng: np.random.Generator) -> bytes:
    """The file with one to four faults."""
    data = bytearray(valid)
    for _ in range(min(4, rng.geometric(0.6))):
        place = int(rng.integers(0, max(1, len(data))))
        match rng.integers(0, 8):
            case 0 if data:
                data[place % len(data)] ^= 1 << int(rng.integers(0, 8))
            case 1 if data:
                data[place % len(data)] = int(rng.integers(0, 256))
            case 2:
                del data[place:]
            case 3:
                del data[place : place + int(rng.integers(1, 64))]
            case 4:
                data[place:place] = data[place : place + int(rng.integers(1, 64))]
            case 5:
                count, width = COUNTS[rng.integers(0, len(COUNTS))], int(rng.choice([1, 2, 4, 8]))
                data[place : place + width] = (count % 256**width).to_bytes(width, "little")
            case 6:
                data[place : place + int(rng.integers(0, 8))] = WORDS[rng.integers(0, len(WORDS))]
            case _:
                _change_number(data, rng)
    return bytes(data)


def _change_number(data: bytearray, rng: np.random.Generator) -> None:
    """Replace a number in text by another one."""
    starts = [i for i, byte in enumerate(data) if 48 <= byte <= 57 and (i == 0 or not 48 <= data[i - 1] <= 57)]
    if starts:
        start = end = int(rng.choice(starts))
        while end < len(data) and 48 <= data[end] <= 57:
            end += 1
        data[start:end] = str(COUNTS[rng.integers(0, len(COUNTS))]).encode()


def files(name: str, inputs: int, seed: int, first: int = 0) -> Iterator[tuple[int, bytes]]:
    """A reader's damaged files by number; each depends only on the seed and its number."""
    valid = READERS[name].sound()
    for number in range(first, inputs):
        rng = np.random.default_rng([seed, number])
        yield number, damaged(valid[number % len(valid)], rng)


def fuzz(name: str, inputs: int, seed: int, seconds: int, gigabytes: int) -> Outcomes:
    """Let a reader process its files, in a new process if the last one died."""
    outcomes, kinds, first = Outcomes(), set(), 0
    context = multiprocessing.get_context("fork")
    while first < inputs:
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_work, args=(sender, name, inputs, seed, first, seconds, gigabytes))
        child.start()
        sender.close()
        done = first
        try:
            while receiver.poll(4 * seconds):  # the child's alarm does not interrupt compiled code
                end, text, megabytes = receiver.recv()
                outcomes.counts[end] += 1
                outcomes.megabytes = max(outcomes.megabytes, megabytes)
                if text and text not in kinds:
                    kinds.add(text)
                    outcomes.shown.append(f"file {done}: {text}")
                done += 1
            child.kill()
            outcomes.counts["hang"] += 1
            outcomes.shown.append(f"file {done}: hangs for over {4 * seconds} s")
        except EOFError:
            child.join()
            if done < inputs:
                outcomes.counts["stack trace"] += 1
                outcomes.shown.append(f"file {done}: the process died ({child.exitcode})")
        child.join()
        first = done + 1
    return outcomes


class _Hang(BaseException):
    """A file takes too long."""


def _work(to: Connection, name: str, inputs: int, seed: int, first: int, seconds: int, gigabytes: int) -> None:
    """Read files and send the outcome of each."""
    _limit_memory(gigabytes)
    initial = _peak_megabytes()

    def stop(*_: object) -> None:
        raise _Hang

    signal.signal(signal.SIGALRM, stop)
    with tempfile.TemporaryDirectory() as folder:
        for number, data in files(name, inputs, seed, first):
            end, text = "read", ""
            signal.setitimer(signal.ITIMER_REAL, seconds)
            try:
                read_one(name, data, Path(folder))
            except InputError as error:
                end = "clean error"
                if len(str(error)) > MAX_MESSAGE or not str(error).isprintable():
                    end, text = "stack trace", f"a message that is too long or not printable: {error!r:.200}"
            except _Hang:
                end, text = "hang", f"over {seconds} s"
            except BaseException as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                end, text = "stack trace", f"{type(error).__name__}: {error!s:.100} ({place.filename}:{place.lineno})"
            signal.setitimer(signal.ITIMER_REAL, 0)
            to.send((end, text, _peak_megabytes() - initial))
            if number == inputs - 1:
                break
    to.close()


def read_one(name: str, data: bytes, folder: Path) -> None:
    """Let a reader read these bytes."""
    reader: Callable[[Path], object] = READERS[name].read
    path = folder / READERS[name].file
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    reader(path)


def _limit_memory(gigabytes: int) -> None:
    pages = (
        int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) if Path("/proc/self/statm").exists() else 0
    )
    if pages:
        limit = pages * resource.getpagesize() + (gigabytes << 30)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
