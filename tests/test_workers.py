"""The processes that read files: what a file can do to them, and what that does to the run."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pointclip.datasets.shape_files import ShapeFiles
from pointclip.errors import InputError
from pointclip.workers import Pool
from pointclip.workers.allowance import GB, PACKED, allowance
from pointclip.workers.pool import _Budget

ROOT = Path(__file__).parents[1]
FILE = Path("a.ply")


def abort() -> None:
    os.write(2, b"reading\nno room for 118 GB\n")
    os.abort()


def hang() -> None:
    time.sleep(600)


def hang_in_c() -> None:
    "".join(["a" * 28, "b"]).replace("b", "")
    __import__("re").match(r"(a+)+$", "a" * 40 + "b")


def fill_the_memory() -> int:
    return np.ones(3 * GB, np.uint8).sum()


def fail() -> None:
    raise KeyError("vertex")


def refuse() -> None:
    raise InputError("a.ply holds a \x1b sequence.", ("an example",))


def leave() -> None:
    raise SystemExit(3)


def whole_process() -> int:
    return os.getpid()


def modules() -> set[str]:
    return set(sys.modules)


def here() -> tuple[str, str | None]:
    return os.getcwd(), os.environ.get("POINTCLIP_LIMITS")


def echo(value):
    return value


@pytest.fixture(scope="module")
def pool():
    pool = Pool(1, seconds=60.0, memory=GB)
    yield pool
    pool.close()


@pytest.mark.parametrize(
    ("reader", "sentence"),
    [
        (abort, r"^a.ply ended the reader \(SIGABRT: no room for 118 GB\); it is damaged"),
        (hang, r"^a.ply: reading it took more than 2 s; .* READING.TIMEOUT"),
        (hang_in_c, r"^a.ply: reading it took more than 2 s"),
        (fill_the_memory, r"^a.ply: reading it took more than 1 GB of memory; .* READING.MEMORY"),
        (fail, r"^a.ply cannot be read \(KeyError: 'vertex'\)"),
        (leave, r"^a.ply cannot be read \(SystemExit: 3\)"),
        (refuse, r"^a.ply holds a \\x1b sequence.$"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory and signals")
def test_what_a_reader_does_costs_its_own_file(pool, monkeypatch, reader, sentence):
    with monkeypatch.context() as patch:
        if reader in (hang, hang_in_c):
            patch.setattr(pool, "seconds", 2.0)
        with pytest.raises(InputError, match=sentence):
            pool.submit(reader, path=FILE).result(90)
    assert pool.submit(echo, 3, path=Path("b.ply")).result(90) == 3


def test_refusals_keep_their_examples(pool):
    with pytest.raises(InputError) as found:
        pool.submit(refuse, path=FILE).result(90)
    assert found.value.below == ("an example",)


@pytest.mark.parametrize("reader", [fail, refuse])
def test_exceptions_in_the_run_itself_are_the_same(pool, reader):
    texts = []
    for where in (pool, Pool(0)):
        with pytest.raises(InputError) as found:
            where.submit(reader, path=FILE).result(90)
        texts.append(str(found.value))
    assert texts[0] == texts[1]


def test_reading_processes_have_no_torch(pool):
    assert "pointclip.datasets.shape_files.reading" in (loaded := pool.submit(modules, path=FILE).result(90))
    assert "torch" not in loaded


def test_arrays_come_back_as_they_are(pool):
    value = {"a": np.arange(300_000.0).reshape(-1, 3), "f": np.asfortranarray(np.eye(3)), "none": np.zeros((0, 3))}
    found = pool.submit(echo, value, path=FILE).result(90)
    assert all(np.array_equal(found[name], array) and found[name].dtype == array.dtype for name, array in value.items())
    found["a"][0] = 1  # may be changed
    assert found["f"].flags.f_contiguous


def test_readers_have_the_runs_folder_and_limits(pool, tmp_path, monkeypatch):
    for folder, factor in ((tmp_path, "3"), (ROOT, None)):
        monkeypatch.chdir(folder)
        monkeypatch.delenv("POINTCLIP_LIMITS", raising=False)
        if factor:
            monkeypatch.setenv("POINTCLIP_LIMITS", factor)
        assert pool.submit(here, path=FILE).result(90) == (str(folder), factor)


def test_processes_are_kept_and_end_with_the_pool():
    pool = Pool(1)
    process = pool.submit(whole_process, path=FILE).result(90)
    assert pool.submit(whole_process, path=FILE).result(90) in {
        process,
        *[p._process.pid for p in pool._processes.values()],
    }
    assert process != os.getpid()
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_shapes_are_the_same_for_any_number_of_workers(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for number in range(9):
        np.save(tmp_path / f"{number}.npy", rng.normal(size=(3000, 3)))
    (tmp_path / "9.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 2 0\nf 1 2 3\n")
    (tmp_path / "bad.ply").write_text("ply\n")

    def read(pool: Pool) -> list[bytes | str]:
        monkeypatch.setattr("pointclip.workers.pool._pool", pool)
        shapes, found = ShapeFiles(sorted(tmp_path.iterdir()), 256, "auto"), []
        for place in range(len(shapes)):
            shapes.prepare(range(place, len(shapes)))
            try:
                found.append(shapes[place].points.tobytes())
            except InputError as error:
                found.append(str(error))
        return found

    results = []
    for workers in (0, 1, 3):
        pool = Pool(workers)
        results.append(read(pool))
        pool.close()
    assert results[0] == results[1] == results[2]


PROGRAM = """
import sys, os
print("imported as", __name__, flush=True)
sys.path.insert(0, sys.argv[1])
from pointclip.datasets.shape_files import read_shape, ShapeFiles
print(ShapeFiles([sys.argv[2]])[0].points.shape, flush=True)
if os.fork() == 0:
    print("fork", ShapeFiles([sys.argv[2]])[0].points.shape, flush=True)
    sys.exit()
os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_programs_main_module_is_imported_once_and_it_may_fork(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(30, 3)))
    words = [sys.executable, "program.py", str(ROOT), "a.npy"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "imported as __main__\n(30, 3)\nfork (30, 3)\n", done.stderr


def test_no_process_is_left_when_the_run_is_killed(tmp_path):
    code = "import time; from tests.test_workers import *; p = Pool(1); p.submit(echo, 1, path=FILE).result()\n"
    code += "print(next(iter(p._processes.values()))._process.pid, flush=True); time.sleep(60)"
    run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    process = int(run.stdout.readline())
    run.send_signal(signal.SIGKILL)
    run.wait()
    for _ in range(100):
        time.sleep(0.05)
        if not Path(f"/proc/{process}").exists() or "\nState:\tZ" in Path(f"/proc/{process}/status").read_text("utf-8"):
            return
    pytest.fail("The reading process outlived its run.")


def test_allowances_grow_with_the_file(tmp_path):
    small, large, packed = tmp_path / "a.xyz", tmp_path / "b.xyz", tmp_path / f"c{PACKED[0]}"
    small.write_bytes(b"1")
    large.write_bytes(bytes(10_000_000))
    packed.write_bytes(bytes(10_000_000))
    given = [allowance(path, 20.0, GB) for path in (small, large, packed)]
    assert [round(each.seconds) for each in given] == [20, 30, 120]
    assert given[0].memory < given[1].memory < given[2].memory


def test_calls_share_the_memory():
    budget, order = _Budget(10), []
    budget.take(6)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(lambda: (budget.take(5), order.append("second")))
        time.sleep(0.05)
        order.append("first")
        budget.give_back(6)
        waiting.result(10)
    assert order == ["first", "second"]
