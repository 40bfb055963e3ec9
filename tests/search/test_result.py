"""The result of a search: its file, and applying it to sentences and view weights."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import yaml

from pointclip.config import defaults, load_config
from pointclip.errors import InputError
from pointclip.origin import Origin
from pointclip.prompts import PartSentences, Sentences
from pointclip.search.result import ALL, Chosen, SearchResult, describe, read_result, write_result
from pointclip.view_weights import ViewWeights, uniform_weights

RESULT = SearchResult(
    task="zero-shot classification",
    dataset="toy",
    split="train",
    shapes=7,
    data="abc",
    encoder="tiny",
    views=[0, 3],
    settings={"DATASET.ROTATION": "none"},
    procedure="by hand",
    tuned_on_test_labels=False,
    score=62.5,
    scores={},
    sentences={"night_stand": ["a grey night stand.", "“bedside”: a small table."]},
    weights={ALL: [0.75, 1.0]},
)
PARTS = replace(
    RESULT, task="parts", sentences={"Mug": {"cup": ["a cup."]}}, weights={"Mug": [1.0, 0.0]}, scores={"Mug": 50.0}
)


@pytest.mark.parametrize("result", [RESULT, PARTS, replace(RESULT, weights={}), replace(RESULT, sentences={})])
def test_round_trip(tmp_path, result):
    write_result(tmp_path / "s.yaml", result)
    assert read_result(tmp_path / "s.yaml", result.task, by_part=result is PARTS) == result


PLAIN, TUNED = Origin("plain"), Origin("tuned", "Chosen so.", True)
SENTENCES = Sentences({"Night stand": ["x"]}, TUNED)


def test_names_match_in_any_spelling():
    sentences, _ = RESULT.apply_to_classes(SENTENCES, uniform_weights(2), [0, 3])
    assert dict(sentences) == {"Night stand": RESULT.sentences["night_stand"]}
    with pytest.raises(InputError, match="not for 'sofa'"):
        RESULT.apply_to_classes(Sentences({"night stand": ["x"], "sofa": ["y"]}, PLAIN), uniform_weights(2), [0, 3])
    parts = PartSentences({"mug": {"Cup": ["x"], "handle": ["y"]}, "cap": {"peak": ["z"]}}, PLAIN)
    sentences, _ = PARTS.apply_to_parts(parts, {"mug": uniform_weights(2)}, [0, 3], ["mug"])
    assert sentences.by_category == {"mug": {"Cup": ["a cup."], "handle": ["y"]}, "cap": {"peak": ["z"]}}
    assert PARTS.missing(["mug", "cap"]) == ["cap"]
    assert RESULT.missing(["night_stand"]) == []


def test_origins_after_applying_a_search():
    weights = ViewWeights(torch.ones(2), TUNED)
    chosen, weighted = RESULT.apply_to_classes(SENTENCES, weights, [0, 3])
    assert chosen.origin == Origin("2 sentences per class, searched on toy (train, 7 shapes)")
    assert weighted.origin == Origin("searched on toy (train, 7 shapes)")
    assert replace(RESULT, sentences={}).apply_to_classes(SENTENCES, weights, [0, 3])[0] is SENTENCES
    assert replace(RESULT, weights={}).apply_to_classes(SENTENCES, weights, [0, 3])[1] is weights
    marked = replace(RESULT, tuned_on_test_labels=True).apply_to_classes(SENTENCES, weights, [0, 3])
    assert all(choice.origin.tuned for choice in marked)


@pytest.mark.parametrize(("read", "tuned", "note"), [(["mug"], False, ""), (["mug", "cap"], True, "Chosen so.")])
def test_unchanged_parts_keep_their_origin(read, tuned, note):
    parts = PartSentences({"mug": {"cup": ["x"]}, "cap": {"peak": ["z"]}}, TUNED)
    sentences, _ = PARTS.apply_to_parts(parts, {}, [0, 3], read)
    assert (sentences.origin.tuned, sentences.origin.note) == (tuned, note)


@pytest.mark.parametrize(
    ("split", "start", "tuned"),
    [
        ("train", [PLAIN, PLAIN], False),
        ("test", [PLAIN, PLAIN], True),
        ("test_hard", [PLAIN, PLAIN], True),
        ("train", [PLAIN, TUNED], True),
    ],
)
def test_a_search_that_uses_test_labels_is_marked(split, start, tuned):
    settings = load_config(defaults(), None, ["DATASET.SPLIT", split, "PROMPTS.FILE", "p.json"])
    chosen = Chosen(shapes=3, tried=5, score=50.0, sentences={"chair": ["a seat."]}, weights={ALL: [1.0]})
    reader, encoder = SimpleNamespace(fingerprint="abc"), SimpleNamespace(name="tiny")
    result = describe(chosen, "t", ["weights"], settings, reader, encoder, [0], start)
    assert result.tuned_on_test_labels == tuned
    assert (result.sentences, result.weights) == ({}, {ALL: [1.0]})  # what was not searched for is left out


def test_weights_are_matched_to_views_by_number():
    assert RESULT.weights_for(ALL, [3, 0], torch.ones(2)).tolist() == [1.0, 0.75]
    assert RESULT.weights_for(ALL, [3], torch.ones(1)).tolist() == [1.0]
    assert PARTS.weights_for("cap", [0, 3], torch.ones(2)).tolist() == [1.0, 1.0]
    with pytest.raises(InputError, match="for views 0, 3, but not for view 5"):
        RESULT.weights_for(ALL, [0, 5], torch.ones(2))


def test_differences_from_the_search_are_noted():
    settings = load_config(defaults(), None, ["DATASET.ROTATION", "vertical"])
    assert RESULT.differences(load_config(defaults(), None), "tiny") == []
    assert RESULT.differences(settings, "another") == [
        "The sentences and view weights were chosen with another encoder, tiny.",
        "The sentences and view weights were chosen with DATASET.ROTATION none, but are used with vertical.",
    ]


def test_older_files_have_old_names_of_settings(tmp_path):
    write_result(tmp_path / "searched.yaml", replace(RESULT, settings={"DATASET.TURN": "up"}))
    assert read_result(tmp_path / "searched.yaml", RESULT.task).settings == {"DATASET.ROTATION": "vertical"}


@pytest.mark.parametrize(
    ("shown", "split", "expected"),
    [
        (("toy", "test", "x"), "train", "on the labels of toy (train, 7 shapes)."),
        (("toy", "train", "x"), "train", "of the reported split itself; not zero-shot"),
        (("other", "test", "abc"), "train", "of the reported split itself; not zero-shot"),  # the same shapes
        (("other", "test", "x"), "test", "of a test split, toy (test, 7 shapes); not strictly zero-shot"),
    ],
)
def test_note(shown, split, expected):
    assert expected in replace(RESULT, split=split).note(*shown)


BAD = [
    ("nothing", None, "is not the result of a search"),
    ("a list", [1], "is not the result of a search"),
    ("no split", {k: v for k, v in RESULT.__dict__.items() if k != "split"}, "is not the result of a search"),
    ("another task", {**RESULT.__dict__, "task": "cooking"}, "is for cooking, but this is"),
    ("empty", {**RESULT.__dict__, "sentences": {}, "weights": {}}, "invalid entry '(sentences|weights)'"),
    ("no list", {**RESULT.__dict__, "sentences": {"chair": "a chair"}}, "invalid entry '(sentences|weights)'"),
    ("words as weights", {**RESULT.__dict__, "weights": {ALL: ["much"]}}, "invalid entry '(sentences|weights)'"),
    ("infinite", {**RESULT.__dict__, "weights": {ALL: [float("inf")]}}, "invalid entry '(sentences|weights)'"),
    ("weights of other views", {**RESULT.__dict__, "weights": {ALL: [1.0]}}, "invalid entry '(sentences|weights)'"),
    ("parts of a class", {**RESULT.__dict__, "sentences": {"car": {"door": ["x"]}}}, "invalid entry 'sentences'"),
    ("weights of a category", {**RESULT.__dict__, "weights": {"car": [1.0, 1.0]}}, "invalid entry 'weights'"),
    ("two spellings", {**RESULT.__dict__, "sentences": {"car": ["x"], "CAR": ["y"]}}, "invalid entry 'sentences'"),
    ("a mark as text", {**RESULT.__dict__, "tuned_on_test_labels": "no"}, "invalid entry 'tuned_on_test_labels'"),
    ("views twice", {**RESULT.__dict__, "views": [1, 1]}, "invalid entry 'views'"),
    ("no number of shapes", {**RESULT.__dict__, "shapes": "many"}, "invalid entry 'shapes'"),
    ("all zero", {**RESULT.__dict__, "weights": {ALL: [0.0, 0.0]}}, "invalid entry '(sentences|weights)'"),
]


@pytest.mark.parametrize(("values", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_invalid_files_are_rejected(tmp_path, values, message):
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match=message):
        read_result(tmp_path / "s.yaml", RESULT.task)


def test_unreadable_files_are_rejected(tmp_path):
    with pytest.raises(InputError, match="Cannot read SEARCHED"):
        read_result(tmp_path / "none.yaml", RESULT.task)
    (tmp_path / "s.yaml").write_text("a: [")
    with pytest.raises(InputError, match="not valid YAML"):
        read_result(tmp_path / "s.yaml", RESULT.task)
