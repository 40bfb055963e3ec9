"""Shared by the benchmarks: a line about the machine, timing, and peak memory in a separate process."""

import multiprocessing
import os
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path

import torch


def positive(text: str) -> int:
    """An argument type: an integer of at least 1."""
    if int(text) < 1:
        raise ValueError
    return int(text)


def machine() -> str:
    """One line: the CPU, its cores, torch and its threads, and the GPU if there is one."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_cpu_model()}, {cores} cores; torch {torch.__version__}, {torch.get_num_threads()} threads; {gpu}"


def clock() -> float:
    """A clock in seconds, which synchronises with the GPU if one is in use."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def best_time(work: Callable[[], object], repeats: int = 5, budget: float = 30.0) -> float:
    """Seconds of the fastest of `repeats` calls after a warm-up call; stops after `budget` seconds."""
    begin, times = clock(), []
    while len(times) <= repeats and (not times or clock() - begin < budget):
        start = clock()
        work()
        times.append(clock() - start)
    return min(times[1:] or times)


def peak_memory(prepare: Callable[..., Callable[[], object]], *args) -> float:
    """Peak memory of `prepare(*args)()` in MB, beyond that of its process after `prepare`.

    It runs in a new process, so `prepare` must be a module-level function and `args` must be picklable. On a GPU it is
    the memory allocated by torch. Memory for setup in the first call is included, so this is an upper bound.
    """
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_measure, args=(results, torch.get_num_threads(), prepare, *args))
    process.start()
    while process.is_alive() and results.empty():
        process.join(0.05)
    if process.exitcode not in (0, None):
        return float("nan")  # it failed or ran out of memory, and has printed why
    megabytes = results.get()
    process.join()
    return megabytes


def _measure(results, threads: int, prepare: Callable, *args) -> None:
    torch.set_num_threads(threads)
    work = prepare(*args)
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        results.put((torch.cuda.max_memory_allocated() - before) / 2**20)
        return
    clear_refs = Path("/proc/self/clear_refs")
    if clear_refs.exists():
        clear_refs.write_text("5", encoding="utf-8")  # resets the peak, so that imports are not included
    before = _peak()
    work()
    results.put((_peak() - before) / 2**20)


def _peak() -> float:
    """Peak memory of this process in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 2**10
    unit = 1 if platform.system() == "Darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _cpu_model() -> str:
    """The CPU's name from Linux, or else from Python."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
