"""SEARCH.START published: a search that starts from the paper's sentences and view weights, in both tasks."""

import json

import pytest
import torch
import yaml

import zeroshot_cls.main
import zeroshot_seg.main
from pointclip.datasets.shapenetpart_labels import CATEGORIES, PART_NAMES
from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from pointclip.published import published_start
from tests.tasks import ROOT

WORDS = ("a", "one", "some grey")
PUBLISHED = WORDS[2]  # which sentence of each name is the published one
SMALL = ["DATASET.MAX_SHAPES", 6, "DATASET.NUM_POINTS", 64, "REPORT", False, "SEARCH.SWEEPS", 1]
TASKS = {
    "zeroshot_cls": (zeroshot_cls.main.main, lambda word: {name: [f"{word} {name}."] for name in CATEGORIES}),
    "zeroshot_seg": (
        zeroshot_seg.main.main,
        lambda word: {name: {part: [f"{word} {part}."] for part in parts} for name, parts in PART_NAMES.items()},
    ),
}


def joined(first, *others):
    """Prompts with the sentences of all."""
    if isinstance(first, list):
        return sum(others, first)
    return {name: joined(entry, *(other[name] for other in others)) for name, entry in first.items()}


@pytest.fixture(params=TASKS)
def run(request, tmp_path, monkeypatch):
    """Search with a tiny encoder; returns metrics.json and searched.yaml."""
    main, prompts_of = TASKS[request.param]
    torch.manual_seed(4)
    encoder = load_encoder("tiny-vit", None, precision="fp32")
    monkeypatch.setattr("pointclip.runs.opening.load_encoder", lambda *_: encoder)
    monkeypatch.setattr("pointclip.published.PUBLISHED_PROMPTS", tmp_path / "published")
    monkeypatch.setattr("pointclip.published.PublishedSets.name", lambda *_: "modelnet40_vit_b16")
    (tmp_path / "published").mkdir()
    published = tmp_path / "published" / "modelnet40_vit_b16.json"
    published.write_text(json.dumps(prompts_of(PUBLISHED)))
    (tmp_path / "prompts.json").write_text(json.dumps(joined(*map(prompts_of, WORDS))))

    def run(*words):
        places = ["OUTPUT", tmp_path / "out", "PROMPTS.FILE", tmp_path / "prompts.json"]
        config = ROOT / request.param / "configs" / "demo.yaml"
        metrics = main(["--quiet", "--config", *map(str, [config, *SMALL, *places, *words])])
        return metrics, yaml.safe_load((tmp_path / "out" / "demo" / "searched.yaml").read_text())

    return run


def test_search_starts_from_the_papers_sentences_and_is_marked(run):
    metrics, result = run("--search", "prompts", "--search-split", "val", "SEARCH.START", "published")
    assert "starting from the paper's sentences" in result["procedure"]
    assert result["tuned_on_test_labels"] is True  # the published sentences were chosen on test labels
    assert metrics["tuned_on_test_labels"] is True
    entries = result["sentences"].values()
    groups = [group for entry in entries for group in (entry.values() if isinstance(entry, dict) else [entry])]
    kept = sum(group[0].startswith(PUBLISHED) for group in groups)
    assert kept > len(groups) / 3  # what raised no score stays as it began
    _, first = run("--search", "prompts", "--search-split", "val")
    assert first["tuned_on_test_labels"] is False
    assert first["sentences"] != result["sentences"]


def test_sentences_and_weights_can_be_searched(run):
    words = ("SEARCH.START", "published", "SEARCH.VALUES", "0.5, 1", "SEARCH.FIXED_VIEWS", 7)
    _, result = run("--search", "prompts,weights", "--search-split", "val", *words)
    assert result["weights"]
    assert result["tuned_on_test_labels"] is True


def test_published_start_needs_a_search_for_sentences(run):
    for words in (("--search", "weights"), ("--search", "prompts", "SEARCH.SENTENCES", "ensemble")):
        with pytest.raises(InputError, match=r"SEARCH\.START published needs --search prompts"):
            run(*words, "SEARCH.START", "published")


def test_published_start_indices():
    candidates = {"night_stand": ["low.", "wide."], "sofa": ["soft."], "lamp": ["tall."]}
    groups, places = published_start({"Night stand": ["wide."], "sofa": ["deep."]}, candidates)
    assert places == [1, 1, 0]
    assert groups["night_stand"] == candidates["night_stand"]
    assert groups["sofa"] == ["soft.", "deep."]  # it joins the candidates, behind them
    assert groups["lamp"] == ["tall."]  # nothing is published for it


def test_parts_without_a_published_sentence_start_from_their_first(run, tmp_path):
    """Such as lamp's last two parts under PROTOCOL standard."""
    path = tmp_path / "published" / "modelnet40_vit_b16.json"
    entries = json.loads(path.read_text())
    if isinstance(entries["lamp"], dict):
        entries["lamp"] = dict(list(entries["lamp"].items())[:2])
    else:
        del entries["lamp"]
    path.write_text(json.dumps(entries))
    words = ("--search", "prompts", "--search-split", "val", "SEARCH.START", "published", "DATASET.CATEGORIES", "lamp")
    assert run(*words)[1]["sentences"]["lamp"]
