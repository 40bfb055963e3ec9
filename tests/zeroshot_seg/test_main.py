"""The segmentation command, end to end."""

import csv
import json
import sys
from pathlib import Path

import laspy
import numpy as np
import pytest
import trimesh
from plyfile import PlyData

from pointclip.datasets.synthetic import generate
from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from tests.datasets.layouts import write_shapenetpart
from tests.datasets.some_unknown import write_some_unknown
from tests.promises import read_metrics
from zeroshot_seg import main as command
from zeroshot_seg.settings import parse

CONFIGS = Path(command.__file__).with_name("configs")


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("tiny-vit", None, precision="fp32")


@pytest.fixture
def run(encoder, tmp_path, monkeypatch):
    """Run the command with a tiny encoder; returns the run's folder."""
    monkeypatch.setattr("pointclip.runs.opening.load_encoder", lambda *_: encoder)

    def run(*words: str, config: str = "demo") -> Path:
        path = str(CONFIGS / f"{config}.yaml")
        overrides = ["OUTPUT", str(tmp_path / "out"), "PROMPTS.FILE", ""]
        monkeypatch.setattr(sys, "argv", ["main.py", "--quiet", "--config", path, *map(str, words), *overrides])
        command.main()
        return tmp_path / "out" / config

    return run


def test_run_writes_its_files(run, capsys):
    folder = run("DATASET.MAX_SHAPES", "5", "--save-ply")
    metrics = read_metrics(folder)
    assert metrics["task"] == "zero-shot part segmentation"
    assert metrics["dataset"] == "synthetic (test)"
    assert metrics["shapes"] == 5
    assert (metrics["lookup"], metrics["protocol"], metrics["iou_rule"]) == ("corrected", "standard", "standard")
    assert 0 < metrics["instance_miou"] < 100
    with open(folder / "predictions.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert np.mean([float(row["iou"]) for row in rows]) == pytest.approx(metrics["instance_miou"], abs=1e-3)
    assert len(list((folder / "pictures").glob("*.png"))) == 6
    assert (folder / "report.html").stat().st_size > 1000
    table = capsys.readouterr().out
    assert "largest part" in table
    assert f"{metrics['instance_miou']:.1f}" in table
    clouds = sorted((folder / "ply").glob("*.ply"))
    assert len(clouds) == 5
    vertices = PlyData.read(str(clouds[0]))["vertex"]
    assert len(vertices) == 2048
    assert set(vertices.data.dtype.names) == {"x", "y", "z", "red", "green", "blue", "label"}


def test_written_settings_reproduce_the_run(run):
    folder = run("DATASET.MAX_SHAPES", "3", "SEED", "4", "LOOKUP", "published")
    first = (folder / "predictions.csv").read_bytes()
    config = folder / "config.yaml"
    assert "published" in config.read_text()
    sys.argv[3] = str(config)
    command.main()
    assert (folder.parent / "config" / "predictions.csv").read_bytes() == first


def test_shapenetpart_one_category(run, tmp_path):
    write_shapenetpart(tmp_path, per_class=2)
    words = ("DATASET.ROOT", tmp_path, "DATASET.CATEGORIES", "mug, lamp", "VIEW_WEIGHTS", "published")
    metrics = read_metrics(run(*words, config="shapenetpart_vit_b16"))
    assert metrics["shapes"] == 4
    assert set(metrics["category_miou"]) == {"mug", "lamp"}
    assert any("labels of the test split" in note for note in metrics["notes"])  # the published view weights


def test_protocol_and_rule_are_reported(run):
    words = ("DATASET.MAX_SHAPES", "4", "DATASET.CATEGORIES", "lamp")
    results = {
        rule: read_metrics(run(*words, "PROTOCOL", "published", "IOU_RULE", rule)) for rule in ("standard", "skip")
    }
    for rule, metrics in results.items():
        assert (metrics["protocol"], metrics["iou_rule"]) == ("published", rule)
    assert results["skip"]["instance_miou"] < results["standard"]["instance_miou"]  # lamps have no more than 3 parts


def test_own_shapes(run, tmp_path, capsys):
    np.save(tmp_path / "a.npy", generate("chair", 5).points)
    np.save(tmp_path / "b.npy", generate("mug", 5, 700).points)
    folder = run("--input", tmp_path / "a.npy", tmp_path / "b.npy", "--parts", "seat, back, leg")
    out = capsys.readouterr().out
    assert all(word in out for word in ("seat", "back", "leg", "a.npy", "b.npy"))
    with open(folder / "input" / "predictions.csv", encoding="utf-8", newline="") as file:
        assert [int(row["points"]) for row in csv.DictReader(file)] == [2048, 700]
    assert (folder / "input" / "report.html").exists()
    metrics = read_metrics(folder / "input")
    assert metrics["input"] == {"files": [str(tmp_path / "a.npy"), str(tmp_path / "b.npy")], "up": "auto"}
    assert [list(parts) for parts in metrics["parts"].values()] == [["seat", "back", "leg"]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--parts", "a"], "need files of your own"),
        (["--input", "none.npy"], "There are no part names"),
        (["none.npy", "--parts", "a"], "'a' is the only part"),
        (["none.npy", "--parts", "a;b"], "separate them by commas"),
        (["--input", "none.npy", "--parts", "a,a"], "'a' are given more than once"),
        (["--input", "none.npy", "--parts", "a,b"], "none.npy"),
        (["DATASET.CATEGORIES", "sofa"], "expected names out of"),
        (["LOOKUP", "mirrored"], "corrected or published"),
        (["--input", __file__, "--parts", "a,b", "VIEW_WEIGHTS", "published"], "none for 'shape'"),
        (["PROTOCOL", "x"], "standard or published"),
        (["IOU_RULE", "x", "DATASET.MAX_SHAPES", "1"], "standard or skip"),
        (["PROMPTS.TEMPLATE", "a part"], "needs {}"),
        (["VIEW_WEIGHTS", "1, 1"], "10 numbers"),
        (["DATASET.NAME", "modelnet40"], "modelnet40"),
    ],
)
def test_bad_input_gives_one_sentence(run, words, message):
    with pytest.raises(InputError) as caught:
        run(*words)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_misspelt_category_suggests_the_nearest(tmp_path):
    with pytest.raises(InputError, match=r"no part names for the category 'chiar'.*Did you mean chair\?"):
        parse(["none.npy", "--category", "chiar", "OUTPUT", str(tmp_path)])


def test_shape_without_part_labels_stops_or_is_skipped(run, tmp_path):
    dataset = write_some_unknown(tmp_path, [0, -1, 0])
    with pytest.raises(InputError, match=r"mug 1: no part label is known.* Set ON_BAD_SHAPE skip"):
        run("DATASET.NAME", dataset)
    metrics = read_metrics(run("DATASET.NAME", dataset, "ON_BAD_SHAPE", "skip"))
    assert (metrics["shapes"], metrics["shapes_left_out"]) == (2, 1)


def test_an_own_file_is_written_whole_in_its_own_frame(run, tmp_path, capsys):
    mesh = trimesh.creation.icosphere(subdivisions=2).apply_translation([0, 5, 900])
    mesh.export(tmp_path / "ball.obj")
    points = generate("mug", 3, 60).points
    points[[0, 7]] = np.nan
    np.save(tmp_path / "a.npy", np.column_stack([points, np.arange(60)]))
    scan = laspy.LasData(laspy.LasHeader(point_format=3, version="1.2"))
    scan.x, scan.y, scan.z = generate("mug", 3, 60).points.T
    scan.classification = np.arange(60) % 5
    scan.write(tmp_path / "c.laz")
    words = ("--input", tmp_path / "a.npy", tmp_path / "ball.obj", tmp_path / "c.laz", "--up", "z", "--category", "mug")
    words = (*words, "--parts", "handle,cup", "--save-ply", "--save-glb", "--save-las", "--json", "REPORT", False)
    folder = run(*words, config="own_shapes").with_name("own_shapes_vit_b16") / "input"

    cloud, ball, with_fields = (PlyData.read(path) for path in sorted((folder / "ply").glob("*.ply")))
    assert np.flatnonzero(cloud["vertex"]["label"] == -1).tolist() == [0, 7]
    assert np.array_equal(np.stack([cloud["vertex"][axis] for axis in "xyz"], axis=1), points, equal_nan=True)
    assert cloud["vertex"]["column_4"].tolist() == list(range(60))
    assert with_fields["vertex"]["classification"].tolist() == np.asarray(scan.classification).tolist()
    (las,) = (folder / "las").iterdir()
    assert las.name == "00002_c_laz.laz"
    assert laspy.read(las).label.tolist() == with_fields["vertex"]["label"].tolist()
    assert np.array_equal(laspy.read(las).classification, scan.classification)
    assert any("2 of 60 rows have NaN" in note for note in read_metrics(folder)["notes"])
    vertices = np.stack([ball["vertex"][axis] for axis in "xyz"], axis=1)
    np.testing.assert_allclose(vertices, mesh.vertices, atol=1e-4)
    assert np.stack(ball["face"]["vertex_indices"]).tolist() == mesh.faces.tolist()
    assert set(np.unique(ball["face"]["label"])) <= {0, 1}
    np.testing.assert_allclose(trimesh.load(folder / "glb/00001_ball_obj.glb").bounds, mesh.bounds, atol=1e-3)

    of_cloud, of_ball, _ = json.loads(capsys.readouterr().out)["answers"]
    assert (of_cloud["counted"], of_ball["counted"]) == ("points", "faces")
    assert sum(part["count"] for part in of_cloud["parts"]) == 58
    assert sum(part["count"] for part in of_ball["parts"]) == len(mesh.faces)
    assert sum(part["share"] for part in of_ball["parts"]) == pytest.approx(1)
    assert of_ball["up_by"] == "--up"
    with open(folder / "predictions.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert int(rows[1]["cup count"]) == of_ball["parts"][1]["count"]
    assert float(rows[1]["cup share"]) == pytest.approx(of_ball["parts"][1]["share"], abs=1e-6)
