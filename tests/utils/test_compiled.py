"""Compiled loops are cached on disk, and work without a cache."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("numba")

from pointclip.utils import compiled

MODULE = """
from pointclip.utils.compiled import compiled, part

@part
def half(number):
    return number // 2

@compiled("int64(int64)")
def early(number):
    return half(number)

@compiled()
def late(number):
    return early(number) + 1
"""
RUN = """
import module
assert module.late(42) == 22
print(*(sum(function.stats.cache_misses.values()) for function in (module.early, module.late)))
"""


def test_second_process_compiles_nothing(tmp_path):
    (tmp_path / "module.py").write_text(MODULE)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}

    def misses():
        return subprocess.run(
            [sys.executable, "-c", RUN], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.split()

    assert misses() == ["1", "1"]
    assert misses() == ["0", "0"]


@pytest.fixture
def no_cache(monkeypatch):
    """As if no cache folder were writable."""
    compile_really = compiled.njit

    def njit(signature=None, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function 'double': no locator available for file 'x.py'")
        return compile_really(signature, **options)

    monkeypatch.setattr(compiled, "njit", njit)
    compiled._warn_not_cached.cache_clear()


@pytest.mark.parametrize("signature", [None, "int64(int64)"])
def test_one_warning_without_a_cache(signature, no_cache):
    with pytest.warns(UserWarning, match="NUMBA_CACHE_DIR") as caught:
        double, triple = (compiled.compiled(signature)(f) for f in (lambda n: 2 * n, lambda n: 3 * n))
    assert len(caught) == 1
    assert (double(21), triple(21)) == (42, 63)


def test_other_errors_are_not_caught(monkeypatch):
    def njit(*_, **__):
        raise RuntimeError("out of order")

    monkeypatch.setattr(compiled, "njit", njit)
    with pytest.raises(RuntimeError, match="out of order"):
        compiled.compiled()(len)
