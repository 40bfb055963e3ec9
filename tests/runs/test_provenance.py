"""Where sentences and view weights came from, and what is marked as tuned on test labels."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pointclip.config import defaults, load_config
from pointclip.origin import Origin
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


def of(prompts=PLAIN, weights=PLAIN, search=None, own=False):
    return provenance(SETTINGS, (prompts, weights), search, ENCODER, READER, own)


@pytest.mark.parametrize(("prompts", "weights"), [(PLAIN, PLAIN), (TUNED, PLAIN), (PLAIN, TUNED), (TUNED, TUNED)])
def test_one_mark_of_two_is_enough(prompts, weights):
    found = of(prompts, weights)
    assert (found.prompts, found.view_weights) == (prompts.words, weights.words)
    assert found.tuned == (prompts.tuned or weights.tuned)
    assert len(found.notes) == prompts.tuned + weights.tuned


@pytest.mark.parametrize(
    ("change", "own", "tuned"),
    [
        ({}, False, False),
        ({"dataset": "synthetic", "split": "test"}, False, True),  # the split itself
        ({"dataset": "synthetic", "split": "test"}, True, False),  # own shapes are of no split
        ({"data": "abc"}, True, True),  # the very shapes
    ],
)
def test_a_search_on_what_is_reported_is_marked(change, own, tuned):
    found = of(search=replace(RESULT, **change), own=own)
    assert found.tuned == tuned
    assert any("labels of" in note for note in found.notes)


def test_classes_that_nothing_was_chosen_for_are_named():
    partly = of(search=replace(RESULT, sentences={"sofa": ["a wide seat."]}))  # nothing for chair, which is shown
    assert partly.notes[-1] == "Nothing was chosen for chair: no shape of theirs was searched on."


def test_notes_on_cut_sentences_demo_turned_and_bad_shapes():
    settings = load_config(defaults(), None, ["DATASET.TURN", "up"])
    notes = run_notes(settings, EXTRACTOR, READER, {"chair": ["one", "two"]})
    assert notes[0] == "Of its weights."
    notes = notes[1:]
    assert notes[0] == "1 sentence(s) were cut after the 77 tokens that the encoder reads."
    assert "no research results" in notes[1]
    assert notes[2] == "Every shape was turned at random about the up axis (seed 0)."
    assert notes[3] == "2 file(s) of kept features were damaged and made anew, such as a."
    assert notes[4:8] == ["a: 1.", "b: 2.", "c: 3.", "2 more shape(s) have notes of this kind."]
    assert notes[8] == "1 bad shape(s) left out, the first: x#4: NaN."
