"""The faces answer as their commands do, keep what was set, and say what is wrong."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import pointclip
from fewshot_cls.main import main as fewshot
from pointclip import Classifier, Detector, FewShotClassifier, Segmenter
from pointclip.datasets.synthetic import generate
from pointclip.encoder import load_encoder
from pointclip.errors import InputError
from zeroshot_cls.main import main as classify
from zeroshot_cls.realistic_projection import RealisticProjection
from zeroshot_det.main import main as detect
from zeroshot_det.scenes.rooms import SyntheticRooms
from zeroshot_seg.main import main as segment

KINDS = ("chair", "car", "mug", "lamp")
CLASSES = ["chair", "car", "lamp"]
FEW = {"DATASET.NUM_POINTS": 64}


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(3)
    return load_encoder("tiny-vit-14", None, precision="fp32")


@pytest.fixture
def shapes(tmp_path, encoder, monkeypatch):
    """A folder of shapes, beside which commands run with the same encoder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pointclip.runs.opening.load_encoder", lambda *_: encoder)
    folder = tmp_path / "shapes"
    folder.mkdir()
    for name in KINDS:
        np.save(folder / f"{name}.npy", generate(name, 1, 200).points)
    return folder


def run(main, *words) -> list[dict]:
    """The rows of a command's predictions.csv."""
    settings = ["--quiet", "OUTPUT", "out", "REPORT", "False", "SENTENCE_CACHE", "none"]
    main([str(word) for word in (*words, *settings)])
    (path,) = Path("out").glob("*/input/predictions.csv")
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def own(shapes):
    """A config for files of one's own with that encoder, of each task."""
    (shapes.parent / "own.yaml").write_text("ENCODER:\n  NAME: tiny-vit-14\nDATASET:\n  NUM_POINTS: 64\n")
    return "--config", shapes.parent / "own.yaml"


def test_classifier_answers_as_the_command(shapes, own, encoder):
    rows = run(classify, *own, shapes, "--classes", ",".join(CLASSES))
    answers = Classifier(encoder, CLASSES, settings=FEW)([shapes])
    for answer, row in zip(answers, rows, strict=True):
        assert (answer.shape, answer.label) == (row["shape"], row["prediction"])
        assert f"{answer.probability:.6f}" == row["probability_1"]
        assert list(answer.probabilities) == [row[f"class_{rank}"] for rank in (1, 2, 3)]
        assert (answer.up.axis, f"{answer.margin:.6f}") == (row["up"], row["margin"])


def test_segmenter_answers_as_the_command(shapes, own, encoder):
    rows = run(
        segment,
        *own,
        shapes,
        "--category",
        "chair",
        "--parts",
        "seat,back",
        "DATASET.NUM_POINTS=0",
        "PROMPTS.FILE=shapenetpart",
    )
    answers = Segmenter(encoder, ["seat", "back"], category="chair")(shapes)
    for answer, row in zip(answers, rows, strict=True):
        assert len(answer.labels) == 200
        assert [f"{answer.shares[part]:.6f}" for part in answer.parts] == [row["seat share"], row["back share"]]
        assert answer.mask("seat").sum() == int(row["seat count"])


def test_few_shot_answers_as_the_command_and_from_its_file(shapes, own, encoder):
    for kind in ("chair", "car"):
        (shapes.parent / "mine" / kind).mkdir(parents=True)
        for seed in range(5):
            np.save(shapes.parent / "mine" / kind / f"{seed}.npy", generate(kind, seed + 2, 100).points)
    rows = run(fewshot, *own, shapes, "--train", "mine", "SHOTS", 0)
    few = FewShotClassifier(encoder, settings=FEW).fit("mine")
    answers = few(shapes)
    assert [(answer.label, f"{answer.probability:.6f}") for answer in answers] == [
        (row["prediction"], row["probability"]) for row in rows
    ]
    few.save("head.safetensors")
    for path in ("head.safetensors", "out/own/input/head.safetensors"):
        again = FewShotClassifier.load(path, encoder, settings=FEW)(shapes)
        for answer, other in zip(answers, again, strict=True):
            np.testing.assert_array_equal(answer.shares, other.shares)


@pytest.mark.parametrize("method", ["adapter", "tip_adapter_f", pytest.param("smoothing", marks=pytest.mark.slow)])
def test_methods_that_train_are_read_from_their_files(method, encoder, tmp_path):
    clouds = [generate(kind, seed, 64).points for kind in ("chair", "car") for seed in (1, 2)]
    few = {"TRAIN.EPOCHS": 1, "PROJECTION.VIEWS": "0,4"}
    trained = FewShotClassifier(encoder, method, settings=few).fit(clouds, ["chair", "chair", "car", "car"])
    trained.save(tmp_path / "head.safetensors")
    again = FewShotClassifier.load(tmp_path / "head.safetensors", encoder)
    for one, other in zip(trained(clouds), again(clouds), strict=True):
        np.testing.assert_allclose(one.shares, other.shares, atol=1e-6)


def test_detector_answers_as_the_command(shapes, encoder):
    points = SyntheticRooms("test", 1, 1, 0.004)[0].points
    np.save("room.npy", points)
    rows = run(detect, "room.npy", "--classes", "chair,table", "--encoder", "demo", "PROPOSALS.MAX_BOXES", 8)
    with pytest.warns(UserWarning, match="up axis"):
        (answer,) = Detector(encoder, "chair, table", settings={"PROPOSALS.MAX_BOXES": 8})(points)
    assert [(box.label, f"{box.score}", f"{box.centre[0]}") for box in answer.boxes] == [
        (row["class"], row["score"], row["x"]) for row in rows
    ]


def test_arrays_answer_as_their_files_and_answers_are_in_order(shapes, encoder):
    classifier = Classifier(encoder, CLASSES, settings=FEW)
    paths = sorted(shapes.iterdir())
    clouds = [np.load(path) for path in paths]
    from_files = classifier(paths, up="y")
    mixed = classifier([clouds[0], torch.from_numpy(clouds[1])[None], paths[2], clouds[3].astype(np.float64)], up="y")
    for one, other in zip(from_files, mixed, strict=True):
        np.testing.assert_allclose(one.shares, other.shares, atol=1e-6)
    assert [answer.shape for answer in mixed] == ["cloud 0", "cloud 1", str(paths[2]), "cloud 3"]


def test_classes_are_kept_and_can_be_given_for_a_call(encoder, monkeypatch):
    cloud, calls = generate("chair", 1, 64).points, []
    classifier = Classifier(encoder, CLASSES)
    encode = encoder.encode_text_batches
    monkeypatch.setattr(encoder, "encode_text_batches", lambda *args: calls.append(args) or encode(*args))
    first = classifier(cloud)[0]
    assert calls == []
    other = classifier(cloud, {"stool": ["a stool."], "bench": "a bench."})[0]
    assert set(other.probabilities) == {"stool", "bench"}
    assert classifier.classes == tuple(CLASSES)
    assert classifier(cloud)[0].probabilities == first.probabilities
    classifier.set_classes("mug, lamp")
    assert set(classifier(cloud)[0].probabilities) == {"mug", "lamp"}


def test_views_are_what_the_whole_is_made_of(encoder):
    classifier = Classifier(encoder, CLASSES, view_weights=[1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    answer = classifier(generate("chair", 1, 64).points)[0]
    assert len(answer.views) == 10
    assert answer.views[0].label == answer.label
    assert answer.cosines.shape == answer.view_shares.shape == (10, 3)
    assert f"{sum(view.label == answer.label for view in answer.views)} of 10 views say {answer.label}" in repr(answer)


def test_a_projection_of_ones_own_has_its_views(encoder):
    classifier = Classifier(encoder, CLASSES, projection=RealisticProjection(views=[0, 4, 6]))
    assert len(classifier(generate("chair", 1, 64).points)[0].views) == 3
    with pytest.raises(InputError, match="There are 10 view weights, but 3 views"):
        Classifier(encoder, projection=RealisticProjection(views=[0, 4, 6]), view_weights="modelnet40_vit_b16")


def test_bad_shapes_stop_the_call_or_are_skipped(encoder, shapes):
    (shapes / "cut.npy").write_bytes((shapes / "mug.npy").read_bytes()[:200])
    holed = generate("mug", 1, 64).points
    holed[3] = np.nan
    with pytest.raises(InputError, match=r"cut.npy"):
        Classifier(encoder, CLASSES)(shapes)
    skipping = Classifier(encoder, CLASSES, settings={"ON_BAD_SHAPE": "skip"})
    with pytest.warns(UserWarning, match=r"shape 1 was skipped: .*cut.npy") as noted:
        answers = skipping([holed, shapes / "cut.npy", shapes / "mug.npy"])
    assert [answer is None for answer in answers] == [False, True, False]
    assert any("1 of 64 rows have NaN and were dropped" in str(warning.message) for warning in noted)
    with pytest.warns(UserWarning, match="NaN"):
        (parts,) = Segmenter(encoder, ["a", "b"])(holed)
    assert np.flatnonzero(parts.labels < 0).tolist() == [3]


def test_standing_is_checked_once(encoder):
    chair = generate("chair", 1, 400).points
    lying = np.stack([chair[:, 0], -chair[:, 2], chair[:, 1]], 1)
    classifier = Classifier(encoder, CLASSES, settings=FEW)
    with pytest.warns(UserWarning, match="cloud 0 seems to have z up, but arrays count as y up; say up='z'"):
        answer = classifier(lying)[0]
    assert answer.up.axis == "y"
    turned = classifier(lying, up="z")[0]
    np.testing.assert_allclose(turned.shares, classifier(chair)[0].shares, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda encoder, cloud: Classifier(encoder)(cloud), "There are no classes; give them in the call or before"),
        (lambda encoder, cloud: Classifier(encoder, ["chair"]), "'chair' is the only class"),
        (lambda encoder, cloud: Classifier(encoder, ["a", "A"]), "given more than once"),
        (lambda encoder, cloud: Classifier(encoder, {"a": [], "b": ["b"]}), "no list of non-empty sentences for 'a'"),
        (lambda encoder, cloud: Classifier("ViT-B-17", precision="fp32"), "ViT-B-17"),
        (lambda encoder, cloud: Classifier(encoder, settings={"SHOTS": 3}), "There is no setting SHOTS"),
        (lambda encoder, cloud: Classifier(encoder, ["a", "b"])(cloud, up="w"), "The up axis is 'w'"),
        (lambda encoder, cloud: Segmenter(encoder)(cloud), "There are no part names"),
        (lambda encoder, cloud: Detector(encoder, ["a"], settings={"CLASSIFIER.BACKGROUND": ""}), "the only class"),
        (lambda encoder, cloud: FewShotClassifier(encoder)(cloud), "Nothing was learned yet"),
        (lambda encoder, cloud: FewShotClassifier(encoder).fit(cloud), "There are no labels"),
        (lambda encoder, cloud: FewShotClassifier(encoder).fit(cloud, ["a", "b"]), "There are 1 shapes, but 2 labels"),
        (lambda encoder, cloud: FewShotClassifier(encoder).fit(cloud, [1]), "The labels are int; expected a list"),
        (lambda encoder, cloud: FewShotClassifier(encoder, "magic"), "METHOD is 'magic'"),
        (lambda encoder, cloud: Classifier(encoder, device="cpu"), "is loaded, but its weights, device or precision"),
        (lambda encoder, cloud: Classifier(cloud), "The encoder is a numpy array .*; expected a name such as"),
        (lambda encoder, cloud: Classifier(encoder, projection=torch.nn.Identity()), "expected a ViewProjection"),
        (lambda encoder, cloud: Classifier(encoder, view_weights=[1, 2]), "There are 2 view weights, but 10 views"),
        (lambda encoder, cloud: Classifier(encoder, [1, 2]), "The class 1 is of type int; expected names"),
    ],
)
def test_wrong_use_is_named(call, message, encoder):
    with pytest.raises(InputError, match=message):
        call(encoder, generate("chair", 1, 64).points)


def test_the_face_is_shown_and_loads_nothing():
    assert {"Classifier", "Segmenter", "Detector", "FewShotClassifier"} < set(dir(pointclip))
    code = "import sys, pointclip; dir(pointclip); print(sorted({'torch', 'zeroshot_cls'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        getattr(pointclip, "Nonsense")  # noqa: B009
