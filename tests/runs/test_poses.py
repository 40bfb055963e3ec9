"""The up axis by a model that sees both poses."""

import numpy as np
import pytest
import torch

from pointclip.runs.poses import model_judge


class Extractor:
    """Sees the height and the width of a shape: (height, width) of unit length in both of its views."""

    device = torch.device("cpu")

    def projection(self, points):
        extent = points.amax(1) - points.amin(1)
        return torch.nn.functional.normalize(extent[:, [1, 0]], dim=1)[:, None].expand(-1, 2, -1)

    def encode_views(self, images):
        return images


@pytest.mark.parametrize(
    ("classes", "axis", "remark"),
    [
        ([[1.0, 0], [0, 1]], "z", "the poses disagree: tall with y up, wide with z up"),
        ([[0.0, 1]], "z", ""),  # of a single class its cosine counts
        ([[1.0, 1], [1, 1]], "y", ""),  # undecided
    ],
)
def test_the_surer_pose_is_taken(classes, axis, remark):
    extent = np.array([1.0, 1.1, 0.1])
    cloud = np.array([[0.0, 0, 0], extent, extent / 2])
    guess = model_judge(Extractor(), torch.tensor(classes), torch.ones(2), ("tall", "wide"))([cloud])
    assert (guess.axis, guess.remark) == (axis, remark)
    assert guess.decided == (axis == "z")
    assert remark in guess.words
