"""The few-shot command, end to end with a tiny encoder, and its errors for bad input."""

import contextlib
import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from fewshot_cls import main as command
from fewshot_cls.methods import METHODS
from fewshot_cls.methods.head import Head
from fewshot_cls.reproduce import TASK
from fewshot_cls.settings import load, parse
from pointclip.datasets.synthetic.unseen import KINDS, generate_unseen
from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from pointclip.tables import make_tables
from tests.promises import PROMISED, read_metrics

CONFIGS = Path(command.__file__).with_name("configs")
QUICK = ["PROJECTION.VIEWS", "4, 9", "DATASET.NUM_POINTS", 64, "DATASET.MAX_SHAPES", 9, "TRAIN.EPOCHS", 2]
SMALL = ["PROJECTION.VIEWS", "4", "DATASET.MAX_SHAPES", 2, "TRAIN.EPOCHS", 1]  # training the smoothing is slow on a CPU


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(3)
    return load_encoder("tiny-vit", None, precision="fp32")


@pytest.fixture
def run(encoder, tmp_path, monkeypatch):
    """Run main() with a tiny encoder for "demo", few views and points; returns the run's folder."""
    monkeypatch.setattr("pointclip.runs.opening.load_encoder", lambda *rest: encoder)

    def run(*words: object, config: str = "demo", output: str = "out") -> Path:
        words = ["--quiet", "--config", CONFIGS / f"{config}.yaml", *QUICK, *words, "OUTPUT", tmp_path / output]
        command.main([str(word) for word in words])
        return next(path.parent for path in (tmp_path / output).rglob("metrics.json"))

    return run


@pytest.fixture(scope="module")
def classes(tmp_path_factory) -> Path:
    """A user's training shapes: two folders of three files."""
    folder = tmp_path_factory.mktemp("train")
    for kind in KINDS[:2]:
        (folder / kind).mkdir()
        for seed in range(3):
            np.save(folder / kind / f"{seed}.npy", generate_unseen(kind, seed, 80).points)
    (folder / "notes.txt").write_text("not a class")
    return folder


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if not method.smoothing])
def test_methods_on_fixed_views(run, method):
    protocol = ["PROTOCOL", "validation"] if METHODS[method].trains else []
    folder = run("METHOD", method, "--shots", 1, "--seeds", 2, "REPORT", False, *protocol)
    summary = read_metrics(folder)
    assert summary["task"] == "few-shot classification"
    assert (summary["method"], summary["shots"], summary["seeds"]) == (method, 1, [0, 1])
    assert summary["accuracy"] == pytest.approx(np.mean(summary["accuracy_by_seed"]))
    assert summary["gain"] == pytest.approx(summary["accuracy"] - summary["zeroshot_accuracy"])
    trains = METHODS[method].trains
    assert summary["chosen_on"] == ("validation shots" if trains else "the shots")
    assert summary["tuned_on_test_labels"] is False
    shots = [json.loads((folder / f"shots_seed{seed}.json").read_text()) for seed in (0, 1)]
    assert shots[0] != shots[1]
    assert all((len(sides["train"]), len(sides["validation"])) == (1, trains) for sides in shots[0]["classes"].values())
    assert (folder / "head_seed1.safetensors").is_file()
    assert not list(folder.glob("training*"))  # checkpoints of finished trainings are removed
    with open(folder / "predictions.csv", encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == summary["shapes"]


@pytest.mark.parametrize("method", ["kernel_ridge", "adapter"])
def test_published_protocol_is_marked_everywhere(run, method):
    folder = run("--shots", 2, "PROTOCOL", "published", "METHOD", method)
    summary = read_metrics(folder)
    assert summary["tuned_on_test_labels"] is True
    assert any("PROTOCOL published" in note for note in summary["notes"])
    assert "PROTOCOL published" in (folder / "report.html").read_text(encoding="utf-8")
    with open(folder / "predictions.csv", encoding="utf-8", newline="") as file:
        assert {row["tuned_on_test_labels"] for row in csv.DictReader(file)} == {"1"}


def test_page_shows_learning_curve_and_classes(run):
    page = (run("--shots", 2, "METHOD", "adapter") / "report.html").read_text(encoding="utf-8")
    for words in ("Learning curve", "Accuracy of each class", "zero-shot %", "bottle", "pictures/curve-0.png"):
        assert words in page


@pytest.mark.parametrize("method", ["tip_adapter", "smoothing", "adapter_smoothing"])
def test_saved_head_scores_the_same(run, capsys, method):
    more = ["METHOD", method, "REPORT", False, *SMALL]
    protocol = ["PROTOCOL", "fixed" if method == "smoothing" else "validation"]
    first = run("--shots", 1, *more, *protocol)
    assert read_metrics(first)["method"] == method
    again = run("--head", first / "head.safetensors", *more, output="again")
    for name in ("accuracy", "zeroshot_accuracy", "gain", "class_accuracy", "zeroshot_class_accuracy"):
        assert read_metrics(again)[name] == pytest.approx(read_metrics(first)[name])
    assert "4 of 4 classes" in read_metrics(again)["notes"][-1]
    # a data set with none of its classes
    with pytest.raises(InputError, match="none of the data set's classes"):
        run("--init", first / "head.safetensors", "DATASET.NAME", "synthetic", *more)
    if method == "tip_adapter":
        capsys.readouterr()
        run("--head", first / "head.safetensors", *more, "SHOTS_SPLIT", "test", "DATASET.CATEGORIES", "sofa")
        assert "nan" not in capsys.readouterr().out  # classes without shapes
        with pytest.raises(InputError, match=r"trained for 1 views, but the projection has 3"):
            run("--init", first / "head.safetensors", *more, "PROJECTION.VIEWS", "1, 2, 3")


def test_a_table_scores_heads_elsewhere(run, tmp_path):
    """Trained in one column, scored in the other; zero-shot is read of the same runs."""
    table = yaml.safe_load((TASK.folder / "tables" / "fewshot_transfer_demo.yaml").read_text(encoding="utf-8"))
    table["rows"], table["columns"] = table["rows"][0:3:2], table["columns"][:2]
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(table), encoding="utf-8")
    words = [tmp_path / "t.yaml", "--strict", "--output", tmp_path, *QUICK[:4], "DATASET.MAX_SHAPES", 4, "CACHE", ""]
    assert make_tables(TASK, [str(word) for word in words]) == 0
    with open(tmp_path / "t_demo.csv", encoding="utf-8", newline="") as file:
        rows = {(row["row"], row["column"]): row for row in csv.DictReader(file)}
    for column, noted in (("canonical pose", False), ("turned about up", True)):
        zero, few = rows["zero-shot", column], rows["Tip-Adapter", column]
        assert zero["run"] == few["run"]
        assert ("4 of 4 classes" in few["notes"]) == noted


def test_half_of_the_classes_without_shots(run):
    summary = read_metrics(folder := run("--shots", 1, "SHOTS_CLASSES", "half", "DATASET.MAX_SHAPES", 40))
    assert set(summary["class_accuracy"]) == set(KINDS)
    drawn = json.loads((folder / "shots.json").read_text())["classes"]
    assert set(drawn) == set(list(summary["class_accuracy"])[:2])
    base, new, mean = (summary[name] for name in ("base_accuracy", "new_accuracy", "harmonic_mean"))
    assert mean == pytest.approx(2 * base * new / (base + new) if base + new else 0)
    assert Head.load(folder / "head.safetensors").facts.class_names == tuple(drawn)
    assert "Without shots" in (folder / "report.html").read_text(encoding="utf-8")


def test_head_tuned_on_test_labels_stays_marked(run):
    first = run("--shots", 1, "PROTOCOL", "published", "REPORT", False)
    again = read_metrics(run("--head", first / "head.safetensors", "REPORT", False, output="again"))
    assert again["tuned_on_test_labels"] is True


def test_own_shapes(run, classes, tmp_path, capsys):
    shape = tmp_path / "mine.npy"
    np.save(shape, generate_unseen("ladder", 9, 80).points)
    more = ["ENCODER.NAME", "demo", "DATASET.MAX_SHAPES", 0]
    base = ["--quiet", "--config", str(CONFIGS / "own_shapes.yaml")]

    def main(*words, output="own"):
        return command.main([*map(str, [*base, *words, *QUICK[:4], *more, "OUTPUT", tmp_path / output])])

    summary = main("--train", classes, "--input", shape)
    assert summary.keys() >= PROMISED
    assert summary["classes"] == ["bottle", "ladder"]
    head = tmp_path / "own" / "own_shapes_demo" / "input" / "head.safetensors"
    answer = (head.parent / "predictions.csv").read_text()
    main("--head", head, "--input", shape, output="own")  # whose folder is replaced, but not the head in it
    assert (head.parent / "predictions.csv").read_text() == answer
    assert head.is_file()
    assert not (head.parent / "shots.json").exists()
    train_only = main("--train", classes, output="train_only")
    assert train_only["training_shapes"] == 6
    assert train_only.keys() >= PROMISED
    capsys.readouterr()
    main("--head", head, "--input", shape, "--threshold", 0.1, "--json", output="later")
    (found,) = json.loads(capsys.readouterr().out)["answers"]
    assert (found["file"], found["class"]) == (str(shape), found["top"][0]["class"])
    assert {guess["class"] for guess in found["top"]} == {"bottle", "ladder"}
    assert not found["calibrated"]
    # a class without training shapes, beside the learned ones
    for how in (("--head", head), ("--train", classes)):
        summary = main(*how, "--input", shape, "--new-classes", "mug", output="new")
        assert summary["classes"] == ["bottle", "ladder", "mug"]
        assert any("named by their sentences alone: mug" in note for note in summary["notes"])
    # a folder of labelled test shapes, with a head from a file and in one run
    scored = [main(*how, "--test", classes, "--threshold", 0.9) for how in (("--head", head), ("--train", classes))]
    assert [summary["accuracy"] for summary in scored] == [100, 100]  # its own training shapes
    assert scored[0]["accuracy_standard_error"] == pytest.approx(12.65, abs=0.01)  # 8 of 10 by Agresti and Coull
    assert "accuracy 100.0 % ± 12.6 (standard error over 6 shapes)" in capsys.readouterr().out
    (tmp_path / "more" / "zeppelin").mkdir(parents=True)
    np.save(tmp_path / "more" / "zeppelin" / "a.npy", np.load(shape))
    (tmp_path / "more" / "ladder").symlink_to(classes / "ladder")
    with pytest.raises(InputError, match="'zeppelin', which is not among bottle, ladder"):
        main("--head", head, "--test", tmp_path / "more")


def test_shapes_are_encoded_once_for_all_methods_and_shots(run, encoder, monkeypatch):
    words = ["PROJECTION.VIEWS", "3, 7", "REPORT", False]  # unlike other tests, which share the cache
    first = run("--shots", 2, "METHOD", "tip_adapter", *words)

    def encode_images(*_):
        raise AssertionError("encoded again")

    monkeypatch.setattr(encoder, "encode_images", encode_images)
    again = run("--shots", 1, "METHOD", "kernel_ridge", *words, output="again")
    assert read_metrics(again)["zeroshot_accuracy"] == read_metrics(first)["zeroshot_accuracy"]
    with pytest.raises(AssertionError, match="encoded again"):
        run("--shots", 1, "METHOD", "kernel_ridge", *words, "CACHE", "none", output="none")


def test_augmented_copies(run):
    summary = read_metrics(run("--shots", 1, "AUGMENT", 2, "REPORT", False))
    assert any("2 scaled copies" in note for note in summary["notes"])


def test_online_augmentation_says_how_long_it_takes(run, capsys):
    """PointCLIP V1's training on its own projection; the published protocol keeps its earliest best epoch."""
    v1 = ["METHOD", "adapter", "PROJECTION.METHOD", "pointclip_v1_fewshot", "--shots", 1, "REPORT", False]
    online = run(*v1, "AUGMENT_ONLINE", True, "PROTOCOL", "published", "TRAIN.PRECISION", "published")
    printed = capsys.readouterr().out
    assert "on this CPU 2 epochs take about" in printed
    assert "AUGMENT_ONLINE False AUGMENT 4" in printed
    summary = read_metrics(online)
    assert summary["tuned_on_test_labels"]
    assert any("augmented anew in every epoch" in note for note in summary["notes"])
    fast = run(*v1, "AUGMENT", 1, output="fast")
    heads = [Head.load(folder / "head.safetensors").head.state_dict() for folder in (online, fast)]
    assert not torch.equal(*(head["adapter.gather.weight"] for head in heads))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["METHOD", "nearest"], "METHOD is 'nearest'; expected one of nearest_mean"),
        (["PROTOCOL", "test"], "cross_validation, validation, fixed, published"),
        (["AUGMENT_ONLINE", "True"], "METHOD adapter"),
        (["METHOD", "adapter", "TRAIN.PRECISION", "bf16"], "METHOD adapter does not have"),
        (["--shots", "-1"], "SHOTS is -1"),
        (["SHOTS_SPLIT", "test"], "draw shots from another"),
        (["--seeds", "0"], "SEEDS is 0"),
        (["--shots", "0", "PROTOCOL", "validation"], "leaves none to validate on"),
        (["--new-classes", "mug"], "SHOTS_CLASSES says which"),
        (["SHOTS_CLASSES", "half", "PROTOCOL", "published"], "selects on all of the test split"),
        (["--input", "a.ply"], "add --train FOLDER"),
        (["--search", "weights"], "zeroshot_cls"),
        (["--head", "a", "--train", "b"], "given together"),
        (["METHOD", "smoothing", "PROJECTION.METHOD", "pointclip_v1"], "realistic"),
        (["METHOD", "adapter", "TRAIN.BATCH_SIZE", "1"], "batch norm"),
        (["METHOD", "smoothing", "ENCODER.PRECISION", "bf16"], "fp32"),
    ],
)
def test_wrong_settings(tmp_path, words, message):
    with pytest.raises(InputError, match=message):
        parse(["--config", str(CONFIGS / "demo.yaml"), *words, "OUTPUT", str(tmp_path)])


def test_too_few_shapes_of_a_class(run):
    with pytest.raises(InputError, match="'bottle' has 100 training shapes, too few for 98 shots and 4"):
        run("--shots", 98, "PROTOCOL", "validation")


@pytest.mark.parametrize("data", ["modelnet40", "modelnet10", "scanobjectnn_obj_only", "scanobjectnn_pb_t50_rs"])
@pytest.mark.parametrize(
    "variant", ["vit_b16", "rn101_pointclip_v1", "vit_b16_pointclip_v2", "vit_b16_pointclip_v2_compiled"]
)
def test_configs_of_the_data_sets(data, variant):
    config, settings = load(f"{data}_{variant}")
    assert config.name == f"{data}_{variant}"
    assert data == settings.DATASET.NAME
    methods = dict.fromkeys(["pointclip_v2", "pointclip_v2_compiled"], "adapter_smoothing") | {
        "pointclip_v1": "adapter"
    }
    if config.variant:
        assert methods[config.variant] == settings.METHOD


def test_interrupted_run_resumes(run, monkeypatch):
    """Interrupted after its third epoch and started again, it gives the results of an uninterrupted run."""
    words = ["--shots", 2, "METHOD", "adapter", "PROTOCOL", "validation", "TRAIN.EPOCHS", 5, "REPORT", False]
    uninterrupted = run(*words, output="uninterrupted")
    monkeypatch.setattr("fewshot_cls.training.SAVE_SECONDS", 0)
    seen = []

    def progress(args, settings, draw, limit=[3]):  # noqa: B006 - the limit applies to the first run only
        def on_epoch(epoch):
            seen.append(epoch.number)
            if limit and len(seen) == limit[0]:
                limit.clear()
                raise KeyboardInterrupt

        return contextlib.nullcontext(on_epoch)

    monkeypatch.setattr("fewshot_cls.main.training_progress", progress)
    with pytest.raises(KeyboardInterrupt):
        run(*words)
    resumed = run(*words)
    assert seen == [0, 1, 2, 2, 3, 4]  # the epoch after the last checkpoint is repeated
    assert read_metrics(resumed)["accuracy"] == read_metrics(uninterrupted)["accuracy"]
    assert (resumed / "epochs.csv").read_text() == (uninterrupted / "epochs.csv").read_text()
    heads = [Head.load(folder / "head.safetensors").head.state_dict() for folder in (uninterrupted, resumed)]
    assert all(torch.equal(heads[0][name], heads[1][name]) for name in heads[0])


def test_missing_tensorboard(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"tensorboard is not installed; pip install -e \.\[tensorboard\]"):
        run("--shots", 1, "METHOD", "tip_adapter_f", "TRAIN.TENSORBOARD", True)
