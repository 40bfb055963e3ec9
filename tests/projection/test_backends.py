"""Selection of the engine."""

import pytest
import torch

from pointclip import projection
from pointclip.errors import InputError
from pointclip.projection import numba_engine, pick_backend, triton_engine

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def gpu(monkeypatch):
    """As if a GPU and everything that Triton needs were available."""
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(triton_engine, "is_installed", lambda: True)
    monkeypatch.setattr(triton_engine, "_why_unsupported", lambda device: None)


def test_auto_selects_the_fastest_available():
    assert pick_backend("auto", CPU) == "numba"
    assert pick_backend("auto", CPU, needs_grad=True) == "reference"
    assert pick_backend("auto", torch.device("meta")) == "reference"


def test_auto_selects_triton_on_a_gpu_unless_gradients_are_needed(gpu):
    assert pick_backend("auto", CUDA) == "triton"
    assert pick_backend("auto", CUDA, needs_grad=True) == "reference"
    assert pick_backend("auto", CPU) == "numba"


def test_one_warning_without_triton(gpu, monkeypatch):
    monkeypatch.setattr(triton_engine, "is_installed", lambda: False)
    projection._warn_not_installed.cache_clear()
    with pytest.warns(UserWarning, match="pip install triton") as caught:
        assert [pick_backend("auto", CUDA) for _ in range(3)] == ["reference"] * 3
    assert len(caught) == 1
    with pytest.raises(InputError, match="cannot run here: triton is not installed"):
        pick_backend("triton", CUDA)


def test_one_warning_without_numba(monkeypatch):
    monkeypatch.setattr(numba_engine, "is_installed", lambda: False)
    projection._warn_not_installed.cache_clear()
    with pytest.warns(UserWarning, match="pip install numba") as caught:
        assert [pick_backend("auto", CPU) for _ in range(3)] == ["reference"] * 3
    assert len(caught) == 1
    with pytest.raises(InputError, match="cannot run here: numba is not installed"):
        pick_backend("numba", CPU)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("numba", torch.device("meta")), "points are on meta"),
        (("numba", CPU, True), "no gradients"),
        (("numba", CUDA), "points are on cuda"),
        (("triton", CUDA, True), "no gradients"),
        (("opencl", CPU), "choose one of auto, reference, numba, triton"),
    ],
)
def test_an_engine_that_cannot_run_says_why(arguments, words, gpu):
    with pytest.raises(InputError, match=words):
        pick_backend(*arguments)
