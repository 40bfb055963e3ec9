"""Prompt files, the sentences of classes and parts, and their origin."""

import json

import pytest

from pointclip.errors import InputError
from pointclip.origin import Origin
from pointclip.prompts import PromptFile, class_sentences, open_prompts, part_sentences, read_prompts

TEMPLATE = "a depth map of a {}."
PART_TEMPLATE = "the {} of a {category}"


def of_classes(names, entries, template=TEMPLATE):
    return dict(class_sentences(names, PromptFile(entries, "x.json"), template))


def of_parts(parts, entries):
    return part_sentences(parts, PromptFile(entries, "x.json"), PART_TEMPLATE).by_category


def test_names_match_with_spaces_or_underscores():
    result = of_classes(["night_stand", "tv stand"], {"night stand": ["low"], "tv_stand": ["wide"]}, TEMPLATE)
    assert result == {"night_stand": ["low"], "tv stand": ["wide"]}


def test_class_without_sentences_uses_the_template():
    result = of_classes(["chair", "night_stand"], {"chair": ["a seat"]}, TEMPLATE)
    assert result["night_stand"] == ["a depth map of a night stand."]
    assert of_classes(["x"], {}, TEMPLATE) == {"x": ["a depth map of a x."]}


@pytest.mark.parametrize(
    ("names", "prompts", "words"),
    [
        ([], {}, "at least one"),
        (["a", ""], {}, "is empty"),
        (["a_b", "a b"], {}, "'a b' are given more than once"),
        (["a"], {"b": ["x"]}, "have sentences for 'b', but for none of 'a'"),
        (["A", "a"], {}, "'a' are given more than once"),
        (["night stand"], {"night_stand": ["x"], "Night stand": ["y"]}, "more than one spelling"),
        (["a"], {"a": {"part": ["x"]}}, "are for parts"),
    ],
)
def test_bad_names(names, prompts, words):
    with pytest.raises(InputError, match=words):
        of_classes(names, prompts, TEMPLATE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[1]", "has another structure; expected {class"),
        ("{}", "has another structure; expected {class"),
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


def test_template_needs_a_placeholder():
    with pytest.raises(InputError, match="in place of"):
        of_classes(["a"], {}, "a {category}")


def test_categories_match_in_any_spelling():
    entries = {"Chair": {"Seat": ["flat"]}}
    result = of_parts({"chair": ["seat", "leg"], "mug": ["cup"]}, entries)
    assert result == {"chair": {"seat": ["flat"], "leg": ["the leg of a chair"]}, "mug": {"cup": ["the cup of a mug"]}}
    with pytest.raises(InputError, match="are for a class; use a file with sentences per part"):
        of_parts({"mug": ["cup"]}, {"mug": ["round"]})


def test_part_names_include_the_category():
    sentences = part_sentences({"chair": ["leg"], "table": ["leg"]}, PromptFile(), PART_TEMPLATE)
    assert sentences.flat() == {"leg of chair": ["the leg of a chair"], "leg of table": ["the leg of a table"]}


def write_marked(folder, entries, origin="origin: Chosen so.\ntuned_on_test_labels: true\n"):
    """A prompt file with an origin file beside it."""
    (folder / "x.json").write_text(json.dumps(entries))
    (folder / "x.origin.yaml").write_text(origin)
    return folder / "x.json"


def test_origin_describes_file_and_template():
    entries = {"chair": ["one", "two"]}
    mixed = class_sentences(["chair", "night_stand"], PromptFile(entries, "x.json"), TEMPLATE).origin
    assert mixed == Origin(f"x.json, 1 to 2 sentences per class, averaged; the template “{TEMPLATE}” for night_stand")
    whole = class_sentences(["chair"], PromptFile(entries, "x.json"), TEMPLATE).origin
    assert whole == Origin("x.json, 2 sentences per class, averaged")
    assert class_sentences(["chair"], PromptFile(), TEMPLATE).origin == Origin(f"the template “{TEMPLATE}”")
    parts = part_sentences(
        {"chair": ["seat"], "mug": ["cup"]}, PromptFile({"chair": {"seat": ["flat"]}}, "x.json"), TEMPLATE
    )
    assert parts.origin.words == f"x.json, 1 sentence per part, averaged; the template “{TEMPLATE}” for cup of mug"


@pytest.mark.parametrize("names", [["chair", "mug"], ["mug"], ["chair", "sofa"]])
def test_marked_file_marks_its_sentences(names, tmp_path):
    """Also one whose sentence for a mug is the template's."""
    entries = {"chair": ["a depth map of a chair with four legs."], "mug": [TEMPLATE.format("mug")]}
    origin = class_sentences(names, open_prompts(write_marked(tmp_path, entries)), TEMPLATE).origin
    assert origin.tuned
    assert origin.note == "Chosen so."
    assert origin.words.startswith("x.json, 1 sentence per class, averaged")
    assert origin.words.endswith("for sofa") == ("sofa" in names)


def test_marked_file_marks_only_the_parts_it_contains(tmp_path):
    prompts = open_prompts(write_marked(tmp_path, {"mug": {"cup": ["the cup of a mug"]}}))
    assert part_sentences({"mug": ["cup"], "cap": ["peak"]}, prompts, PART_TEMPLATE).origin.tuned
    assert not part_sentences({"cap": ["peak"]}, prompts, PART_TEMPLATE).origin.tuned  # all by the template


@pytest.mark.parametrize(
    "text",
    ["origin: Chosen so.", "origin: so\ntuned_on_test_labels: 'false'", "[1]", "a: [", "a: 2020-99-99"],
)
def test_bad_origin_files(text, tmp_path):
    with pytest.raises(InputError, match=r"x\.origin\.yaml (needs origin|is not valid YAML)"):
        open_prompts(write_marked(tmp_path, {"chair": ["a seat."]}, text))


def test_no_file_and_no_origin(tmp_path):
    assert open_prompts("") == PromptFile()
    (tmp_path / "p.json").write_text('{"chair": ["a seat."]}')
    assert open_prompts(tmp_path / "p.json") == PromptFile({"chair": ["a seat."]}, "p.json")


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.json").write_text('{"chair": ["a seat"]}')
    assert read_prompts("~/own.json") == {"chair": ["a seat"]}
