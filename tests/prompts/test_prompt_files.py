"""The facts, the prompt files made from them, and the script that makes them."""

import copy
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointclip.errors import InputError
from pointclip.writing import build as b
from tests.endings import exit_code

NAMES = sorted(path.stem for path in (b.sources() / "facts").glob("*.json"))
MODELNET40 = """
    airplane bathtub bed bench bookshelf bottle bowl car chair cone cup curtain desk door dresser flower_pot glass_box
    guitar keyboard lamp laptop mantel monitor night_stand person piano plant radio range_hood sink sofa stairs stool
    table tent toilet tv_stand vase wardrobe xbox
"""
SCANOBJECTNN = "bag bin box cabinet chair desk display door shelf table bed pillow sink sofa toilet"
CHAIR = {
    "synonyms": ["seat", "stool with a back"],
    "facts": [f"a seat with {n} bars in its back" for n in range(20, 26)] + [f"seen {n} times" for n in range(20, 26)],
}


def facts_of(name):
    return json.loads(b.facts_path(name).read_text(encoding="utf-8"))


def rows_of(name):
    """(category or None, class or part, its facts entry, its committed sentences) for every list of a file."""
    made = json.loads(b.sentences_path(name).read_text(encoding="utf-8"))
    for category, label, entry in b.entries(facts_of(name)):
        yield category, label, entry, (made[category] if category else made)[label]


def test_bundled_data_sets_have_facts():
    assert {"modelnet40", "scanobjectnn", "shapenetpart"} <= set(NAMES)


@pytest.mark.parametrize(("name", "classes"), [("modelnet40", MODELNET40), ("scanobjectnn", SCANOBJECTNN)])
def test_classes_match_the_data_sets(name, classes):
    assert list(facts_of(name)) == classes.split()
    assert list(json.loads(b.sentences_path(name).read_text(encoding="utf-8"))) == classes.split()


@pytest.mark.parametrize("name", NAMES)
def test_committed_file_matches_build(name):
    assert b.sentences_path(name).read_text(encoding="utf-8") == b.to_json(b.build(facts_of(name)))


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_sufficient_and_unique(name):
    owner = {}
    for category, label, entry, _ in rows_of(name):
        assert len(set(entry["facts"])) >= 12, label
        for fact in entry["facts"]:
            key = re.sub(r"\W+", " ", fact.lower())
            assert owner.setdefault(key, (category, label)) == (category, label), fact


@pytest.mark.parametrize("name", NAMES)
def test_sentences_are_distinct_balanced_and_fit_clip(name):
    for _, label, _, sentences in rows_of(name):
        assert len(set(sentences)) == len(sentences) >= 200, label
        assert {len(block) for block in b.by_kind(sentences).values()} == {len(sentences) // 4}
        for sentence in sentences:
            assert b.token_count(sentence) <= 77, sentence
            assert sentence[0] == sentence[0].upper(), sentence
            assert re.search(r"[\w)]\.$", sentence), sentence
            assert not re.search(r"_|[{}]|  | ,|\b(\w+) \1\b", sentence), sentence


@pytest.mark.parametrize("name", NAMES)
def test_sentences_name_their_object_and_use_every_fact(name):
    for category, label, entry, sentences in rows_of(name):
        names = [entry.get("name", label).replace("_", " "), *entry["synonyms"]]
        for sentence in (s.lower() for s in sentences):
            assert any(word.lower() in sentence for word in names), sentence
            assert category is None or category.replace("_", " ") in sentence, sentence
        text = " ".join(sentences).lower()
        for fact in entry["facts"]:
            assert fact.lower() in text, fact


@pytest.mark.parametrize("name", NAMES)
def test_files_are_below_two_megabytes(name):
    assert b.sentences_path(name).stat().st_size < 2e6


def test_token_counts_match_clip():
    from open_clip import tokenize

    for sentence in ["A depth map of a chair.", "A grey, low-resolution depth image of a night stand: two drawers."]:
        assert b.token_count(sentence) == int((tokenize([sentence]) != 0).sum())


@pytest.mark.parametrize(
    ("phrase", "right"),
    [
        ("a airplane", "an airplane"),
        ("an chair", "a chair"),
        ("a xbox", "an xbox"),
        ("a urn", "an urn"),
        ("a upright piano", "an upright piano"),
        ("an uniform grey", "a uniform grey"),
        ("a L-shape and an U-shape", "an L-shape and a U-shape"),
        ("An one-seat sofa", "A one-seat sofa"),
        ("a obscure, an tilted", "an obscure, a tilted"),
        ("the data of a vase", "the data of a vase"),
    ],
)
def test_articles(phrase, right):
    assert b.fix_articles(phrase) == right


def test_sentences_of_parts_include_the_category():
    made = b.build({"chair": {"back_rest": CHAIR}})
    assert set(made) == {"chair"}
    assert made["chair"]["back_rest"][0].startswith("A depth map of the back rest of a chair, ")


def test_every_pattern_is_used_and_placeholders_are_known():
    patterns = b.load_patterns()
    assert tuple(patterns["kinds"]) == b.KINDS
    for kind, of_kind in patterns["kinds"].items():
        assert 24 <= len(set(of_kind)) == len(of_kind) <= b.PER_KIND, kind
        for pattern in of_kind:
            places = re.findall(r"\{([^{} ]+)", pattern)
            assert set(places) <= {"a", "the", "thing", "map", "poor", "look", "fact", "fact2", "noun"}, pattern
            assert {"a", "the"} & set(places), pattern


def test_by_kind_gives_the_blocks_in_order():
    assert b.by_kind(list("abcdefgh")) == {
        "caption": ["a", "b"],
        "question": ["c", "d"],
        "paraphrase": ["e", "f"],
        "words": ["g", "h"],
    }
    with pytest.raises(InputError, match="multiple of 4"):
        b.by_kind(list("abcde"))


def spoiled(change):
    entry = copy.deepcopy(CHAIR)
    change(entry)
    return {"chair": entry}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"chair": CHAIR, "sofa": CHAIR}, "describes both chair and sofa"),
        ({"chair": {"facts": CHAIR["facts"]}}, "expected .*synonyms"),
        ({"chair": "facts"}, "expected"),
        (["chair"], "expected"),
        ({}, "expected"),
        (spoiled(lambda e: e["facts"].pop()), "expected 12 or more"),
        (spoiled(lambda e: e["facts"].__setitem__(0, e["facts"][1])), "11 distinct facts of 12"),
        (spoiled(lambda e: e["facts"].__setitem__(0, "Ends. ")), "lower-case letter"),
        (spoiled(lambda e: e["facts"].__setitem__(0, 3)), "3 should"),
        (spoiled(lambda e: e["facts"].__setitem__(0, "an chair")), "wrong article"),
        (spoiled(lambda e: e["facts"].__setitem__(0, "with with a seat")), "doubled word"),
        (spoiled(lambda e: e["facts"].__setitem__(0, "a seat " + "of very dark oak " * 20 + "wood")), "tokens"),
        (spoiled(lambda e: e["synonyms"].clear()), "0 synonyms"),
        (spoiled(lambda e: e.__setitem__("facts", [f"seen {n} times" for n in range(20, 40)])), "noun phrases"),
    ],
)
def test_bad_facts_are_rejected_in_one_sentence(facts, message):
    with pytest.raises(InputError, match=message) as caught:
        b.build(facts)
    assert "\n" not in str(caught.value)


@settings(deadline=None, max_examples=25)
@given(st.text("bcdfgklmnprstvxyz", min_size=3, max_size=12), st.integers(12, 30))
def test_any_name_and_number_of_facts_give_distinct_sentences(name, count):
    facts = [f"a seat with {n} bars" if n % 3 == 0 else f"seen {n} times" for n in range(20, 20 + count)]
    sentences = b.build({name: {"synonyms": CHAIR["synonyms"], "facts": facts}})[name]
    assert len(set(sentences)) == 4 * b.PER_KIND
    assert set(facts) == {fact for fact in facts if any(fact in s.lower() for s in sentences)}


def test_main_builds_a_file_and_reports_errors(tmp_path, monkeypatch, capsys):
    facts = tmp_path / "prompts" / "facts"
    facts.mkdir(parents=True)
    (facts.parent / "patterns.yaml").write_bytes((b.sources() / "patterns.yaml").read_bytes())
    (facts / "mine.json").write_text(json.dumps({"chair": CHAIR}))
    (facts / "parts.json").write_text(json.dumps({"chair": {"seat": CHAIR}}))
    for name, value in {"CHECKOUT": "", "HOUSE": "", "CLASS_PROMPTS": "cls", "PART_PROMPTS": "seg"}.items():
        monkeypatch.setattr(b, name, tmp_path / value)
    assert exit_code(b.main, ["mine"]) == 0
    first = (tmp_path / "cls" / "mine.json").read_bytes()
    assert exit_code(b.main, []) == 0
    assert (tmp_path / "cls" / "mine.json").read_bytes() == first
    assert list(json.loads((tmp_path / "seg" / "parts.json").read_text(encoding="utf-8"))["chair"]) == ["seat"]
    assert exit_code(b.main, ["other"]) == 2
    assert "No facts called 'other'" in capsys.readouterr().err
    (facts / "broken.json").write_text("{")
    assert exit_code(b.main, ["broken"]) == 2
    assert "not valid JSON" in capsys.readouterr().err
    assert not (tmp_path / "cls" / "broken.json").exists()
    monkeypatch.setattr(b, "CHECKOUT", None)
    assert exit_code(b.main, ["mine"]) == 2
    assert "run prompts/build.py in a checkout" in capsys.readouterr().err
