"""Where sentences and view weights came from, and what is marked as tuned on test labels."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pointclip.config import defaults, load_config
from pointclip.errors import InputError
from pointclip.runs.provenance import (
    Origin,
    origin_of_prompts,
    origin_of_weights,
    passed_on,
    provenance,
    standing_notes,
    weights_to_begin_with,
)
from pointclip.search.result import ALL, Searched

ENCODER = SimpleNamespace(
    name="tiny", notes=("Of its weights.",), context_length=77, count_cut=lambda sentences: len(sentences) - 1
)
READER = SimpleNamespace(
    notes=["a: 1.", "b: 2.", "c: 3.", "d: 4.", "e: 5."],
    fingerprint="abc",
    indices=[0, 2],
    bad={4: "x#4: NaN."},
    shapes=SimpleNamespace(class_names=("chair", "sofa"), labels=np.array([0, 1, 0])),
)
SETTINGS = load_config(defaults(), None)
FOUND = Searched(
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


def of(prompts=PLAIN, weights=PLAIN, searched=None, own=False):
    return provenance(SETTINGS, prompts, weights, searched, ENCODER, READER, own)


@pytest.mark.parametrize(("prompts", "weights"), [(PLAIN, PLAIN), (TUNED, PLAIN), (PLAIN, TUNED), (TUNED, TUNED)])
def test_what_the_settings_name_is_told(prompts, weights):
    found = of(prompts, weights)
    assert (found.prompts, found.view_weights) == (prompts.words, weights.words)
    assert found.tuned == (prompts.tuned or weights.tuned)
    assert len(found.notes) == prompts.tuned + weights.tuned


@pytest.mark.parametrize(
    ("change", "own", "tuned"),
    [
        ({}, False, False),
        ({"split": "test", "tuned_on_test_labels": True}, True, True),
        ({"tuned_on_test_labels": True}, False, True),  # chosen among what had been chosen on test labels
        ({"dataset": "synthetic", "split": "test"}, False, True),  # the very split
        ({"dataset": "synthetic", "split": "test"}, True, False),  # own shapes are of no split
        ({"data": "abc"}, True, True),  # the very shapes
    ],
)
def test_what_a_search_chose_on_test_labels_is_marked(change, own, tuned):
    assert of(searched=replace(FOUND, **change), own=own).tuned == tuned


def test_a_search_takes_the_place_of_what_it_sought_only():
    both = of(TUNED, TUNED, FOUND)
    assert not both.tuned
    assert both.prompts == "1 sentence a class, searched on toy (train, 2 shapes)"
    assert of(TUNED, PLAIN, replace(FOUND, sentences={})).tuned
    assert of(PLAIN, TUNED, replace(FOUND, weights={})).tuned
    partly = of(TUNED, PLAIN, replace(FOUND, sentences={"sofa": ["a wide seat."]}))  # nothing for chair, which is shown
    assert partly.tuned
    assert partly.notes[-1] == "Nothing was chosen for chair: no shape of theirs was searched on."


def test_what_a_search_began_with_stays_marked():
    assert not passed_on(FOUND, [PLAIN, PLAIN]).tuned_on_test_labels
    assert passed_on(FOUND, [PLAIN, TUNED]).tuned_on_test_labels


@pytest.mark.parametrize(
    ("sought", "searched", "begin"),
    [((), None, "a set"), (("prompts",), None, "a set"), (("weights",), None, "uniform"), ((), FOUND, "uniform")],
)
def test_searched_weights_begin_equal(sought, searched, begin):
    settings = load_config(defaults(), None, ["VIEW_WEIGHTS", "a set"])
    assert weights_to_begin_with(settings, sought, searched) == begin


def test_weights_with_a_note_are_marked():
    assert origin_of_weights("uniform", "") == Origin("uniform")
    assert origin_of_weights("x (published)", "chosen so").tuned


def test_where_sentences_come_from(tmp_path):
    settings = load_config(defaults(), None, ["PROMPTS.FILE", str(tmp_path / "x.json")])
    sentences = {"chair": ["one", "two"], "sofa": ["a depth map of a sofa."]}
    words = origin_of_prompts(settings, sentences, {"chair": ["one", "two"]}, "class").words
    assert words.startswith("x.json, 1 to 2 sentences a class")
    assert words.endswith("for sofa")
    own = {"chair": ["a seat with a back."], "sofa": ["a wide seat."]}
    assert origin_of_prompts(settings, own, own, "class") == Origin("x.json, 1 sentence a class, averaged")
    assert origin_of_prompts(settings, sentences, {}, "class").words == "the template “a depth map of a {}.”"


def test_a_prompt_file_may_say_where_it_comes_from(tmp_path):
    settings = load_config(defaults(), None, ["PROMPTS.FILE", str(tmp_path / "x.json")])
    own = {"chair": ["a seat."]}
    (tmp_path / "x.origin.yaml").write_text("origin: Chosen so.\ntuned_on_test_labels: true\n")
    assert origin_of_prompts(settings, own, own, "class") == Origin(
        "x.json, 1 sentence a class, averaged", "Chosen so.", True
    )
    for text in ("origin: Chosen so.", "origin: so\ntuned_on_test_labels: 'false'", "[1]", "a: [", "a: 2020-99-99"):
        (tmp_path / "x.origin.yaml").write_text(text)
        with pytest.raises(InputError, match=r"x\.origin\.yaml (does not hold origin|is not valid YAML)"):
            origin_of_prompts(settings, own, own, "class")


def test_notes_on_cut_sentences_demo_turned_and_bad_shapes():
    settings = load_config(defaults(), None, ["DATASET.TURN", "up"])
    notes = standing_notes(settings, ENCODER, READER, {"chair": ["one", "two"]})
    assert notes[0] == "Of its weights."
    notes = notes[1:]
    assert notes[0] == "1 sentence(s) were cut after the 77 tokens that the encoder reads."
    assert "no research results" in notes[1]
    assert notes[2] == "Every shape was turned at random about the up axis (seed 0)."
    assert notes[3:7] == ["a: 1.", "b: 2.", "c: 3.", "2 more shape(s) have notes of such a kind."]
    assert notes[7] == "1 bad shape(s) left out, the first: x#4: NaN."
