"""The guess of the up axis, by file format or by shape."""

import numpy as np
import pytest

from pointclip.datasets.axes import UPS, from_z_up, to_y_up, to_z_up
from pointclip.datasets.shape_files import read_shape
from pointclip.datasets.synthetic import SyntheticShapes, generate
from pointclip.datasets.up_axis import guess_up
from pointclip.errors import InputError
from pointclip.runs.arguments import UPS as AUTO_UPS


def z_up(points):
    """y-up points rotated to z up."""
    return np.stack([points[:, 0], -points[:, 2], points[:, 1]], 1)


@pytest.mark.parametrize("category", ["car", "table", "skateboard"])
def test_shapes_with_a_base_are_recognised_in_both_poses(category):
    points = generate(category, 3).points
    assert guess_up(points).axis == "y"
    assert guess_up(z_up(points)).axis == "z"


def test_format_conventions():
    points = generate("chair", 3).points
    assert (guess_up(points, ".las").axis, guess_up(z_up(points), ".glb").axis) == ("z", "y")


def test_accuracy_on_the_bundled_set():
    """benchmarks/up_axis.py prints 96 % and 59 %; undecided shapes count as y."""
    shapes = SyntheticShapes(split="test", per_class=2, num_points=512)
    clouds = [shapes[i].points for i in range(len(shapes))]
    assert np.mean([guess_up(points).axis == "y" for points in clouds]) > 0.8
    guesses = [guess_up(z_up(points)) for points in clouds]
    assert np.mean([guess.axis == "z" for guess in guesses if guess.decided]) > 0.7


@pytest.mark.parametrize("points", [np.zeros((2, 3)), np.eye(3), np.full((5, 3), 7.0)])
def test_flat_and_tiny_clouds_are_undecided_or_y(points):
    assert guess_up(points).axis in "yz"


def test_file_is_rotated_by_the_guess_with_a_note(tmp_path):
    points = generate("car", 3).points
    np.save(tmp_path / "car.npy", z_up(points).astype(np.float32))
    shape = read_shape(tmp_path / "car.npy", up="auto")
    np.testing.assert_allclose(shape.points, points, atol=1e-6)
    assert shape.notes[-1] == "assumed z up by its base and symmetry; use --up to change this."
    assert read_shape(tmp_path / "car.npy", up="z").notes == ()


def test_every_axis_is_rotated_without_reflection():
    assert (*AUTO_UPS[:1], *UPS) == AUTO_UPS
    for up, axis in zip(UPS, np.vstack([np.eye(3), -np.eye(3)]), strict=True):
        points = np.vstack([np.eye(3), axis])
        for turned, upwards in ((to_y_up(points, up), [0, 1, 0]), (to_z_up(points, up), [0, 0, 1])):
            assert turned[3].tolist() == upwards
            assert np.linalg.det(turned[:3]) == pytest.approx(1)
        np.testing.assert_array_equal(from_z_up(to_z_up(points, up), up), points)
    with pytest.raises(InputError, match="expected one of x, y, z, -x, -y, -z"):
        to_y_up(np.eye(3), "w")
