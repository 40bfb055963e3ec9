"""Coordinates far from the origin, points far from the others, and degrees."""

import numpy as np
import pytest

from pointclip.datasets.shape_files import read_shape

CLOUD = np.random.default_rng(4).uniform(0, 30, (2000, 3))
FAR = np.array([443_210.0, 5_212_345.0, 410.0])


@pytest.mark.parametrize("outliers", [0, 2])
def test_a_survey_is_read_in_double_beside_points_at_the_origin(tmp_path, outliers):
    points = np.concatenate([CLOUD + FAR, np.zeros((outliers, 3))])
    np.save(tmp_path / "survey.npy", points)
    shape = read_shape(tmp_path / "survey.npy")
    np.testing.assert_allclose(shape.points[:2000].astype(float) + shape.offset, CLOUD + FAR, atol=1e-5)
    assert [note[:40] for note in shape.notes] == ["2 of 2002 points lie far from the others"] * (outliers > 0)


def test_degrees_beside_metres_are_said(tmp_path):
    np.save(tmp_path / "degrees.npy", CLOUD * [1e-5, 1e-5, 1] + [8.52, 47.36, 400])
    (note,) = read_shape(tmp_path / "degrees.npy").notes
    assert note.startswith("x from 8.52 to 8.5203 and y from 47.36 to 47.36 look like degrees beside z in metres")
    for offset in (0, [5, 5, 0]):  # a pole, or metres in all axes
        np.save(tmp_path / "pole.npy", CLOUD * [0.01, 0.01, 1] + offset)
        assert not read_shape(tmp_path / "pole.npy").notes
