"""Detection scores and their references: all over the same classes, and the bound is one."""

import numpy as np
import pytest

from zeroshot_det.detector import Detections
from zeroshot_det.proposals.base import Proposals
from zeroshot_det.proposals.scene_proposals import SceneProposals
from zeroshot_det.scores import evaluate, most_matched
from zeroshot_det.settings import detection_defaults

NAMES = ("chair", "table", "lamp")  # lamps are predicted, but there are none


def boxes_at(*places: float) -> np.ndarray:
    return np.array([[x, 0, 0, 1, 1, 1, 0] for x in places], float)


def scored(boxes: np.ndarray, objectness: list[float], truth: np.ndarray, labels: list[int], labelled: list[int]):
    """The scores of one scene whose boxes are surely of the classes `labelled`."""
    probabilities, objectness = np.eye(len(NAMES))[labelled], np.array(objectness)
    entry = SceneProposals(0, Proposals(boxes, objectness), truth, np.array(labels))
    return evaluate([entry], [Detections(boxes, objectness, probabilities)], NAMES, detection_defaults())


@pytest.mark.parametrize(
    ("mean", "bound", "counted"),
    [
        ("published", 2 / 3, "3 classes, 2 of them with true boxes"),  # every box counts for the lamp, too
        ("with truth", 1, "2 classes"),
        ("with both", 1, "2 classes"),
    ],
)
def test_a_perfect_detector_equals_its_references_whichever_classes_are_counted(mean, bound, counted):
    scores = scored(boxes_at(0, 5), [0.9, 0.8], boxes_at(0, 5), [0, 1], [0, 1])
    means = scores.means(0.25, mean)
    assert means["predicted"] == means["true labels"] == means["bound"]
    assert means["bound"] == pytest.approx(bound)
    assert scores.classes_counted(mean) == counted


def test_true_labels_are_no_bound_and_the_bound_is():
    """The box of higher objectness suppresses the better one of the same label: only the bound counts that one."""
    boxes = boxes_at(0.4, 0.1)  # IoU with the true box: 0.43, 0.82
    scores = scored(boxes, [0.9, 0.8], boxes_at(0), [0], [1, 0])
    assert scores.true_labels[0.5].average_precision[0] == 0
    assert scores.predicted[0.5].average_precision[0] > 0
    assert scores.bound[0.5][0] == 1
    assert np.isnan(scores.bound[0.5][1:]).all()


def test_a_box_matches_one_true_box_of_a_class():
    enough = np.array([[1, 1, 1], [1, 0, 0]], bool)  # box 0 overlaps everything
    assert most_matched(enough, np.array([0, 0, 1]), 2).tolist() == [2, 1]
    assert most_matched(enough[:1], np.array([0, 0, 1]), 2).tolist() == [1, 1]
    assert most_matched(enough[:0], np.array([0, 0, 1]), 2).tolist() == [0, 0]
