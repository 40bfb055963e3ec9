"""The classification command, end to end, and its errors for bad input."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from pointclip.datasets.scanobjectnn import CLASSES as SCAN_CLASSES
from pointclip.datasets.synthetic import CATEGORIES, generate
from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from pointclip.runs.start import MEMORY_ADVICE
from pointclip.utils.command import run_command
from tests.datasets.layouts import write_modelnet40
from tests.datasets.some_unknown import write_some_unknown
from tests.promises import read_metrics
from zeroshot_cls import main as command

CONFIGS = Path(command.__file__).with_name("configs")
DATA_CONFIGS = sorted(
    path.stem
    for path in CONFIGS.glob("*.yaml")
    if path.stem.startswith(("modelnet", "scanobjectnn")) and path.stem != "scanobjectnn_h5_folder"
)


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(3)
    return load_encoder("tiny-vit", None, precision="fp32")


@pytest.fixture
def run(encoder, tmp_path, monkeypatch):
    """Run main() with a tiny encoder for "demo", few points and the template; returns the run's folder."""
    monkeypatch.setattr(
        "pointclip.runs.opening.load_encoder",
        lambda name, *rest: encoder if name == "demo" else load_encoder(name, *rest),
    )

    def run(*words: object, config: str | Path = "demo") -> Path:
        path = config if isinstance(config, Path) else CONFIGS / f"{config}.yaml"
        settings = {"OUTPUT": tmp_path / "out", "DATASET.NUM_POINTS": 64, "PROMPTS.FILE": "", "ENCODER.NAME": "demo"}
        pairs = [word for pair in settings.items() for word in pair] if not isinstance(config, Path) else []
        monkeypatch.setattr(sys, "argv", ["main.py", "--quiet", "--config", *map(str, [path, *pairs, *words])])
        command.main()
        return tmp_path / "out" / path.stem.replace("vit_b16", "demo")  # the encoder used

    return run


@pytest.fixture
def no_report(monkeypatch):
    """For tests of scores only: the page and its pictures take most of a small run's time."""
    monkeypatch.setattr("zeroshot_cls.results.write_classification_report", lambda *_: None)
    monkeypatch.setattr("zeroshot_cls.results.write_shapes_report", lambda *_: None)


@pytest.fixture
def cloud(tmp_path) -> Path:
    path = tmp_path / "a chair.npy"
    np.save(path, generate("chair", 1, 200).points)
    return path


def predictions_of(folder: Path) -> list[dict]:
    with open(folder / "predictions.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def names_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".files"}


def test_run_writes_its_files(run, capsys):
    folder = run("DATASET.MAX_SHAPES", 4)
    metrics, rows = read_metrics(folder), predictions_of(folder)
    assert {"accuracy", "class_accuracy"} <= metrics.keys()
    assert (metrics["task"], metrics["dataset"]) == ("zero-shot classification", "synthetic (test)")
    assert (metrics["shapes"], metrics["shapes_left_out"]) == (4, 0)
    assert metrics["encoder"].startswith("tiny-vit")
    assert list(metrics["class_accuracy"]) == list(CATEGORIES)
    assert len({row["shape"] for row in rows}) == 4
    right = [row["prediction"] == row["truth"] for row in rows]
    assert [row["correct"] for row in rows] == [str(int(one)) for one in right]
    assert metrics["accuracy"] == pytest.approx(100 * np.mean(right))
    for name, share in metrics["class_accuracy"].items():
        results_of_class = [one for one, row in zip(right, rows, strict=True) if row["truth"] == name]
        assert share == (pytest.approx(100 * np.mean(results_of_class)) if results_of_class else None)

    page = (folder / "report.html").read_text(encoding="utf-8")
    pictures = re.findall(r'(?:src|href)="(pictures/[^"]+)"', page)
    assert pictures
    assert names_below(folder) == {"metrics.json", "predictions.csv", "report.html", "config.yaml", *pictures}
    printed = capsys.readouterr().out
    assert f"{metrics['accuracy']:.2f}" in printed
    assert str(folder) in printed


@pytest.mark.usefixtures("no_report")
def test_written_settings_reproduce_the_run(run):
    folder = run("DATASET.MAX_SHAPES", 3, "SEED", 4, "VIEW_WEIGHTS", "modelnet40_vit_b16")
    again = run(config=folder / "config.yaml")
    assert again != folder
    assert (again / "predictions.csv").read_bytes() == (folder / "predictions.csv").read_bytes()
    assert (again / "config.yaml").read_text() == (folder / "config.yaml").read_text()


@pytest.mark.usefixtures("no_report")
def test_runs_are_reproducible(run):
    results, threads = [], torch.get_num_threads()
    try:
        for number in (2, 2, 1):
            torch.set_num_threads(number)
            folder = run("DATASET.MAX_SHAPES", 4)
            results.append(((folder / "predictions.csv").read_bytes(), predictions_of(folder)))
    finally:
        torch.set_num_threads(threads)
    assert results[0][0] == results[1][0]
    assert [row["prediction"] for row in results[0][1]] == [row["prediction"] for row in results[2][1]]


def test_own_shapes_get_the_top_five(run, cloud, tmp_path, capsys, monkeypatch):
    mesh = tmp_path / "tri.off"
    mesh.write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n0 2 1\n3 0 1 2\n")
    names = ["chair", "späce ✓", "{}", "<blink>", "mug", "boat"]
    monkeypatch.chdir(tmp_path)
    folder = run("--input", cloud, mesh.name, "SEED", 5, "--classes", ",".join(names), "--up", "z")
    assert folder.name == "demo"
    assert {"predictions.csv", "report.html", "config.yaml"} <= names_below(folder / "input")
    metrics = json.loads((folder / "input" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["input"] == {"files": [str(cloud), str(mesh)], "up": "z"}
    assert metrics["classes"] == names
    rows = predictions_of(folder / "input")
    assert [row["shape"] for row in rows] == [str(cloud), mesh.name]
    for row in rows:
        top = [float(row[f"probability_{place}"]) for place in range(1, 6)]
        assert top == sorted(top, reverse=True)
        assert 0 < sum(top) <= 1.00001
        assert row["prediction"] == row["class_1"]
        assert {row[f"class_{place}"] for place in range(1, 6)} < set(names)
        assert (row["truth"], row["correct"]) == ("", "")
    assert "SEED: 5" in (folder / "input" / "config.yaml").read_text()  # pairs after --input's files are settings
    assert "a chair.npy  uncalibrated %" in capsys.readouterr().out
    page = (folder / "input" / "report.html").read_text(encoding="utf-8")
    assert "chair" in page
    assert "<blink>" not in page


def test_a_file_name_that_is_not_utf8(run, cloud):
    path = os.fsdecode(os.fsencode(cloud.parent) + b"/b\xfc.npy")
    try:
        os.rename(cloud, path)
    except OSError:
        pytest.skip("this file system rejects such names")
    rows = predictions_of(run("--input", path, "--classes", "a,b") / "input")
    assert rows[0]["shape"].endswith("b\N{REPLACEMENT CHARACTER}.npy")


@pytest.mark.usefixtures("no_report")
def test_the_classes_of_own_shapes_can_come_from_the_prompts(run, cloud, tmp_path):
    prompts = tmp_path / "prompts.json"
    prompts.write_text(json.dumps({"chair": ["one chair"], "mug": ["a mug", "some mug"]}), encoding="utf-8-sig")
    rows = predictions_of(run("--input", cloud, "PROMPTS.FILE", prompts) / "input")
    assert {rows[0]["class_1"], rows[0]["class_2"]} == {"chair", "mug"}


@pytest.mark.usefixtures("no_report")
def test_modelnet40_layout_end_to_end(run, tmp_path):
    write_modelnet40(tmp_path, per_class=1, categories=("airplane", "chair", "table"), num_points=80)
    folder = run("DATASET.ROOT", tmp_path, "VIEW_WEIGHTS", "modelnet40_vit_b16", config="modelnet40_vit_b16")
    metrics = read_metrics(folder)
    assert (metrics["dataset"], metrics["shapes"]) == ("modelnet40 (test)", 3)
    assert list(metrics["class_accuracy"]) == ["airplane", "chair", "table"]
    assert metrics["view_weights"] == "modelnet40_vit_b16 (published)"
    assert any("test" in note for note in metrics["notes"])  # how the published view weights were found
    assert sorted(row["truth"] for row in predictions_of(folder)) == ["airplane", "chair", "table"]


def write_scans(root: Path, bad: tuple[int, ...] = ()) -> None:
    """Write ScanObjectNN's OBJ_ONLY test file with one shape per class, with NaN in the given ones."""
    points = np.random.default_rng(1).normal(size=(15, 70, 3)).astype(np.float32)
    points[list(bad), 3] = np.nan
    path = root / "scanobjectnn" / "h5_files" / "main_split_nobg" / "test_objectdataset.h5"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file.update(data=points, label=np.arange(15))


@pytest.mark.usefixtures("no_report")
def test_scanobjectnn_layout_end_to_end(run, tmp_path):
    write_scans(tmp_path)
    folder = run("DATASET.ROOT", tmp_path, "DATASET.CATEGORIES", "sofa, Bag", config="scanobjectnn_obj_only_vit_b16")
    assert list(read_metrics(folder)["class_accuracy"]) == list(SCAN_CLASSES)
    assert [row["truth"] for row in predictions_of(folder)] == ["bag", "sofa"]


@pytest.mark.usefixtures("no_report")
def test_bad_shape_stops_or_is_left_out_with_a_note(run, tmp_path):
    write_scans(tmp_path, bad=(2, 7))
    words = ("DATASET.ROOT", tmp_path, "DATASET.NAME", "scanobjectnn_obj_only")
    with pytest.raises(InputError, match=r"test_objectdataset\S*2\b.*NaN.*ON_BAD_SHAPE skip"):
        run(*words)
    assert not names_below(tmp_path / "out")
    metrics = read_metrics(run(*words, "ON_BAD_SHAPE", "skip"))
    assert (metrics["shapes"], metrics["shapes_left_out"], len(metrics["bad_shapes"])) == (13, 2, 2)
    assert set(metrics["bad_shapes"]) == {"2", "7"}
    assert any("2 bad shape(s) skipped" in note for note in metrics["notes"])


@pytest.mark.usefixtures("no_report")
def test_bad_files_among_good_ones_and_alone(run, cloud, tmp_path):
    bad = tmp_path / "empty.ply"
    bad.touch()
    words = ("--classes", "a,b", "--input", bad)
    with pytest.raises(InputError, match=r"empty\.ply is empty.*ON_BAD_SHAPE skip"):
        run(*words, cloud, "ON_BAD_SHAPE", "stop")
    folder = run(*words, cloud)
    assert [row["shape"] for row in predictions_of(folder / "input")] == [str(cloud)]
    with pytest.raises(InputError, match=r"^\S*empty\.ply is empty\.$"):
        run(*words, "ON_BAD_SHAPE", "skip")


@pytest.mark.parametrize("config", DATA_CONFIGS)
def test_error_for_missing_data_says_how_to_get_it(run, tmp_path, config):
    with pytest.raises(InputError, match="looked for") as caught:
        run("DATASET.ROOT", tmp_path, config=config)
    assert "https://" in str(caught.value)
    assert f"so that {tmp_path}" in str(caught.value)


RN50 = ("ENCODER.PRECISION", "fp32", "ENCODER.NAME", "RN50", "ENCODER.PRETRAINED")
BAD = {
    "unknown flag": (["--nope"], "Unrecognized arguments: --nope"),
    "unknown axis": (["--up", "w"], "--up: invalid choice: 'w'"),
    "axis of a set": (["--up", "z"], "--up needs files of your own"),
    "classes of a set": (["--classes", "a,b"], "--classes needs files of your own"),
    "no file": (["--input"], "--input: expected at least one argument"),
    "unknown key": (["SEEED", "1"], "no setting SEEED .* nearest known one is SEED"),
    "lonely key": (["SEED"], "'SEED' stands alone"),
    "lonely key behind a file": (["--input", "{cloud}", "SEED"], "'SEED' stands alone"),
    "unknown key behind a file": (["--input", "{cloud}", "SEEED", "1"], "no setting SEEED .* one is SEED"),
    "type": (["BATCH_SIZE", "big"], "BATCH_SIZE .* is 'big'; expected an integer"),
    "range": (["BATCH_SIZE", "-1"], "BATCH_SIZE is -1; expected at least 0"),
    "too many points": (["DATASET.NUM_POINTS", "1" + "0" * 20], "NUM_POINTS .*is 10+; expected at most"),
    "group": (["DATASET", "modelnet40"], "DATASET .* is a group"),
    "data set": (["DATASET.NAME", "nope"], "Unknown data set 'nope'.*synthetic"),
    "split": (["DATASET.SPLIT", "nope"], "split 'nope'.* have train, val, test"),
    "category": (["DATASET.CATEGORIES", "boat"], "CATEGORIES is 'boat'; expected names out of .*airplane"),
    "bad-shape rule": (["ON_BAD_SHAPE", "ignore"], "'stop' or 'skip'"),
    "encoder": (["ENCODER.NAME", "VitB16", "ENCODER.PRECISION", "fp32"], "did you mean ViT-B-16"),
    "weights": ([*RN50, "{tmp}/no.pt"], "no weights file .*no.pt"),
    "tag": ([*RN50, "nope"], "its tags are openai"),
    "gelu": (["ENCODER.QUICK_GELU", "perhaps"], "QUICK_GELU is 'perhaps'"),
    "device": (["ENCODER.NAME", "tiny-vit", "DEVICE", "cuda:99"], "'cuda:99' is not available"),
    "backend": (["PROJECTION.BACKEND", "nope"], "backend 'nope'"),
    "view weights": (["VIEW_WEIGHTS", "1,2"], "VIEW_WEIGHTS is '1,2'; expected 'uniform', or 10 numbers"),
    "template": (["PROMPTS.TEMPLATE", "a thing"], "template is 'a thing'; it needs {}"),
    "no prompts": (["PROMPTS.FILE", "{tmp}/no.json"], "Cannot read the prompt file"),
    "prompts of others": (["PROMPTS.FILE", "{tmp}/boat.json"], "for none of 'airplane'.* set PROMPTS.FILE"),
    "prompts of parts": (["PROMPTS.FILE", "{tmp}/parts.json"], "are for parts; use a file with sentences per class"),
    "deep prompts": (["PROMPTS.FILE", "{tmp}/deep.json"], "deep.json is not valid JSON"),
    "empty output": (["OUTPUT", ""], "OUTPUT is empty"),
    "output is a file": (["OUTPUT", "{cloud}"], "Cannot create the folder .* set OUTPUT"),
    "a list without quotes": (["{cloud}", "--classes", "a,", "b"], 'in quotes: --classes "a, b"'),
    "semicolons": (["{cloud}", "--classes", "a; b"], "'a; b' have a semicolon; separate them by commas"),
    "one class": (["{cloud}", "--classes", "a"], "'a' is the only class"),
    "misspelt flag": (["{cloud}", "--clases", "a,b"], "--clases a,b; did you mean --classes"),
    "misspelt key with =": (["DATASET.MAX_SHAPE=4"], "no setting DATASET.MAX_SHAPE .* one is DATASET.MAX_SHAPES"),
    "small key": (["dataset.max_shapes", "4"], "dataset.max_shapes is written DATASET.MAX_SHAPES"),
    "a config as a file": (["modelnet40", "--classes", "a,b"], "for the config of that name give --config modelnet40"),
    "subset of own files": (["{cloud}", "--classes", "a,b", "DATASET.MAX_SHAPES=1"], "has no effect on your files"),
    "no class names": (["--input", "{cloud}"], "give them with --classes"),
    "empty class": (["--input", "{cloud}", "--classes", "a,,b"], "class name is empty"),
    "class twice": (["--input", "{cloud}", "--classes", "night_stand,Night stand"], "are given more than once"),
    "unprintable class": (["--input", "{cloud}", "--classes", "a\nb,c"], r"'a\\nb' contain unprintable"),
    "missing file": (["--input", "{tmp}/no.ply", "--classes", "a,b"], "no.ply does not exist"),
    "long file name": (["--input", "x" * 300 + ".ply", "--classes", "a,b"], "x.ply does not exist"),
    "folder": (["--input", "{tmp}/none", "--classes", "a,b"], "contains no shapes"),
    "ending": (["--input", "{tmp}/boat.json", "--classes", "a,b"], "unknown extension '.json'; supported are .ply"),
    "junk array": (["--input", "{tmp}/junk.npy", "--classes", "a,b"], "junk.npy cannot be read"),
    "junk text": (["--input", "{tmp}/junk.obj", "--classes", "a,b"], "junk.obj "),
    "nan": (["--input", "{tmp}/nan.npy", "--classes", "a,b"], "nan.npy: the cloud has 1 point"),
    "one point": (["--input", "{tmp}/one.npy", "--classes", "a,b"], "one.npy: the cloud has 1 point"),
    "one place": (["--input", "{tmp}/same.npy", "--classes", "a,b"], "same.npy: all points coincide"),
    "huge mesh": (["--input", "{tmp}/huge.off", "--classes", "a,b"], "huge.off has faces but no surface.* inf"),
}


UNREADABLE = ("ending", "junk array", "junk text", "nan", "one point", "one place", "huge mesh")


@pytest.fixture
def bad_files(tmp_path):
    (tmp_path / "none").mkdir()
    (tmp_path / "boat.json").write_text('{"boat": ["a boat"]}')
    (tmp_path / "parts.json").write_text('{"airplane": {"wing": ["a wing"]}}')
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "junk.npy").write_bytes(b"\xff\xfe\x00junk" * 20)
    (tmp_path / "junk.obj").write_bytes(b"\xff\xfe\x00junk" * 20)
    (tmp_path / "huge.off").write_text("OFF\n3 1 0\n0 0 0\n1e200 0 0\n0 1e200 0\n3 0 1 2\n")
    np.save(tmp_path / "nan.npy", np.array([[0, 0, 0], [1, np.nan, 1.0]]))
    np.save(tmp_path / "one.npy", np.ones((1, 3)))
    np.save(tmp_path / "same.npy", np.ones((9, 3)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", BAD)
def test_bad_input_gives_one_sentence_and_its_exit_code(run, cloud, tmp_path, bad_files, capsys, kind):
    words, sentence = BAD[kind]
    words = [word.replace("{cloud}", str(cloud)).replace("{tmp}", str(tmp_path)) for word in words]
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: run(*words), MEMORY_ADVICE)
    printed = capsys.readouterr()
    assert caught.value.code == (4 if kind in UNREADABLE else 2)
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert re.search(sentence, printed.err)
    assert not names_below(tmp_path / "out") if (tmp_path / "out").exists() else True


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("SEED: 1\nSEED: 2", "'SEED' is duplicated"),
        ("DATASET: {NAME: synthetic}\nSEED: 1\nDATASET: {SPLIT: val}", "'DATASET' is duplicated"),
        ("[" * 1500, "not valid YAML"),
        ("- a", "expected KEY: value lines"),
        ("BASE: no.yaml", r"Cannot read the config \S*no.yaml"),
        ("DATASETT: {NAME: synthetic}", "no setting DATASETT"),
    ],
)
def test_bad_configs(run, tmp_path, content, sentence):
    path = tmp_path / "own.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=sentence):
        run("OUTPUT", tmp_path / "out", config=path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root ignores permissions")
def test_no_permission(run, cloud, tmp_path):
    cloud.chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        run("--input", cloud, "--classes", "a,b")
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(InputError, match="set OUTPUT to another folder"):
        run("OUTPUT", tmp_path / "closed")


ENDS = {
    "interrupted": (KeyboardInterrupt(), 130, "interrupted: "),
    "full disk": (OSError(28, "No space left on device"), 2, "error: Cannot write the results to"),
    "no memory": (MemoryError("Unable to allocate 9 TiB"), 2, "error: Out of memory"),
    "no GPU memory": (torch.OutOfMemoryError("CUDA out of memory"), 2, "error: Out of memory"),
}


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("kind", ENDS)
def test_interrupted_run_leaves_no_incomplete_files(run, tmp_path, monkeypatch, capsys, kind):
    reason, code, words = ENDS[kind]

    class Writer:
        def __init__(self, file):
            self.file = file

        def writerow(self, row):
            self.file.write("half a line")

        def writerows(self, rows):
            raise reason

    monkeypatch.setattr("pointclip.runs.output.csv.writer", Writer)
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: run("DATASET.MAX_SHAPES", 1))
    assert caught.value.code == code
    printed = capsys.readouterr().err
    assert printed.startswith(words)
    assert printed.count("\n") == 1
    assert not [name for name in names_below(tmp_path / "out") if "predictions" in name]


def test_a_terminal_without_utf8(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    run_command(lambda: print("späce"))
    assert written.getvalue() == b"sp\\xe4ce\n"


def test_closed_output_pipe(monkeypatch, tmp_path):
    class ClosedPipe(io.StringIO):
        def flush(self):
            raise BrokenPipeError

        def fileno(self):
            return file.fileno()

    with open(tmp_path / "a", "w", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdout", ClosedPipe())
        with pytest.raises(SystemExit) as caught:
            run_command(lambda: None)
        monkeypatch.undo()
    assert caught.value.code == 1


def test_ctrl_c_in_the_middle(tmp_path):
    words = ["--config", CONFIGS / "demo.yaml", "OUTPUT", tmp_path, "PROMPTS.FILE", "", "BATCH_SIZE", "1"]
    process = subprocess.Popen([sys.executable, command.__file__, *map(str, words)], stderr=subprocess.PIPE)
    try:
        printed = b""
        while b"encode" not in printed and (more := process.stderr.read(1)):  # until a progress bar shows
            printed += more
        process.send_signal(signal.SIGINT)
        printed += process.stderr.read()
        code = process.wait(30)
    finally:
        process.kill()
    assert code == 130, printed
    assert b"Traceback" not in printed
    assert b"interrupted: " in printed
    assert names_below(tmp_path) == set()


def test_shapes_of_unknown_class_are_classified_but_not_scored(run, tmp_path, capsys):
    folder = run("DATASET.NAME", write_some_unknown(tmp_path, [0, 1, -1, 0]), "PROMPTS.FILE", "")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["shapes"] == 3
    assert any(note.startswith("1 shape(s) of unknown class") for note in metrics["notes"])
    assert [row["truth"] for row in predictions_of(folder)] == ["mug", "table", "", "mug"]
    rate = float(re.search(r"\n3 shapes at (.*) shapes/s", capsys.readouterr().out).group(1))
    assert rate == pytest.approx(metrics["shapes_per_second"], abs=0.06)


def test_data_set_of_unknown_classes_only_is_rejected(run, tmp_path):
    with pytest.raises(InputError, match="No shape's class is known"):
        run("DATASET.NAME", write_some_unknown(tmp_path, [-1, -1]), "PROMPTS.FILE", "")
