"""The detection command, end to end, and its errors for bad input."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from pointclip.datasets import axes
from pointclip.datasets.up_axis import CUES, SURE
from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from tests.endings import exit_code
from tests.promises import read_metrics
from zeroshot_det import main as command
from zeroshot_det.average_precision import AveragePrecision, every_class
from zeroshot_det.boxes import inside
from zeroshot_det.detection_files import BOX_COLUMNS
from zeroshot_det.proposals.base import Proposals
from zeroshot_det.proposals.files import write_proposals
from zeroshot_det.scenes.rooms import make_room
from zeroshot_det.settings import load, parse

CONFIGS = Path(command.__file__).with_name("configs")


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(3)
    return load_encoder("tiny-vit", None, precision="fp32")


@pytest.fixture(autouse=True)
def tiny(encoder, monkeypatch):
    monkeypatch.setattr("pointclip.runs.opening.load_encoder", lambda *_: encoder)


@pytest.fixture
def run(tmp_path):
    """Run main() on few rooms with a tiny encoder and the template; returns metrics and the run's folder."""

    def run(*words: object, config: str = "demo", more: tuple = ()) -> tuple[dict, Path]:
        settings = ["OUTPUT", tmp_path / "out", "DATASET.MAX_SHAPES", 1, "PROPOSALS.MAX_BOXES", 4, "PROMPTS.FILE", ""]
        flags = ["--quiet", "--config", CONFIGS / config]
        metrics = command.main(list(map(str, [*flags, *words, *([] if "--input" in words else settings), *more])))
        return metrics, tmp_path / "out" / config

    return run


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A room with y up and far from the origin, as a double-precision .ply: path, room, points of the file."""
    room = make_room(3)
    points = axes.from_z_up(room.points.astype(np.float64), "y") + np.array([10, 20, 30])
    path = tmp_path_factory.mktemp("scans") / "room.ply"
    trimesh.PointCloud(points).export(path)
    return path, room, points


def test_run_scores_rooms_and_writes_its_files(run, capsys):
    metrics, folder = run()
    written = read_metrics(folder)
    assert set(written) == set(metrics)
    assert written["map25"] == metrics["map25"]
    assert written["class_ap25"]["mug"] is None  # none in that room
    assert (metrics["task"], metrics["scenes"]) == ("zero-shot detection", 1)
    assert 0 <= metrics["map50"] <= metrics["map25"] <= 100
    assert metrics["proposal_recall50"] <= metrics["proposal_recall25"] <= 100
    assert set(metrics["map25_by_mean"]) == {"published", "with truth", "with both"}
    assert metrics["scoring"]["per_class_proposals"] is True
    assert metrics["classifier"]["logits"] == "mean"
    assert metrics["nms"]["order"] == "objectness"
    with open(folder / "predictions.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == metrics["detections"]
    assert set(rows[0]) >= {"scene", "class", "score", "x", "dx", "heading"}
    rescored = scores_from_csv(rows, make_room(2_000_000), list(metrics["class_ap25"]))
    for threshold, name in ((0.25, "map25"), (0.5, "map50")):
        assert 100 * rescored.scores(threshold).mean() == pytest.approx(metrics[name], abs=1e-6)
    for name in ("true_labels_map25", "chance_map25"):
        assert set(metrics[f"{name}_by_mean"]) == set(metrics["map25_by_mean"])
        assert metrics[name] <= metrics["bound_map25"]
    assert "chance labels" in capsys.readouterr().out
    page = (folder / "report.html").read_text()
    assert "http" not in page.replace("http://www.w3.org", "")  # nothing is downloaded
    assert len(list((folder / "pictures").glob("*.png"))) == page.count("<figure>") > 0
    again, _ = run(more=("--encoder", "vit_b16", "REPORT", "False"))
    assert again["map25"] == metrics["map25"]


def scores_from_csv(rows: list[dict], room, names: list[str]) -> AveragePrecision:
    """The meter after the boxes of predictions.csv, scored as the run's settings say."""
    numbers = [[float(row[column]) for column in BOX_COLUMNS[3:]] for row in rows]
    objectness, boxes = np.array([line[0] for line in numbers]), np.array([line[1:] for line in numbers])
    shares = np.array([[float(row[f"p_{name}"]) for name in names] for row in rows])
    confident = objectness > 0.05
    meter = AveragePrecision(tuple(names))
    meter.add(*every_class(boxes[confident], shares[confident], objectness[confident]), room.boxes, room.labels)
    return meter


def test_settings_are_recorded_and_have_an_effect(run):
    plain, folder = run(more=("REPORT", "False"))
    predictions = (folder / "predictions.csv").read_text()
    words = ("SCORING.PER_CLASS_PROPOSALS", "False", "CLASSIFIER.LOGITS", "published", "REPORT", "False")
    words += ("CLASSIFIER.BACKGROUND", "wall, floor", "CLASSIFIER.SIZE_FILTER", "0.2")
    other, folder = run("--proposals", "sliding", more=words)
    assert other["proposals"]["method"] == "sliding"
    assert other["scoring"]["per_class_proposals"] is False
    assert other["classifier"]["background"] == "wall, floor"
    assert plain["classifier"]["background"] == ""
    assert (folder / "predictions.csv").read_text() != predictions
    some, _ = run("--classes", "lamp, chair", more=("REPORT", "False"))
    assert [*some["class_ap25"]] == ["chair", "lamp"]
    assert some["true_boxes"] == sum(make_room(2_000_000).labels[:, None] == [0, 2]).sum()
    _, folder = run(config="demo_pointclip_v1", more=("REPORT", "False"))
    assert (folder / "predictions.csv").read_text() != predictions


def test_boxes_of_a_scan_are_in_its_frame(run, scan, tmp_path, capsys):
    path, room, points = scan
    flags = ("--input", path.parent / "*.ply", "OUTPUT", tmp_path / "out", "PROPOSALS.MAX_BOXES", 4, "--json")
    metrics, folder = run(*flags, "--classes", "chair, table, lamp", config="own_scans")
    folder = next((tmp_path / "out").glob("own_scans*/input"))
    written = json.loads((folder / "scan-1/boxes.json").read_text())
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    assert (answer["file"], answer["up"], answer["up_by"]) == (str(path), "y", CUES)
    assert [box["class"] for box in answer["boxes"]] == [box["class"] for box in written["boxes"]]
    assert any(f"up axis y (from {CUES}" in note for note in metrics["notes"])
    assert written["up"] == "y"
    with open(folder / "predictions.csv", encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    assert [first[name] for name in ("up", "up_by", "up_sure")] == ["y", CUES, str(answer["up_sure"])]
    assert answer["up_sure"] == (answer["up_margin"] >= SURE)
    assert read_metrics(folder)["dataset"] == "own scans"
    assert "map25" not in metrics
    labels = np.load(folder / "scan-1/labels.npy")
    assert labels.shape == (len(points),)
    assert set(np.unique(labels)) <= {-1, 0, 1, 2, 3}  # 3: "object", whose size fits none of the classes
    best = written["boxes"][0]
    corners = np.array(best["corners"])
    assert ((points >= corners.min(0)) & (points <= corners.max(0))).all(1).sum() >= 5  # where the points are
    np.testing.assert_allclose(corners.mean(0), [best[axis] for axis in "xyz"], atol=1e-4)
    centre = axes.to_z_up(corners.mean(0) - (10, 20, 30), "y")
    z_box = np.array([*centre, best["dx"], best["dz"], best["dy"], best["heading"]])
    assert inside(room.points, z_box).sum() >= 5  # heading and sizes mean what box_rows says
    with open(folder / "scan-1/boxes.csv", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(written["boxes"])
    lines = trimesh.load(folder / "scan-1/boxes.obj")
    all_corners = np.array([box["corners"] for box in written["boxes"]]).reshape(-1, 3)
    np.testing.assert_allclose(lines.bounds, [all_corners.min(0), all_corners.max(0)], atol=1e-4)
    (cloud,), (points_tool,) = ((folder / "scan-1" / tool).iterdir() for tool in ("labelCloud", "SUSTechPOINTS"))
    assert cloud.name == points_tool.name == "room.json"
    label, psr = json.loads(cloud.read_text())["objects"][0], json.loads(points_tool.read_text())[0]["psr"]
    assert label["name"] == best["class"]
    assert psr["position"] == label["centroid"] == {axis: best[axis] for axis in "xyz"}
    assert [*label["dimensions"].values()] == [*psr["scale"].values()] == [best[f"d{axis}"] for axis in "xyz"]
    assert psr["rotation"] == {"x": 0, "y": best["heading"], "z": 0}  # about the scan's up axis
    assert label["rotations"]["y"] == pytest.approx(np.rad2deg(best["heading"]) % 360, abs=1e-4)
    head = (folder / "scan-1/boxes.ply").read_text().splitlines()
    assert head[2:4] == [f"element vertex {8 * len(written['boxes'])}", "property double x"]


def test_boxes_from_files_with_a_bad_file(run, tmp_path, capsys):
    rooms = [make_room(2_000_000), make_room(2_000_001)]
    boxes = rooms[0].boxes
    far = boxes[:1] + np.array([50, 0, 0, 0, 0, 0, 0])
    write_proposals(tmp_path / "test-room-0.npz", Proposals(np.concatenate([boxes, far]), np.full(len(boxes) + 1, 0.9)))
    degrees = rooms[1].boxes.copy()
    degrees[:, 6] = 90
    write_proposals(tmp_path / "test-room-1.npz", Proposals(degrees, np.full(len(degrees), 0.9)))
    words = ("PROPOSALS.METHOD", "files", "PROPOSALS.FOLDER", tmp_path, "PROPOSALS.MAX_BOXES", 20)
    words += ("REPORT", "False", "DATASET.MAX_SHAPES", 2)
    metrics, _ = run(more=words)
    assert metrics["scenes"] == 1
    assert "degrees" in metrics["scenes_left_out"]["test-room-1"]
    assert metrics["proposal_recall50"] == 100
    printed = capsys.readouterr().out
    assert "1 proposed box(es) lie outside the scan" in printed
    assert "test-room-1 was left out" in printed
    with pytest.raises(InputError, match="degrees"):
        run(more=(*words, "ON_BAD_SHAPE", "stop"))
    (tmp_path / "test-room-0.npz").unlink()
    with pytest.raises(InputError, match="no boxes to classify"):
        run(more=words)


def test_a_scan_in_which_nothing_is_found_is_no_error(tmp_path, capsys):
    points = np.random.default_rng(0).random((4000, 3)) * [4, 0.001, 4]
    np.save(tmp_path / "floor.npy", points.astype(np.float32))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "floor.npy").read_bytes()[:200])
    words = [tmp_path / "floor.npy", tmp_path / "cut.npy", "--classes", "chair, lamp", "--up", "y", "--json", "--quiet"]
    command.main([*map(str, words), "OUTPUT", str(tmp_path / "out")])
    document = json.loads(capsys.readouterr().out)
    floor, cut = document["answers"]
    assert floor["boxes"] == []
    assert "cut.npy" in cut["error"]
    assert any("no box was proposed" in note for note in document["notes"])
    assert document["exit_code"] == 3
    with pytest.raises(InputError, match=r"cut\.npy") as caught:
        command.main([str(tmp_path / "cut.npy"), *map(str, words[2:]), "OUTPUT", str(tmp_path / "out")])
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--classes", "chair, lmap"], "did you mean 'lamp'"),
        (["DATASET.CATEGORIES", "zeppelin"], "it has chair, table"),
        (["--up", "y"], "needs? files of your own"),
        (["PROPOSALS.METHOD", "guess"], "clusters"),
        (["PROPOSALS.METHOD", "files"], "PROPOSALS.FOLDER"),
        (["CLASSIFIER.SIZE_FILTER", "1.5"], "0 to 0.99"),
        (["SCORING.MEAN", "all"], "with truth"),
        (["DATASET.NAME", "kitti"], "synthetic_rooms, scanned_rooms, scannet, sunrgbd"),
        (["DATASET.NAME", "scannet", "DATASET.SPLIT", "val", "DATASET.ROOT", "/nowhere"], "agree to the terms"),
        (["--input", "nowhere.ply", "--classes", "chair, lamp"], "does not exist"),
        (["--input", "nowhere.ply", "--classes", "chair"], "'chair' is the only class"),
        (["--input", "nowhere.ply"], "There are no class names"),
    ],
)
def test_bad_input_is_rejected_in_one_sentence(run, tmp_path, words, message):
    if "--input" in words:
        words = [*words, "OUTPUT", str(tmp_path), "PROMPTS.FILE", ""]
    with pytest.raises(InputError, match=message) as caught:
        run(*words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["DATASET.ROTATION", "vertical"], "no use for DATASET.ROTATION"),
        (["SEARCH.SWEEPS", "3", "SEARCH.START", "all"], "no use for SEARCH.START and SEARCH.SWEEPS"),
        (["PROMPTS.FILE", "published"], "PROMPTS.FILE is 'published', but nothing is published for detection"),
        (["VIEW_WEIGHTS", "published"], "VIEW_WEIGHTS is 'published', but nothing is published for detection"),
    ],
)
def test_settings_of_other_tasks_are_refused(overrides, message):
    with pytest.raises(InputError, match=message):
        load("demo", overrides)


def test_help(capsys):
    assert exit_code(parse, ["--help"]) == 0
    assert "--up" in capsys.readouterr().out
