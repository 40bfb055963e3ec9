"""--search and SEARCHED, end to end, with a tiny encoder."""

import csv
import json
from pathlib import Path

import pytest
import torch
import yaml

from pointclip.datasets.synthetic import CATEGORIES
from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from zeroshot_cls.main import main

CONFIG = Path(__file__).parents[2] / "zeroshot_cls" / "configs" / "demo.yaml"
BOTH = "prompts,weights"
SMALL = ["DATASET.NUM_POINTS", "64", "DATASET.MAX_SHAPES", "24", "SEARCH.VALUES", "0.25, 1", "SEARCH.FIXED_VIEWS", "5"]


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(3)
    return load_encoder("tiny-vit", None, precision="fp32")


@pytest.fixture
def run(encoder, tmp_path, monkeypatch):
    """Run main() with the tiny encoder and six sentences per class; returns the content of metrics.json."""
    monkeypatch.setattr("pointclip.runs.opening.load_encoder", lambda *_: encoder)
    monkeypatch.setattr("zeroshot_cls.results.write_classification_report", lambda *_: None)
    prompts = {
        name: [f"{word} {name}." for word in ("a", "one", "some grey", "no", "half a", "my")] for name in CATEGORIES
    }
    (tmp_path / "prompts.json").write_text(json.dumps(prompts))

    def run(*words: object, output: str = "out") -> dict:
        places = ["OUTPUT", tmp_path / output, "PROMPTS.FILE", tmp_path / "prompts.json"]
        return main(["--quiet", "--config", *map(str, [CONFIG, *SMALL, *places, *words])])

    return run


def rows_of(folder: Path) -> list[dict]:
    with open(folder / "demo" / "predictions.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_search_on_train_and_report_on_test(run, tmp_path):
    metrics = run("--search", BOTH)
    result = yaml.safe_load((tmp_path / "out/demo/searched.yaml").read_text())
    assert (result["dataset"], result["split"], result["shapes"]) == ("synthetic", "train", 24)
    assert [len(group) for group in result["sentences"].values()] == [1] * len(CATEGORIES)
    assert len(result["weights"]["all"]) == 10
    assert metrics["searched"]["score"] == result["score"]
    assert metrics["searched"]["split"] == "train"
    assert metrics["tuned_on_test_labels"] is False
    assert {row["tuned_on_test_labels"] for row in rows_of(tmp_path / "out")} == {"0"}
    assert any("on the labels of synthetic (train, 24 shapes)" in note for note in metrics["notes"])


@pytest.mark.auto_precision
def test_search_score_equals_the_runs_score(run, monkeypatch):
    """With a search on the reported shapes, the search's score and the evaluation must agree."""
    monkeypatch.setattr("pointclip.runs.opening.load_encoder", lambda *_: load_encoder("demo"))
    words = ("DATASET.NUM_POINTS", "1024", "DATASET.ROTATION", "so3")  # so that the demo encoder is not always right
    metrics = run("--search", BOTH, "--search-split", "test", *words)
    assert metrics["accuracy"] == pytest.approx(metrics["searched"]["score"], abs=1e-9)
    assert metrics["accuracy"] > run(*words, output="plain")["accuracy"]


def test_search_on_test_labels_is_marked_everywhere(run, tmp_path, capsys):
    metrics = run("--search", "weights", "--search-split", "test")
    assert metrics["tuned_on_test_labels"] is True
    note = "The view weights were chosen on the labels of the reported split itself; not zero-shot."
    assert note in metrics["notes"]
    assert note in capsys.readouterr().out
    assert {row["tuned_on_test_labels"] for row in rows_of(tmp_path / "out")} == {"1"}
    assert yaml.safe_load((tmp_path / "out/demo/searched.yaml").read_text())["split"] == "test"


def test_later_run_uses_the_result(run, tmp_path):
    first = run("--search", BOTH)
    later = run("SEARCHED", tmp_path / "out/demo/searched.yaml", "PROMPTS.FILE", "", output="later")
    del first["shapes_per_second"], later["shapes_per_second"]
    assert json.dumps(later) == json.dumps(first)  # as text, since nan is not equal to itself
    assert rows_of(tmp_path / "later") == rows_of(tmp_path / "out")
    config = yaml.safe_load((tmp_path / "out/demo/config.yaml").read_text())
    assert Path(config["SEARCHED"]) == tmp_path / "out/demo/searched.yaml"  # so the written settings reproduce it


def test_second_search_uses_the_cache(run, encoder, monkeypatch):
    first = run("--search", BOTH)
    for name in ("encode_images", "encode_text"):
        monkeypatch.setattr(encoder, name, lambda *_: pytest.fail("these features were kept"))
    assert run("--search", BOTH)["accuracy"] == first["accuracy"]


def test_plain_run_caches_nothing_by_default(run, tmp_path):
    run()
    assert not (tmp_path / "out/cache").exists()
    run("CACHE", tmp_path / "kept")
    assert len(list((tmp_path / "kept").glob("*/*/??/*.safetensors"))) == 24


def test_views_and_method_can_be_searched_too(run):
    v1 = run("--search", BOTH, "PROJECTION.METHOD", "pointclip_v1", "SEARCH.FIXED_VIEWS", "3")
    assert v1["searched"]["score"] > 0
    metrics = run("--search", "weights", "PROJECTION.VIEWS", "0, 4, 9", "SEARCH.FIXED_VIEWS", "1")
    assert metrics["searched"]["procedure"].endswith("the first 1 views fixed at 0.75; 5 choices scored")


def test_other_encoder_or_views_are_noted(run, tmp_path, encoder, monkeypatch):
    run("--search", BOTH, "PROJECTION.VIEWS", "9, 1, 2", "SEARCH.FIXED_VIEWS", "0")
    path = tmp_path / "out/demo/searched.yaml"
    assert run("SEARCHED", path, "PROJECTION.VIEWS", "2, 9")["searched"]  # some of them, in any order
    with pytest.raises(InputError, match="for views 9, 1, 2, but not for view 0"):
        run("SEARCHED", path)
    monkeypatch.setattr(encoder, "name", "another")
    words = ("SEARCHED", path, "PROJECTION.VIEWS", "9, 1, 2")
    assert any("with another encoder, tiny-vit" in note for note in run(*words)["notes"])


def test_result_that_started_from_test_labels_stays_marked(run, tmp_path):
    run("--search", "prompts", "VIEW_WEIGHTS", "modelnet40_vit_b16")
    metrics = run("SEARCHED", tmp_path / "out/demo/searched.yaml", output="later")  # with equal weights
    assert metrics["tuned_on_test_labels"] is True


TUNED = {
    "chair": ["a depth map of a chair with four legs."],
    "mug": ["a depth map of a mug with a big handle."],
    "lamp": ["a depth map of a tall lamp."],
}


def test_marked_prompt_file_marks_the_run(run, tmp_path):
    """The sentences could come from the template; only the origin file says that they were chosen on test labels."""
    (tmp_path / "tuned.json").write_text(json.dumps(TUNED))
    note = "sentences searched on test labels"
    (tmp_path / "tuned.origin.yaml").write_text(f"origin: {note}\ntuned_on_test_labels: true\n")
    words = ("PROMPTS.FILE", tmp_path / "tuned.json")
    plain = run(*words)
    assert plain["tuned_on_test_labels"] is True
    assert note in plain["notes"]
    assert "tuned.json, 1 sentence per class" in plain["prompts"]
    assert "the template “a depth map of a {}.” for" in plain["prompts"]  # the other classes'
    assert {row["tuned_on_test_labels"] for row in rows_of(tmp_path / "out")} == {"1"}
    begun = run("--search", BOTH, "--search-split", "val", *words)
    assert begun["tuned_on_test_labels"] is True
    path = tmp_path / "out/demo/searched.yaml"
    assert yaml.safe_load(path.read_text())["tuned_on_test_labels"] is True
    assert run("SEARCHED", path, "PROMPTS.FILE", "", output="later")["tuned_on_test_labels"] is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--search", "promts"], "--search has 'promts'"),
        (["--search", BOTH, "--search-split", "middle"], "middle"),
        (["--search", BOTH, "SEARCHED", "x.yaml"], "give one of them"),
        (["--search", BOTH, "PROMPTS.FILE", ""], "set PROMPTS.FILE"),
        (["--search", BOTH, "--input", "a.npy"], "--search needs labels"),
        (["--search-split", "val"], "--search-split needs --search"),
        (["--search", "weights", "PROJECTION.VIEWS", "0, 1"], "leave no weights to choose for the views 0, 1"),
        (["--input", "a.npy", "DATASET.ROTATION", "so3"], "ROTATION is 'so3', but has no effect on your files"),
        (["SEARCHED", "no.yaml"], "SEARCHED is .no.yaml., which does not exist"),
    ],
)
def test_bad_arguments_are_rejected(run, words, message):
    with pytest.raises(InputError, match=message):
        run(*words)
