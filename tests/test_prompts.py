"""Prompt files and the features that sentences become."""

import json

import pytest
import torch

from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from pointclip.features.extractor import text_features
from pointclip.prompts import part_sentences, read_prompts, sentences_for

TEMPLATE = "a depth map of a {}."


def test_names_match_with_spaces_or_underscores():
    found = sentences_for(["night_stand", "tv stand"], {"night stand": ["low"], "tv_stand": ["wide"]}, TEMPLATE)
    assert found == {"night_stand": ["low"], "tv stand": ["wide"]}


def test_a_class_without_sentences_gets_the_template():
    found = sentences_for(["chair", "night_stand"], {"chair": ["a seat"]}, TEMPLATE)
    assert found["night_stand"] == ["a depth map of a night stand."]
    assert sentences_for(["x"], {}, TEMPLATE) == {"x": ["a depth map of a x."]}


@pytest.mark.parametrize(
    ("names", "prompts", "words"),
    [
        ([], {}, "at least one"),
        (["a", ""], {}, "is empty"),
        (["a_b", "a b"], {}, "'a b' came more than once"),
        (["a"], {"b": ["x"]}, "have sentences for 'b', but for none of 'a'"),
        (["A", "a"], {}, "'a' came more than once"),
        (["night stand"], {"night_stand": ["x"], "Night stand": ["y"]}, "more than one spelling"),
        (["a"], {"a": {"part": ["x"]}}, "those of parts"),
    ],
)
def test_bad_names(names, prompts, words):
    with pytest.raises(InputError, match=words):
        sentences_for(names, prompts, TEMPLATE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[1]", "holds no"),
        ("{}", "holds no"),
        ('{"a": {}}', "for 'a'; write at least one"),
        ('{"a": ["x"], "a": ["y"]}', "names 'a' more than once"),
        ('{"a": []}', "for 'a'; write at least one"),
        ('{"a": ["x", " "]}', "for 'a'; write at least one"),
        ('{"a": "x"}', "for 'a'; write at least one"),
        ('{"a": ["x", "x"]}', "'x' more than once"),
        ('{"a": {"b": []}}', "for 'a / b'"),
    ],
)
def test_bad_files(text, words, tmp_path):
    path = tmp_path / "prompts.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_prompts(path)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="Cannot read the prompt file"):
        read_prompts(tmp_path / "none.json")


def test_a_template_needs_its_place():
    with pytest.raises(InputError, match="goes"):
        sentences_for(["a"], {}, "a {category}")


def test_parts_find_their_category_in_any_spelling():
    prompts = {"Chair": {"Seat": ["flat"]}}
    found = part_sentences("chair", ["seat", "leg"], prompts, "the {} of a {category}")
    assert found == {"seat": ["flat"], "leg": ["the leg of a chair"]}
    assert part_sentences("mug", ["cup"], prompts, "the {} of a {category}") == {"cup": ["the cup of a mug"]}
    with pytest.raises(InputError, match="those of a class"):
        part_sentences("mug", ["cup"], {"mug": ["round"]}, "the {} of a {category}")


def test_features_are_the_mean_of_unit_features(tmp_path):
    encoder = load_encoder("tiny-vit", None)
    sentences = {"chair": ["a chair.", "a seat with a back."], "table": ["a table."]}
    (tmp_path / "p.json").write_text(json.dumps(sentences))
    features = text_features(read_prompts(tmp_path / "p.json"), encoder)
    each = encoder.encode_text(["a chair.", "a seat with a back.", "a table."])
    expected = torch.stack([(each[0] + each[1]) / (each[0] + each[1]).norm(), each[2]])
    torch.testing.assert_close(features, expected)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.json").write_text('{"chair": ["a seat"]}')
    assert read_prompts("~/own.json") == {"chair": ["a seat"]}
