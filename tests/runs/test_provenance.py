"""The origin of sentences and view weights, and the mark for tuning on test labels."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pointclip.config import defaults, load_config
from pointclip.origin import Origin
from pointclip.runs.notes import gathered
from pointclip.runs.provenance import provenance, run_notes
from pointclip.search.result import ALL, SearchResult

ENCODER = SimpleNamespace(
    name="tiny", notes=("Of its weights.",), context_length=77, count_cut=lambda sentences: len(sentences) - 1
)
EXTRACTOR = SimpleNamespace(encoder=ENCODER, store=SimpleNamespace(damaged={Path("b"), Path("a")}))
READER = SimpleNamespace(
    notes=["a: 1.", "b: 2.", "c: 3.", "d: 4.", "e: 5."],
    fingerprint="abc",
    bad={4: "x#4: NaN."},
    outliers={},
    shapes=SimpleNamespace(class_names=("chair", "sofa"), labels=np.array([0, 1, 0])),
    classes_read=lambda: ["chair"],
)
SETTINGS = load_config(defaults(), None)
RESULT = SearchResult(
    task="t",
    dataset="toy",
    split="train",
    shapes=2,
    data="xyz",
    encoder="tiny",
    views=[0],
    settings={},
    procedure="p",
    tuned_on_test_labels=False,
    score=50.0,
    scores={},
    sentences={"chair": ["a seat."]},
    weights={ALL: [1.0]},
)
PLAIN, TUNED = Origin("plain"), Origin("tuned", "Chosen on test labels.", True)


def make(prompts=PLAIN, weights=PLAIN, search=None, own_shapes=False):
    return provenance(SETTINGS, (prompts, weights), search, ENCODER, READER, own_shapes)


@pytest.mark.parametrize(("prompts", "weights"), [(PLAIN, PLAIN), (TUNED, PLAIN), (PLAIN, TUNED), (TUNED, TUNED)])
def test_tuned_if_sentences_or_weights_are(prompts, weights):
    origin = make(prompts, weights)
    assert (origin.prompts, origin.view_weights) == (prompts.words, weights.words)
    assert origin.tuned == (prompts.tuned or weights.tuned)
    assert len(origin.notes) == prompts.tuned + weights.tuned


@pytest.mark.parametrize(
    ("change", "own_shapes", "tuned"),
    [
        ({}, False, False),
        ({"dataset": "synthetic", "split": "test"}, False, True),  # the split itself
        ({"dataset": "synthetic", "split": "test"}, True, False),  # --input files belong to no split
        ({"data": "abc"}, True, True),  # the same shapes
    ],
)
def test_search_on_the_reported_shapes_is_marked(change, own_shapes, tuned):
    origin = make(search=replace(RESULT, **change), own_shapes=own_shapes)
    assert origin.tuned == tuned
    assert any("labels of" in note for note in origin.notes)


def test_classes_without_a_choice_are_listed():
    origin = make(search=replace(RESULT, sentences={"sofa": ["a wide seat."]}))  # nothing for chair
    assert origin.notes[-1] == "Nothing was chosen for chair, of which the search had no shapes."


def test_run_notes():
    settings = load_config(defaults(), None, ["DATASET.ROTATION", "vertical"])
    notes = run_notes(settings, EXTRACTOR, READER, {"chair": ["one", "two"]})
    assert notes[0] == "Of its weights."
    notes = notes[1:]
    assert notes[0] == "1 sentence(s) were truncated to the encoder's 77 tokens."
    assert "not research results" in notes[1]
    assert notes[2] == "Every shape was randomly rotated about the up axis (seed 0)."
    assert notes[3] == "2 damaged file(s) of cached features were replaced, such as a."
    assert notes[4] == "a, and likewise 4 more: 1."
    assert notes[5] == "1 bad shape(s) skipped, the first: x#4: NaN."


def test_notes_that_say_the_same_are_one():
    same = [f"{name}: The first column was left out." for name in "ab"]
    numbers = [f"{name}: {count} of 1,024 rows have NaN." for count, name in enumerate("abc", 1)]
    assert gathered([*same, *numbers, "About all."]) == [
        "a, and likewise 1 more: The first column was left out.",
        *numbers,
        "About all.",
    ]
    assert gathered([*numbers, "d: 7.5 of 1 rows have NaN."]) == ["a, and likewise 3 more: 1 of 1,024 rows have NaN."]
