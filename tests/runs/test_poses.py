"""The up axis by a model that sees both poses."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pointclip.datasets import ShapeFiles
from pointclip.datasets.synthetic import generate
from pointclip.datasets.up_axis import CUES, MODEL, UNDECIDED, UpGuess
from pointclip.runs import poses
from pointclip.runs.poses import find_up_axes, model_judge


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
    assert (guess.reason == MODEL) == (axis == "z")
    assert remark in guess.words


def test_only_undecided_files_are_shown_to_the_model_and_none_while_reading(tmp_path, monkeypatch):
    ball = np.random.default_rng(0).normal(size=(300, 3))
    np.save(tmp_path / "ball.npy", ball / np.linalg.norm(ball, axis=1, keepdims=True))
    np.save(tmp_path / "car.npy", generate("car", 3).points)
    (tmp_path / "bad.npy").write_bytes(b"bad")
    shapes = ShapeFiles([tmp_path / name for name in ("ball.npy", "car.npy", "bad.npy")], up="auto")
    asked = []
    answer = UpGuess("z", MODEL)
    monkeypatch.setattr(poses, "model_judge", lambda *_: lambda clouds: asked.append(len(clouds)) or answer)
    extractor = SimpleNamespace(progress=False)
    find_up_axes(shapes, None, extractor, torch.zeros(1, 2), torch.ones(2), ("ball",))
    assert asked == [1]
    assert [shapes.up_of(i).axis for i in range(2)] == ["z", "y"]
    assert len([shapes[i] for i in (0, 1, 0)]) == 3
    assert asked == [1]


LEANS = UpGuess("z", CUES, sure=False, margin=0.7)


@pytest.mark.parametrize(
    ("model", "axis", "sure", "remark"),
    [
        (UpGuess("z", MODEL), "z", True, ""),
        (UpGuess("y", MODEL, "a b"), "y", False, "its shape leans to z; a b"),
        (UpGuess("y", UNDECIDED, "a b", sure=False), "z", False, "a b"),
    ],
)
def test_a_guess_is_sure_if_shape_and_model_agree(model, axis, sure, remark):
    together = poses.together(LEANS, model)
    assert (together.axis, together.sure, together.remark, together.margin) == (axis, sure, remark, 0.7)
