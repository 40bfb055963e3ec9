"""What stands below every table."""

import json

import numpy as np
import pytest

from pointclip.config import defaults, load_config
from pointclip.run import prompts_in_words, standing_notes, table, write_json


@pytest.mark.parametrize(
    ("file", "noted"), [("prompts/modelnet40.json", False), ("prompts/published/modelnet40_rn50.json", True)]
)
def test_searched_sentences_are_marked(file, noted):
    settings = load_config(defaults(), None, ["PROMPTS.FILE", file, "ENCODER.NAME", "RN50"])
    assert (
        any("sentences were chosen on the labels of the test split" in n for n in standing_notes(settings, "", {}))
        is noted
    )


def test_notes_on_weights_demo_and_bad_shapes():
    notes = standing_notes(load_config(defaults(), None), "chosen on test labels.", {4: "x#4: NaN."})
    assert notes[0] == "chosen on test labels."
    assert "no research results" in notes[1]
    assert notes[2] == "1 bad shape(s) left out, the first: x#4: NaN."


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
