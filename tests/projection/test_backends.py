"""Which engine runs."""

import pytest
import torch

from pointclip import projection
from pointclip.errors import InputError
from pointclip.projection import numba_engine, pick_backend

CPU = torch.device("cpu")


def test_auto_takes_the_fastest_that_can():
    assert pick_backend("auto", CPU) == "numba"
    assert pick_backend("auto", CPU, needs_grad=True) == "reference"
    assert pick_backend("auto", torch.device("meta")) == "reference"


def test_without_numba_auto_says_so_once(monkeypatch):
    monkeypatch.setattr(numba_engine, "installed", lambda: False)
    projection._tell_that_numba_is_missing.cache_clear()
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
        (("opencl", CPU), "known ones are auto, reference, numba"),
    ],
)
def test_an_engine_that_cannot_run_says_why(arguments, words):
    with pytest.raises(InputError, match=words):
        pick_backend(*arguments)
