"""Fixtures shared by the projection's tests."""

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest
import torch

from tests.projection.clouds import DEVICE, WITHOUT_TRITON, quantize_by_triton, run_triton

QUICK_ON_TRITON = ("random", "toy mug")  # the interpreter takes seconds a cloud; .ci/run tests all


def pytest_collection_modifyitems(items):
    for item in items:
        if "test_on_every_cloud[triton-" in item.nodeid and not any(
            f"-{name}-" in item.nodeid for name in QUICK_ON_TRITON
        ):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def on_triton():
    """Call a function of `tests.projection.clouds` on the GPU if there is one, else under Triton's interpreter.

    The interpreter must be enabled before Triton is imported, and not for other tests, so it runs in another process.
    """
    if WITHOUT_TRITON:
        pytest.skip(WITHOUT_TRITON)
    if DEVICE == "cuda":
        yield lambda function, *arguments: function(*arguments)
        return
    with pytest.MonkeyPatch.context() as patch, ProcessPoolExecutor(1, get_context("spawn")) as pool:
        patch.setenv("TRITON_INTERPRET", "1")
        pool.submit(os.getpid).result()  # the process starts now and keeps the variable
        patch.undo()
        yield lambda function, *arguments: pool.submit(function, *arguments).result()


@pytest.fixture(scope="session")
def triton_project(on_triton):
    """`run_triton`, where Triton runs."""
    return partial(on_triton, run_triton)


@pytest.fixture(scope="session")
def triton_cells(on_triton):
    """`quantize_by_triton`, where Triton runs."""
    return partial(on_triton, quantize_by_triton)


@pytest.fixture
def threads():
    """Set torch's number of threads, and restore it afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
