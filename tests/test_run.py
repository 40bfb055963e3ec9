"""What stands below every table."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pointclip.config import defaults, load_config
from pointclip.run import choice_notes, prompts_in_words, standing_notes, table, write_json
from pointclip.searched import Searched

ENCODER = SimpleNamespace(name="tiny", context_length=77, count_cut=lambda sentences: len(sentences) - 1)
READER = SimpleNamespace(
    fingerprint="abc",
    indices=[0, 2],
    bad={4: "x#4: NaN."},
    shapes=SimpleNamespace(class_names=("chair", "sofa"), labels=np.array([0, 1, 0])),
)
FOUND = Searched("t", "toy", "train", 2, "xyz", "tiny", "p", 50.0, {}, {"chair": ["a seat."]}, {})


@pytest.mark.parametrize(
    ("file", "weights_note", "tuned"),
    [
        ("prompts/modelnet40.json", "", False),
        ("prompts/published/modelnet40_rn50.json", "", True),
        ("prompts/modelnet40.json", "These were chosen on test labels.", True),
    ],
)
def test_what_was_published_as_chosen_on_test_labels_is_marked(file, weights_note, tuned):
    settings = load_config(defaults(), None, ["PROMPTS.FILE", file])
    notes, marked = choice_notes(settings, ENCODER, READER, weights_note, None, own=False)
    assert (len(notes), marked) == (int(tuned), tuned)


@pytest.mark.parametrize(
    ("change", "own", "tuned"),
    [
        ({}, False, False),
        ({"split": "test"}, True, True),
        ({"dataset": "synthetic", "split": "test"}, False, True),  # the very split
        ({"data": "abc"}, True, True),  # the very shapes
    ],
)
def test_what_a_search_chose_on_test_labels_is_marked(change, own, tuned):
    notes, marked = choice_notes(load_config(defaults(), None), ENCODER, READER, "", replace(FOUND, **change), own)
    assert (len(notes), marked) == (1, tuned)


def test_a_search_elsewhere_is_told():
    searched = replace(FOUND, encoder="another", sentences={"sofa": ["a wide seat."]})
    notes, _ = choice_notes(load_config(defaults(), None), ENCODER, READER, "", searched, own=False)
    assert notes[1:] == [
        "The sentences were chosen with another encoder, another.",
        "Nothing was chosen for chair: no shape of theirs was searched on.",
    ]


def test_notes_on_cut_sentences_demo_turned_and_bad_shapes():
    settings = load_config(defaults(), None, ["DATASET.TURN", "up"])
    notes = standing_notes(settings, ENCODER, READER, {"chair": ["one", "two"]})
    assert notes[0] == "1 sentence(s) were cut after the 77 tokens that the encoder reads."
    assert "no research results" in notes[1]
    assert notes[2] == "Every shape was turned at random about the up axis (seed 0)."
    assert notes[3] == "1 bad shape(s) left out, the first: x#4: NaN."


def test_names_that_got_the_template_are_told():
    settings = load_config(defaults(), None, ["PROMPTS.FILE", "prompts/x.json"])
    sentences = {"chair": ["one", "two"], "sofa": ["a depth map of a sofa."]}
    words = prompts_in_words(settings, sentences, {"chair": ["one", "two"]}, "class")
    assert words.startswith("x.json, 1 to 2 sentences a class")
    assert words.endswith("for sofa")
    own = {"chair": ["a seat with a back."], "sofa": ["a wide seat."]}
    assert prompts_in_words(settings, own, own, "class") == "x.json, 1 sentences a class, averaged"
    assert prompts_in_words(settings, sentences, {}, "class") == "the template “a depth map of a {}.”"


def test_json_without_nan(tmp_path):
    write_json(tmp_path / "m.json", {"a": np.float32(1.5), "b": float("nan"), 3: [np.int64(2), None], "c": "ü"})
    assert json.loads((tmp_path / "m.json").read_text()) == {"a": 1.5, "b": None, "3": [2, None], "c": "ü"}


def test_table_aligns():
    lines = table(["class", "n"], [["a", 10], ["longer", 2]]).splitlines()
    assert lines == ["class    n", "----------", "a       10", "longer   2"]
