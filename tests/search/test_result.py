"""The file of a search's outcome."""

from dataclasses import replace

import pytest
import torch
import yaml

from pointclip.config import defaults, load_config
from pointclip.errors import InputError
from pointclip.search.result import ALL, Searched, read_searched, write_searched

OUTCOME = Searched(
    task="zero-shot classification",
    dataset="toy",
    split="train",
    shapes=7,
    data="abc",
    encoder="tiny",
    views=[0, 3],
    settings={"DATASET.TURN": "none"},
    procedure="by hand",
    tuned_on_test_labels=False,
    score=62.5,
    scores={},
    sentences={"night_stand": ["a grey night stand.", "“bedside”: a small table."]},
    weights={ALL: [0.75, 1.0]},
)
PARTS = replace(
    OUTCOME, task="parts", sentences={"Mug": {"cup": ["a cup."]}}, weights={"Mug": [1.0, 0.0]}, scores={"Mug": 50.0}
)


@pytest.mark.parametrize("outcome", [OUTCOME, PARTS, replace(OUTCOME, weights={}), replace(OUTCOME, sentences={})])
def test_it_comes_back_as_it_was(tmp_path, outcome):
    write_searched(tmp_path / "s.yaml", outcome)
    assert read_searched(tmp_path / "s.yaml", outcome.task, by_part=outcome is PARTS) == outcome


def test_names_may_be_spelt_otherwise():
    assert OUTCOME.class_sentences(["Night stand"]) == {"Night stand": OUTCOME.sentences["night_stand"]}
    with pytest.raises(InputError, match="not of 'sofa'"):
        OUTCOME.class_sentences(["night stand", "sofa"])
    assert PARTS.part_sentences("mug", {"Cup": ["x"], "handle": ["y"]}) == {"Cup": ["a cup."], "handle": ["y"]}
    assert PARTS.part_sentences("cap", {"peak": ["z"]}) == {"peak": ["z"]}
    assert PARTS.without(["mug", "cap"]) == ["cap"]
    assert OUTCOME.without(["night_stand"]) == []


def test_weights_go_to_the_views_they_are_of():
    assert OUTCOME.weights_for(ALL, [3, 0], torch.ones(2)).tolist() == [1.0, 0.75]
    assert OUTCOME.weights_for(ALL, [3], torch.ones(1)).tolist() == [1.0]
    assert PARTS.weights_for("cap", [0, 3], torch.ones(2)).tolist() == [1.0, 1.0]
    with pytest.raises(InputError, match="of views 0, 3, and view 5 has none"):
        OUTCOME.weights_for(ALL, [0, 5], torch.ones(2))


def test_what_differs_from_the_search_is_told():
    settings = load_config(defaults(), None, ["DATASET.TURN", "up"])
    assert OUTCOME.differences(load_config(defaults(), None), "tiny") == []
    assert OUTCOME.differences(settings, "another") == [
        "The sentences and view weights were chosen with another encoder, tiny.",
        "The sentences and view weights were chosen with DATASET.TURN none, and are used with up.",
    ]


@pytest.mark.parametrize(
    ("shown", "split", "expected"),
    [
        (("toy", "test", "x"), "train", "on the labels of toy (train, 7 shapes)."),
        (("toy", "train", "x"), "train", "of the very split that is reported; not zero-shot"),
        (("other", "test", "abc"), "train", "of the very split that is reported; not zero-shot"),  # the same shapes
        (("other", "test", "x"), "test", "of a test split, toy (test, 7 shapes); not strictly zero-shot"),
    ],
)
def test_what_a_reader_is_told(shown, split, expected):
    assert expected in replace(OUTCOME, split=split).note(*shown)


BAD = [
    ("nothing", None, "no outcome of a search"),
    ("a list", [1], "no outcome of a search"),
    ("no split", {k: v for k, v in OUTCOME.__dict__.items() if k != "split"}, "no outcome of a search"),
    ("another task", {**OUTCOME.__dict__, "task": "cooking"}, "is of cooking, but this is"),
    ("empty", {**OUTCOME.__dict__, "sentences": {}, "weights": {}}, "holds another (sentences|weights)"),
    ("no list", {**OUTCOME.__dict__, "sentences": {"chair": "a chair"}}, "holds another (sentences|weights)"),
    ("words as weights", {**OUTCOME.__dict__, "weights": {ALL: ["much"]}}, "holds another (sentences|weights)"),
    ("infinite", {**OUTCOME.__dict__, "weights": {ALL: [float("inf")]}}, "holds another (sentences|weights)"),
    ("weights of other views", {**OUTCOME.__dict__, "weights": {ALL: [1.0]}}, "holds another (sentences|weights)"),
    ("parts of a class", {**OUTCOME.__dict__, "sentences": {"car": {"door": ["x"]}}}, "holds another sentences"),
    ("weights of a category", {**OUTCOME.__dict__, "weights": {"car": [1.0, 1.0]}}, "holds another weights"),
    ("two spellings", {**OUTCOME.__dict__, "sentences": {"car": ["x"], "CAR": ["y"]}}, "holds another sentences"),
    ("a mark as text", {**OUTCOME.__dict__, "tuned_on_test_labels": "no"}, "holds another tuned_on_test_labels"),
    ("views twice", {**OUTCOME.__dict__, "views": [1, 1]}, "holds another views"),
    ("no number of shapes", {**OUTCOME.__dict__, "shapes": "many"}, "holds another shapes"),
    ("all zero", {**OUTCOME.__dict__, "weights": {ALL: [0.0, 0.0]}}, "holds another (sentences|weights)"),
]


@pytest.mark.parametrize(("values", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_files_are_told(tmp_path, values, message):
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match=message):
        read_searched(tmp_path / "s.yaml", OUTCOME.task)


def test_files_that_cannot_be_read_are_told(tmp_path):
    with pytest.raises(InputError, match="Cannot read SEARCHED"):
        read_searched(tmp_path / "none.yaml", OUTCOME.task)
    (tmp_path / "s.yaml").write_text("a: [")
    with pytest.raises(InputError, match="not valid YAML"):
        read_searched(tmp_path / "s.yaml", OUTCOME.task)
