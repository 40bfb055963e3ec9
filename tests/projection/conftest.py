"""Fixtures shared by the projection's tests."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import torch

from pointclip.projection import triton_engine
from tests.projection.clouds import DEVICE, run_triton


@pytest.fixture(scope="session")
def triton_project():
    """`run_triton`: on the GPU if there is one, else under Triton's interpreter.

    The interpreter must be enabled before Triton is imported, and not for other tests, so it runs in another process.
    """
    if not triton_engine.is_installed():
        pytest.skip("triton is not installed")
    if DEVICE == "cuda":
        yield run_triton
        return
    with pytest.MonkeyPatch.context() as patch, ProcessPoolExecutor(1, get_context("spawn")) as pool:
        patch.setenv("TRITON_INTERPRET", "1")
        pool.submit(os.getpid).result()  # the process starts now and keeps the variable
        patch.undo()
        yield lambda *arguments: pool.submit(run_triton, *arguments).result()


@pytest.fixture
def threads():
    """Set torch's number of threads, and restore it afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
