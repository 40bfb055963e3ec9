"""One up axis for a folder of training shapes and the shapes that its head classifies."""

import numpy as np
import pytest

from fewshot_cls.frames import FOLDER, common_frame, stand_alike
from pointclip.datasets import ShapeFiles
from pointclip.datasets.up_axis import CONVENTION, CUES, UpGuess


@pytest.fixture
def files(tmp_path):
    """Five clouds, whose axes are set by the tests."""
    paths = [tmp_path / f"{number}.npy" for number in range(5)]
    for number, path in enumerate(paths):
        np.save(path, np.random.default_rng(number).normal(size=(60, 3)))
    return lambda up="auto": ShapeFiles(paths, 50, up, ("a",))


def guessed(files: ShapeFiles, axes: str, sure: bool = True, reason: str = CUES) -> ShapeFiles:
    for index, axis in enumerate(axes):
        files.set_up(index, UpGuess(axis, reason, sure=sure))
    return files


def test_training_shapes_get_their_most_common_axis(files):
    training = guessed(files(), "zzzzy")
    frame = common_frame(training, range(5))
    assert (frame.axis, frame.share, frame.consistent) == ("z", 0.8, True)
    assert {training.up_of(i) for i in range(5)} == {UpGuess("z", FOLDER)}
    scattered = common_frame(guessed(files(), "zzzyy"), range(5))
    assert (scattered.axis, scattered.consistent) == ("z", False)
    assert "stand in no common way" in scattered.note
    stated = guessed(files(), "yyyyy", reason=CONVENTION)
    assert common_frame(stated, range(5)) is None  # the files themselves say it
    assert common_frame(files("z"), range(5)) is None
    assert common_frame(None, ()) is None


@pytest.mark.parametrize(("training", "kept"), [("zzzzz", True), ("zzzyy", False)])
def test_shapes_to_classify_follow_unless_they_are_surer(files, training, kept):
    frame = common_frame(guessed(files(), training), range(5))
    shapes = guessed(guessed(files(), "yyyyy"), "yy", sure=False)
    stand_alike(shapes, frame)
    assert [shapes.up_of(i).axis for i in range(5)] == (["z", "z", "y", "y", "y"] if kept else ["z"] * 5)
    stated = guessed(files(), "yyyyy", reason=CONVENTION)
    stand_alike(stated, frame)
    assert {stated.up_of(i).axis for i in range(5)} == {"y"}
