"""--search and SEARCHED in segmentation, end to end, with a tiny encoder."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from pointclip.datasets.synthetic import PART_NAMES
from pointclip.encoder import load_encoder
from pointclip.errors import InputError
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
    """Run main() with the tiny encoder and three sentences per part; returns the content of metrics.json."""
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
def test_search_score_equals_the_runs_score(run, protocol, rule, tmp_path):
    """With a search on the reported shapes, the search's score and the evaluation must agree.

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


def test_search_on_train_and_use_the_result_later(run, tmp_path):
    first = run("--search", BOTH)
    path = tmp_path / "out/demo/searched.yaml"
    result = yaml.safe_load(path.read_text())
    assert result["split"] == "train"
    assert {name: list(by_part) for name, by_part in result["sentences"].items()} == {
        name: list(PART_NAMES[name]) for name in ("mug", "lamp")
    }
    later = run("SEARCHED", path, "PROMPTS.FILE", "", output="later")
    del first["shapes_per_second"], later["shapes_per_second"]
    assert json.dumps(later) == json.dumps(first)


def test_second_search_uses_the_cache_and_little_memory(run, encoder, monkeypatch):
    first = run("--search", BOTH)
    for name in ("encode_patches", "encode_text"):
        monkeypatch.setattr(encoder, name, lambda *_: pytest.fail("these features were kept"))
    assert run("--search", BOTH)["searched"] == first["searched"]
    monkeypatch.setattr(search_module, "MAX_BYTES", 0)  # features are recomputed on every access
    assert run("--search", BOTH)["searched"] == first["searched"]


def test_scrambled_features_share_the_cache(run, monkeypatch, tmp_path):
    """Cached features are in order; search and evaluation scramble them when they are read."""
    encoder = load_encoder("tiny-vit-14", None, precision="fp32")
    monkeypatch.setattr("pointclip.runs.opening.load_encoder", lambda *_: encoder)
    words = ("--search", BOTH, "--search-split", "test", "LOOKUP", "published", "PROTOCOL", "published")
    in_order = run(*words)
    encode, calls = encoder.encode_patches, []
    monkeypatch.setattr(encoder, "encode_patches", lambda images: calls.append(len(images)) or encode(images))
    metrics = run(*words, "FEATURES", "scrambled")
    assert calls == [1]  # the blank image that tells the number of patches
    assert (in_order["features"], metrics["features"]) == ("in_order", "scrambled")
    assert in_order["unseen_points"] > 0  # whose fixed parts count in both
    for summary in (in_order, metrics):
        assert summary["instance_miou"] == pytest.approx(summary["searched"]["score"], abs=0.1)
    assert in_order["instance_miou"] != metrics["instance_miou"]
    assert yaml.safe_load((tmp_path / "out/demo/searched.yaml").read_text())["settings"]["FEATURES"] == "scrambled"


@pytest.mark.parametrize("words", [(), ("--search", BOTH)])
def test_scrambled_features_of_another_grid_are_rejected_early(run, monkeypatch, words):
    for name in ("segment", "search_split"):
        monkeypatch.setattr(f"zeroshot_seg.main.{name}", lambda *_: pytest.fail("work had begun"))
    with pytest.raises(InputError, match="14 × 14 patches, but the encoder has 16"):
        run(*words, "FEATURES", "scrambled")


def test_parts_that_keep_marked_sentences_are_marked(run, tmp_path):
    """The search chose on other labels, but not for lamp's last two parts, which keep what a marked file has."""
    run("--search", "prompts", "PROTOCOL", "published")
    path = tmp_path / "out/demo/searched.yaml"
    assert run("SEARCHED", path, output="plain")["tuned_on_test_labels"] is False
    (tmp_path / "prompts.origin.yaml").write_text("origin: Chosen on test labels.\ntuned_on_test_labels: true\n")
    metrics = run("SEARCHED", path, output="marked")
    assert metrics["tuned_on_test_labels"] is True
    assert "Chosen on test labels." in metrics["notes"]
    assert "searched on synthetic (train, 6 shapes); the others: prompts.json" in metrics["prompts"]
    mug = run("SEARCHED", path, "DATASET.CATEGORIES", "mug", output="mug")  # all of whose parts were searched
    assert mug["tuned_on_test_labels"] is False


def test_the_published_protocol_never_predicts_lamps_last_parts(run, tmp_path):
    run("--search", "prompts", "PROTOCOL", "published")
    result = yaml.safe_load((tmp_path / "out/demo/searched.yaml").read_text())
    assert len(result["sentences"]["lamp"]) == 2
    assert result["weights"] == {}


def test_categories_not_searched_are_unchanged_and_noted(run, tmp_path):
    run("--search", BOTH, "DATASET.CATEGORIES", "mug")
    metrics = run("SEARCHED", tmp_path / "out/demo/searched.yaml", output="later")
    (note,) = [note for note in metrics["notes"] if "Nothing was chosen for" in note]
    assert "lamp" in note
    assert "mug" not in note
    assert np.isfinite(metrics["category_miou"]["lamp"])


def test_a_partial_search_and_its_later_run_agree(run, tmp_path):
    """Categories that were not searched start from equal weights in both, not from the published ones."""
    first = run("--search", "weights", "DATASET.CATEGORIES", "mug", "VIEW_WEIGHTS", "published")
    words = ("SEARCHED", tmp_path / "out/demo/searched.yaml", "VIEW_WEIGHTS", "published")
    later = run(*words, output="later")
    assert later["category_miou"]["lamp"] == run(output="equal")["category_miou"]["lamp"]
    assert (first["tuned_on_test_labels"], later["tuned_on_test_labels"]) == (False, False)


def test_input_files_use_the_result_for_their_parts(run, tmp_path):
    run("--search", BOTH, "DATASET.CATEGORIES", "mug")
    np.save(tmp_path / "own.npy", np.random.default_rng(0).normal(size=(200, 3)))
    words = ("--input", tmp_path / "own.npy", "--category", "mug", "--parts", "cup, lid")
    cleared = ("DATASET.CATEGORIES", "", "DATASET.MAX_SHAPES", "0", "PROMPTS.FILE", "")
    metrics = run(*words, "SEARCHED", tmp_path / "out/demo/searched.yaml", *cleared)
    assert metrics["shapes"] == 1
