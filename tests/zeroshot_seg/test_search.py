"""--search and SEARCHED in segmentation, end to end, with a tiny encoder."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from pointclip.datasets.synthetic import PART_NAMES
from pointclip.encoder import load_encoder
from zeroshot_seg import search as search_module
from zeroshot_seg.main import main

CONFIG = Path(__file__).parents[2] / "zeroshot_seg" / "configs" / "demo.yaml"
BOTH = "prompts,weights"
SMALL = ["DATASET.NUM_POINTS", "300", "DATASET.CATEGORIES", "mug, lamp", "DATASET.MAX_SHAPES", "6"]
SMALL += ["SEARCH.VALUES", "0.25, 1", "SEARCH.FIXED_VIEWS", "6"]


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(4)
    return load_encoder("tiny-vit", None, precision="fp32")


@pytest.fixture
def run(encoder, tmp_path, monkeypatch):
    """Run main() with the tiny encoder and three sentences a part; returns what metrics.json holds."""
    monkeypatch.setattr("pointclip.runs.opening.load_encoder", lambda *_: encoder)
    monkeypatch.setattr("zeroshot_seg.results.write_segmentation_report", lambda *_: None)
    prompts = {
        name: {part: [f"{word} {part}." for word in ("a", "one", "some grey")] for part in parts}
        for name, parts in PART_NAMES.items()
    }
    (tmp_path / "prompts.json").write_text(json.dumps(prompts))

    def run(*words: object, output: str = "out") -> dict:
        places = ["OUTPUT", tmp_path / output, "PROMPTS.FILE", tmp_path / "prompts.json"]
        return main(["--quiet", "--config", *map(str, [CONFIG, *SMALL, *places, *words])])

    return run


@pytest.mark.parametrize("rule", ["standard", "skip"])
@pytest.mark.parametrize("protocol", ["standard", "published"])
def test_the_score_is_that_of_the_run_it_leads_to(run, protocol, rule, tmp_path):
    """Chosen on the very shapes that are reported: the search's arithmetic and the evaluation's must agree.

    The search sums in float64, the evaluation in float32: a point with two nearly equal logits may get another label,
    which changes a shape of 300 points by some 0.3 %, the mean of six by less than 0.1 %.
    """
    words = ("PROTOCOL", protocol, "IOU_RULE", rule)
    metrics = run("--search", BOTH, "--search-split", "test", *words)
    assert metrics["instance_miou"] == pytest.approx(metrics["searched"]["score"], abs=0.1)
    assert metrics["tuned_on_test_labels"] is True
    scores = yaml.safe_load((tmp_path / "out/demo/searched.yaml").read_text())["scores"]
    for name, score in metrics["category_miou"].items():
        assert score == pytest.approx(scores[name], abs=0.3)
    assert metrics["instance_miou"] > run(*words, output="plain")["instance_miou"]


def test_choosing_on_train_and_taking_the_outcome_later(run, tmp_path):
    first = run("--search", BOTH)
    path = tmp_path / "out/demo/searched.yaml"
    outcome = yaml.safe_load(path.read_text())
    assert outcome["split"] == "train"
    assert {name: list(own) for name, own in outcome["sentences"].items()} == {
        name: list(PART_NAMES[name]) for name in ("mug", "lamp")
    }
    later = run("SEARCHED", path, "PROMPTS.FILE", "", output="later")
    del first["shapes_per_second"], later["shapes_per_second"]
    assert json.dumps(later) == json.dumps(first)


def test_a_second_search_encodes_nothing_and_needs_little_memory(run, encoder, monkeypatch):
    first = run("--search", BOTH)
    for name in ("encode_patches", "encode_text"):
        monkeypatch.setattr(encoder, name, lambda *_: pytest.fail("these features were kept"))
    assert run("--search", BOTH)["searched"] == first["searched"]
    monkeypatch.setattr(search_module, "MAX_BYTES", 0)  # features are recomputed on every access
    assert run("--search", BOTH)["searched"] == first["searched"]


def test_the_published_protocol_never_predicts_lamps_last_parts(run, tmp_path):
    run("--search", "prompts", "PROTOCOL", "published")
    outcome = yaml.safe_load((tmp_path / "out/demo/searched.yaml").read_text())
    assert len(outcome["sentences"]["lamp"]) == 2
    assert outcome["weights"] == {}


def test_categories_that_were_not_searched_keep_what_they_had_and_are_told(run, tmp_path):
    run("--search", BOTH, "DATASET.CATEGORIES", "mug")
    metrics = run("SEARCHED", tmp_path / "out/demo/searched.yaml", output="later")
    (note,) = [note for note in metrics["notes"] if "Nothing was chosen for" in note]
    assert "lamp" in note
    assert "mug" not in note
    assert np.isfinite(metrics["category_miou"]["lamp"])


def test_a_partial_search_and_its_later_run_agree(run, tmp_path):
    """Categories that were not searched begin with equal weights in both, not with the published ones."""
    first = run("--search", "weights", "DATASET.CATEGORIES", "mug", "VIEW_WEIGHTS", "published")
    words = ("SEARCHED", tmp_path / "out/demo/searched.yaml", "VIEW_WEIGHTS", "published")
    later = run(*words, output="later")
    assert later["category_miou"]["lamp"] == run(output="equal")["category_miou"]["lamp"]
    assert (first["tuned_on_test_labels"], later["tuned_on_test_labels"]) == (False, False)


def test_own_shapes_take_the_outcome_for_the_parts_they_have(run, tmp_path):
    run("--search", BOTH, "DATASET.CATEGORIES", "mug")
    np.save(tmp_path / "own.npy", np.random.default_rng(0).normal(size=(200, 3)))
    words = ("--input", tmp_path / "own.npy", "--category", "mug", "--parts", "cup, lid")
    cleared = ("DATASET.CATEGORIES", "", "DATASET.MAX_SHAPES", "0", "PROMPTS.FILE", "")
    metrics = run(*words, "SEARCHED", tmp_path / "out/demo/searched.yaml", *cleared)
    assert metrics["shapes"] == 1
