import numpy as np

from pointclip import metrics


def test_accuracy_by_hand():
    truth, prediction = np.array([0, 0, 0, 1, -1]), np.array([0, 0, 1, 1, 2])
    confusion = metrics.confusion_matrix(truth, prediction, 3)
    assert confusion.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert metrics.accuracy(confusion) == 75
    np.testing.assert_allclose(metrics.class_accuracy(confusion), [200 / 3, 100, np.nan])


def test_no_known_labels():
    confusion = metrics.confusion_matrix(np.array([-1]), np.array([0]), 2)
    assert np.isnan(metrics.accuracy(confusion))
