"""The guess of the up axis: by format, frame or shape, and how sure it is."""

import numpy as np
import pytest

from pointclip.datasets import ShapeFiles
from pointclip.datasets.axes import UPS, from_z_up, to_y_up, to_z_up
from pointclip.datasets.shape_files import read_shape
from pointclip.datasets.synthetic import SyntheticShapes, generate
from pointclip.datasets.up_axis import CAMERA, CUES, SURVEY, guess_up
from pointclip.errors import InputError
from pointclip.runs.arguments import UPS as AUTO_UPS


def z_up(points):
    """y-up points rotated to z up."""
    return np.stack([points[:, 0], -points[:, 2], points[:, 1]], 1)


@pytest.mark.parametrize("category", ["car", "table", "skateboard"])
def test_shapes_with_a_base_are_recognised_in_both_poses(category):
    points = generate(category, 3).points
    for axis, turned in (("y", points), ("z", z_up(points))):
        guess = guess_up(turned)
        assert (guess.axis, guess.sure) == (axis, True)


def test_format_conventions():
    points = generate("chair", 3).points
    assert (guess_up(points, ".las").axis, guess_up(z_up(points), ".glb").axis) == ("z", "y")


def test_few_wrong_guesses_are_sure():
    """benchmarks/up_axis.py prints 89 % right, and of the sure ones 95 %."""
    shapes = SyntheticShapes(split="test", per_class=2, num_points=512)
    clouds = [shapes[i].points for i in range(len(shapes))]
    guesses = [(guess_up(turned), axis) for points in clouds for axis, turned in (("y", points), ("z", z_up(points)))]
    assert np.mean([guess.axis == axis for guess, axis in guesses]) > 0.8
    sure = [guess.axis == axis for guess, axis in guesses if guess.sure]
    assert np.mean(sure) > 0.93
    assert len(sure) > len(guesses) / 2


@pytest.mark.parametrize("points", [np.zeros((2, 3)), np.eye(3), np.full((5, 3), 7.0), np.full((2, 3), np.nan)])
def test_flat_and_tiny_clouds_are_unsure(points):
    guess = guess_up(points)
    assert (guess.axis in "yz", guess.sure) == (True, False)
    assert "uncertain" in guess.words


@pytest.mark.parametrize(
    ("offset", "axis", "reason"),
    [((4e5, 5.2e6, 300), "z", SURVEY), ((4e5, 40, 5.2e6), "y", SURVEY), ((9e5, 0, 0), "y", CUES)],
)
def test_an_axis_with_a_surveys_offset_is_not_up(offset, axis, reason):
    guess = guess_up(generate("car", 3).points + np.array(offset))
    assert (guess.axis, guess.reason) == (axis, reason)


def view_of_a_room(seed=0):
    """What a camera sees, y down, z forward: a floor, a wall and a box."""
    rng = np.random.default_rng(seed)
    rays = np.stack([*rng.uniform((-0.55, -0.42), (0.55, 0.42), (4000, 2)).T, np.ones(4000)], axis=1)
    floor = np.where(rays[:, 1] > 0, 1.2 / np.maximum(rays[:, 1], 1e-9), np.inf)
    depth = np.minimum(floor, 3.5)
    depth[(np.abs(rays[:, 0]) < 0.15) & (rays[:, 1] > -0.05) & (depth > 2.5)] = 2.5
    return rays * depth[:, None]


def test_a_cameras_frame_has_y_down(tmp_path):
    points = view_of_a_room()
    assert guess_up(points).axis == "-y"
    head = "VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 50\nHEIGHT 80\n"
    for view, expected in (("0 0 0 1 0 0 0", True), ("0 0 1 0.7 0.7 0 0", False)):
        text = f"{head}VIEWPOINT {view}\nPOINTS 4000\nDATA ascii\n"
        path = tmp_path / "view.pcd"
        path.write_text(text + "\n".join(f"{x:.4f} {y:.4f} {z:.4f}" for x, y, z in points - [0, 0, 2]))
        shapes = ShapeFiles([path], up="auto")
        shapes[0]
        assert (shapes.up_of(0).reason == CAMERA) == expected
    np.save(tmp_path / "view.npy", (points - [0, 0, 2]).reshape(50, 80, 3))
    assert read_shape(tmp_path / "view.npy", up="auto").notes[-1].startswith(f"up axis -y (from {CAMERA}")


@pytest.mark.parametrize("options", [{"num_points": 64}, {"every_vertex": True}, {"seed": 5}, {}])
def test_the_guess_does_not_depend_on_what_a_task_reads(tmp_path, options):
    np.save(tmp_path / "lamp.npy", generate("lamp", 2, 9000).points)
    guesses = []
    for more in (options, {}):
        shapes = ShapeFiles([tmp_path / "lamp.npy"], up="auto", **more)
        shapes[0]
        guesses.append(shapes.up_of(0))
    assert guesses[0] == guesses[1]
    assert guesses[0].margin is not None


def test_file_is_rotated_by_the_guess_with_a_note(tmp_path):
    points = generate("car", 3).points
    np.save(tmp_path / "car.npy", z_up(points).astype(np.float32))
    shape = read_shape(tmp_path / "car.npy", up="auto")
    np.testing.assert_allclose(shape.points, points, atol=1e-6)
    assert shape.notes[-1] == "up axis z (from its base, symmetry and floor); set --up if it is wrong."
    assert read_shape(tmp_path / "car.npy", up="z").notes == ()


def test_every_axis_is_rotated_without_reflection():
    assert ("auto", *UPS) == AUTO_UPS
    for up, axis in zip(UPS, np.vstack([np.eye(3), -np.eye(3)]), strict=True):
        points = np.vstack([np.eye(3), axis])
        for turned, upwards in ((to_y_up(points, up), [0, 1, 0]), (to_z_up(points, up), [0, 0, 1])):
            assert turned[3].tolist() == upwards
            assert np.linalg.det(turned[:3]) == pytest.approx(1)
        np.testing.assert_array_equal(from_z_up(to_z_up(points, up), up), points)
    with pytest.raises(InputError, match="expected one of x, y, z, -x, -y, -z"):
        to_y_up(np.eye(3), "w")
