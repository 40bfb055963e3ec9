"""The meter against the published evaluation's scores and against a literal implementation of its rules."""

from pathlib import Path

import numpy as np
import pytest

from pointclip.errors import InputError
from zeroshot_det.average_precision import AveragePrecision, every_class, recalled, top_class
from zeroshot_det.boxes import from_camera_corners, iou

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures/published_votenet_ap.npz"
DETECTOR = "PrimerEntrenamiento"  # its name in the fixture
BOX = np.array([0, 0, 0, 1, 1, 1, 0.0])


def at(x: float) -> np.ndarray:
    return BOX + np.array([x, 0, 0, 0, 0, 0, 0])


@pytest.fixture(scope="module")
def published():
    with np.load(FIXTURE) as file:
        return dict(file)


def meter_of(published, interpolation="all") -> AveragePrecision:
    meter = AveragePrecision(tuple("abcdefghij"), interpolation)
    truth, boxes = (from_camera_corners(published[f"{name}_corners"]) for name in ("truth", DETECTOR))
    for scene in range(8):
        predicted, true = published[f"{DETECTOR}_scene"] == scene, published["truth_scene"] == scene
        labels, scores = published[f"{DETECTOR}_class"][predicted], published[f"{DETECTOR}_score"][predicted]
        meter.add(boxes[predicted], labels, scores, truth[true], published["truth_class"][true])
    return meter


@pytest.mark.parametrize("threshold", [0.25, 0.5])
def test_agrees_with_the_published_evaluation(published, threshold):
    scores = meter_of(published).scores(threshold)
    expected = published[f"{DETECTOR}_ap{round(100 * threshold)}"]
    np.testing.assert_allclose(scores.average_precision, expected, atol=1e-6)  # NaN without true boxes
    assert np.isnan(expected).sum() == 7
    assert scores.mean("published") == pytest.approx(np.nansum(expected) / 10)
    assert scores.mean("with truth") == scores.mean("with both") == pytest.approx(np.nanmean(expected))


def literal(boxes, labels, scores, scenes, truth, truth_labels, truth_scenes, k, threshold):
    """Recall and precision of a class, visiting its boxes one by one."""
    taken, hits = set(), []
    total = int((truth_labels == k).sum())
    for d in sorted(np.flatnonzero(labels == k), key=lambda d: -scores[d]):
        there = np.flatnonzero((truth_labels == k) & (truth_scenes == scenes[d]))
        overlaps = iou(boxes[d : d + 1], truth[there])[0] if len(there) else np.zeros(0)
        best = there[overlaps.argmax()] if len(there) else None
        hit = len(there) > 0 and overlaps.max() > threshold and best not in taken
        hits.append(hit)
        if hit:
            taken.add(best)
    recall = np.cumsum(hits) / total
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return recall, precision


@pytest.mark.parametrize("interpolation", ["all", "11"])
@pytest.mark.parametrize("seed", range(5))
def test_random_scenes_agree_with_the_literal_rules(seed, interpolation):
    rng = np.random.default_rng(seed)
    meter = AveragePrecision(("a", "b", "c"), interpolation)
    parts = []
    for scene in range(4):
        truth = np.column_stack([rng.uniform(0, 2, (5, 3)), rng.uniform(0.5, 1.5, (5, 3)), rng.uniform(-3, 3, 5)])
        boxes = truth[rng.integers(0, 5, 20)] + rng.normal(0, 0.12, (20, 7))
        labels, truth_labels, scores = rng.integers(0, 3, 20), rng.integers(0, 3, 5), rng.random(20)
        meter.add(boxes, labels, scores, truth, truth_labels)
        parts.append((boxes, labels, scores, np.full(20, scene), truth, truth_labels, np.full(5, scene)))
    joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
    for threshold in (0.25, 0.5):
        scores = meter.scores(threshold)
        for k in range(3):
            recall, precision = literal(*joined, k, threshold)
            if interpolation == "11":
                reached = [precision[recall >= r].max(initial=0) for r in np.arange(0, 1.1, 0.1)]
                expected = np.mean(reached)
            else:
                steps = np.diff(recall, prepend=0)
                expected = sum(step * precision[i:].max() for i, step in enumerate(steps))
            assert scores.average_precision[k] == pytest.approx(expected, abs=1e-12)
            assert scores.recall[k] == pytest.approx(recall[-1])


def test_true_positive_needs_iou_over_the_threshold_and_an_unmatched_box():
    meter = AveragePrecision(("a",))
    meter.add(np.array([at(0.6), BOX, BOX]), [0, 0, 0], [0.9, 0.8, 0.7], BOX[None], [0])
    overlap = iou(at(0.6)[None], BOX[None])[0, 0]
    assert overlap == pytest.approx(0.25)
    assert meter.scores(overlap).average_precision[0] == 0.5  # the first just misses, the third is a duplicate
    assert meter.scores(overlap - 1e-9).average_precision[0] == 1


def test_box_that_overlaps_a_matched_box_most_is_a_false_positive():
    meter = AveragePrecision(("a",))
    meter.add(np.array([BOX, at(0.1)]), [0, 0], [0.9, 0.8], np.array([BOX, at(0.3)]), [0, 0])
    assert meter.scores(0.25).recall[0] == 0.5  # at(0.1) overlaps BOX more than at(0.3)


def test_class_without_predictions_does_not_shift_other_classes():
    """The published code assigns scores by position among the classes with true boxes: b's score would be a's."""
    meter = AveragePrecision(("a", "b", "c"))
    truth = np.array([BOX, at(5), at(10)])
    meter.add(np.array([at(5), at(12)]), [1, 2], [0.9, 0.8], truth, [0, 1, 2])
    scores = meter.scores(0.25)
    with_predictions = [scores.average_precision[k] for k in range(3) if scores.predictions[k]]
    by_position = dict(zip("abc", with_predictions, strict=False))  # as published: a has no score, yet gets b's
    assert by_position == {"a": 1.0, "b": 0.0}
    assert scores.average_precision.tolist() == [0, 1, 0]


def test_means_cover_the_right_classes():
    meter = AveragePrecision(("hit", "missed", "alarm", "absent"))
    meter.add(np.array([BOX, BOX]), [0, 2], [0.9, 0.8], np.array([BOX, at(3)]), [0, 1])
    scores = meter.scores(0.25)
    np.testing.assert_array_equal(scores.average_precision, [1, 0, np.nan, np.nan])
    assert scores.mean("published") == pytest.approx(1 / 3)
    assert scores.mean("with truth") == 0.5
    assert scores.mean("with both") == 1
    with pytest.raises(InputError, match="'published', 'with truth', 'with both'"):
        scores.mean("all")
    assert np.isnan(AveragePrecision(("a",)).scores(0.25).mean())


def test_every_class_and_top_class():
    boxes, p, objectness = np.array([BOX, at(1)]), np.array([[0.6, 0.4], [0.1, 0.9]]), np.array([0.5, 1])
    repeated, labels, scores = every_class(boxes, p, objectness)
    assert repeated[:, 0].tolist() == [0, 0, 1, 1]
    assert labels.tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(scores, [0.3, 0.2, 0.1, 0.9])
    _, labels, scores = top_class(boxes, p, objectness)
    assert labels.tolist() == [0, 1]
    np.testing.assert_allclose(scores, [0.3, 0.9])


def test_recall_without_labels():
    assert recalled(np.array([at(0.1)]), np.array([BOX, at(3)]), 0.5).tolist() == [True, False]
    assert recalled(np.zeros((0, 7)), BOX[None], 0.5).tolist() == [False]


SIX, DEGREES, FLAT = BOX[None, :6], BOX[None] + [0, 0, 0, 0, 0, 0, 90], BOX[None] - [0, 0, 0, 2, 0, 0, 0]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": [0, 1]}, "2 labels and 1 scores"),
        ({"labels": [7]}, "Predictions: labels range from 7 to 7; expected 0 to 1"),
        ({"labels": [0.5]}, "Predictions: labels are float64 .* whole numbers"),
        ({"labels": ["a"]}, "whole numbers"),
        ({"truth_labels": [np.nan]}, "True boxes: labels are float64"),
        ({"truth_labels": [True]}, "True boxes: labels are bool"),
        ({"scores": [np.nan]}, "Scores are float64"),
        ({"scores": [87]}, "from 87 to 87; expected numbers .* from 0 to 1: pass logits through a sigmoid"),
        ({"scores": [-0.1]}, "expected numbers .* from 0 to 1"),
        ({"boxes": BOX[None] * np.nan}, "Predictions: box 0 holds NaN"),
        ({"truth": FLAT}, "True boxes: box 0 has the size -1 × 1 × 1"),
        ({"truth": DEGREES}, "True boxes: box 0 has the heading 90; expected radians .* degrees"),
        ({"boxes": np.tile(SIX, (7, 1))}, r"shape \[7, 6\]; expected numbers \[n, 7\].*append a heading of 0"),
        ({"boxes": np.zeros((1, 8, 3))}, "from_camera_corners takes corners"),
    ],
)
def test_invalid_arrays_are_rejected(arrays, message):
    sound = {"boxes": BOX[None], "labels": [0], "scores": [0.5], "truth": BOX[None], "truth_labels": [0]}
    meter = AveragePrecision(("a", "b"))
    with pytest.raises(InputError, match=message):
        meter.add(**sound | arrays)
    assert meter.scenes == 0
    meter.add(**sound)
    meter.add([], [], [], [], [])
    assert meter.scores(1).recall[0] == 0  # an IoU of 1 is not over 1


@pytest.mark.parametrize("threshold", [0, 25, -0.5, np.nan, "0.5", None])
def test_thresholds_are_over_0_and_at_most_1(threshold):
    with pytest.raises(InputError, match=r"IoU threshold is .* above 0 and at most 1"):
        AveragePrecision(("a",)).scores(threshold)
    with pytest.raises(InputError, match="IoU threshold"):
        recalled(BOX[None], BOX[None], threshold)


def test_other_interpolations_are_rejected():
    with pytest.raises(InputError, match="'all' or '11'"):
        AveragePrecision(("a",), "40")
