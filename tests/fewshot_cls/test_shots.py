"""The draw of shots: repeatable, nested, with disjoint training and validation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewshot_cls.shots import draw_shots, listing
from pointclip.errors import InputError

NAMES = ("chair", "table", "lamp")
LABELS = np.random.default_rng(0).integers(-1, 3, 200)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    shots=st.integers(1, 16),
    more=st.integers(0, 8),
    seed=st.integers(0, 2**40),
    copies=st.integers(1, 2),
    validate=st.booleans(),
)
def test_draw_properties(shots, more, seed, copies, validate):
    def draw(count):
        return draw_shots(LABELS, NAMES, count, seed, "set", validate, copies)

    drawn, larger = draw(shots), draw(shots + more)
    assert drawn == draw(shots)
    assert np.bincount(LABELS[drawn.train]).tolist() == [shots] * 3
    if validate:
        assert np.bincount(LABELS[drawn.validation]).tolist() == [min(shots, 4)] * 3
    assert set(drawn.train) <= set(larger.train)
    assert not set(drawn.train) & set(drawn.validation)
    for name, side in enumerate(("train", "validation")):
        rows = getattr(drawn, side)
        other = drawn.train + drawn.validation
        for row in rows:
            near = [r for r in other if r != row and LABELS[r] == LABELS[row] and abs(r - row) < copies]
            assert not near, (name, row)


def test_draws_differ_by_seed_and_data_set():
    draws = [draw_shots(LABELS, NAMES, 8, seed, name).train for seed, name in ((0, "a"), (1, "a"), (0, "b"))]
    assert len({tuple(draw) for draw in draws}) == 3


def test_draw_is_stable_across_versions():
    assert draw_shots(LABELS, NAMES, 2, 0, "modelnet40").train == EXPECTED


EXPECTED = [169, 198, 173, 95, 0, 161]


def test_all_shapes():
    drawn = draw_shots(LABELS, NAMES, 0, 0, "mine")
    assert sorted(drawn.train) == np.flatnonzero(LABELS >= 0).tolist()
    assert drawn.validation == []


@pytest.mark.parametrize(
    ("shots", "validate", "words"),
    [
        (
            3,
            True,
            "'lamp' has 3 training shapes, too few for 3 shots and 3 to validate on; take fewer shots, or",
        ),
        (4, False, "'lamp' has 3 training shapes, too few for 4 shots; take fewer shots.$"),
        (-1, False, "Shots -1"),
    ],
)
def test_too_few_shapes(shots, validate, words):
    labels = np.array([0] * 9 + [1] * 9 + [2] * 3)
    with pytest.raises(InputError, match=words):
        draw_shots(labels, NAMES, shots, 0, "set", validate)


def test_class_without_shapes():
    with pytest.raises(InputError, match="'lamp' has no training shape"):
        draw_shots(np.array([0, 1]), NAMES, 0, 0, "set")


def test_listing():
    drawn = draw_shots(LABELS, NAMES, 2, 3, "set")
    written = listing(drawn, LABELS, NAMES, {row: f"shape {row}" for row in range(len(LABELS))})
    rows = [entry["index"] for sides in written["classes"].values() for entry in sides["train"]]
    assert rows == drawn.train
    assert written["classes"]["chair"]["train"][0]["name"] == f"shape {drawn.train[0]}"
    assert (written["shots"], written["seed"], written["dataset"]) == (2, 3, "set")
