"""What a caller may give as shapes, and what is said of anything else."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from pointclip.errors import InputError
from pointclip.predicting.given import given_shapes

CLOUD = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)


def test_files_arrays_and_tensors_come_in_order(tmp_path):
    for name in ("b.npy", "a.npy"):
        np.save(tmp_path / name, CLOUD)
    given = given_shapes([CLOUD, tmp_path, torch.from_numpy(np.stack([CLOUD, 2 * CLOUD])), str(tmp_path / "b.npy")])
    names = ["cloud 0", "a.npy", "b.npy", "cloud 3", "cloud 4", "b.npy"]
    assert [path.name for path in given.paths] == names
    assert given.places == [0, 3, 4]
    np.testing.assert_array_equal(given.clouds[Path("cloud 4")].points, 2 * CLOUD)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int16, torch.bfloat16, torch.float64])
def test_any_number_type_is_taken(kind):
    cloud = np.round(CLOUD * 4)
    item = torch.from_numpy(cloud).to(kind) if isinstance(kind, torch.dtype) else cloud.astype(kind)
    points = given_shapes(item).clouds[Path("cloud 0")].points
    assert points.dtype == np.float64
    np.testing.assert_array_equal(points, cloud)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "There are no shapes; give files, arrays"),
        (None, r"Shape 0 is a NoneType; expected a file, an array \[N, 3\]"),
        ([CLOUD.tolist()], r"Shape 0 is a list; .* make it an array: numpy.array\(points\)"),
        ([CLOUD, CLOUD.T], r"Shape 1 has the shape \[3, 50\]; expected .*; transpose it: points.T"),
        (np.ones((9, 6)), r"the shape \[9, 6\]; .*; take its coordinates: points\[..., :3\]"),
        (np.ones(3), r"the shape \[3\]; expected \[N, 3\] or \[B, N, 3\]\."),
        (np.full((9, 3), "a"), "Shape 0 holds <U1; expected numbers"),
        ("nowhere/*.ply", "No file fits nowhere"),
    ],
)
def test_anything_else_is_named(given, message):
    with pytest.raises(InputError, match=message):
        given_shapes(given)


def test_a_survey_in_float32_is_warned_of_and_in_float64_is_not():
    survey = CLOUD + np.array([500_000.0, 5_000_000.0, 100.0])
    with pytest.warns(UserWarning, match=r"Cloud 0 spans .* that float32 rounds it to 0.5; subtract an offset"):
        given_shapes(survey.astype(np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        given_shapes([survey, CLOUD])
