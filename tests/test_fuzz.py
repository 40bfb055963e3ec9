"""No damaged file may hang a reader or end in a stack trace; benchmarks/fuzz.py tries far more of them."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import damaged, read_one
from benchmarks.fuzz_readers import READERS
from pointclip.errors import InputError


@pytest.mark.parametrize("name", READERS)
def test_valid_file_is_read(name, tmp_path):
    for data in READERS[name].sound():
        read_one(name, data, tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_damaged_file_is_read_or_rejected(name, tmp_path_factory):
    folder, sound = tmp_path_factory.mktemp("fuzz"), READERS[name].sound()

    @settings(max_examples=40, deadline=5000, derandomize=True, database=None)
    @given(st.sampled_from(sound), st.integers(0, 2**32 - 1))
    def check(data, seed):
        with contextlib.suppress(InputError):  # all other errors are faults
            read_one(name, damaged(data, np.random.default_rng(seed)), folder)

    check()
