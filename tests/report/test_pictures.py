"""Pictures in reports: positions and colours."""

import numpy as np
import pytest
from matplotlib.image import imread

from pointclip.errors import InputError
from pointclip.report import pictures


def test_part_colours_repeat_and_unknown_is_gray():
    count = len(pictures.PART_COLOURS)
    assert count >= 6
    assert len(set(pictures.PART_COLOURS)) == count
    colours = pictures.part_colours(np.array([0, count, -1]))
    assert colours.dtype == np.uint8
    assert colours.tolist() == [list(pictures.PART_COLOURS[0])] * 2 + [list(pictures.UNKNOWN_COLOUR)]


def test_points_are_drawn_at_their_pixels_in_their_colours(tmp_path):
    pixel = np.array([[[50, 150], [150, 50], [100, 100]]])  # (row, column)
    figure = pictures.labelled_depth_maps(
        np.ones((1, 224, 224)), pixel, np.array([[True, True, False]]), np.array([0, 1, 2])
    )
    pictures.save_picture(tmp_path / "dots.png", figure)
    image = (imread(tmp_path / "dots.png")[..., :3] * 255).round()
    top, left = pictures.GAP + pictures.TITLE, pictures.GAP
    assert np.abs(image[top + 50, left + 150] - pictures.PART_COLOURS[0]).max() < 30
    assert np.abs(image[top + 150, left + 50] - pictures.PART_COLOURS[1]).max() < 30
    assert (image[top + 100, left + 100] == 255).all()  # not visible, not drawn


def test_clouds_are_upright_and_not_mirrored():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], dtype=float)
    figure = pictures.point_cloud(points, np.zeros(4, int), ["all"])
    drawn = np.stack([figure.data[0].x, figure.data[0].y, figure.data[0].z], axis=1)
    axes = drawn[1:] - drawn[0]
    assert axes[1, 2] > 0  # y is plotly's upright axis
    assert np.abs(axes[1, :2]).max() < 1e-3
    assert np.linalg.det(axes) > 0  # a rotation, not a reflection


def test_a_shape_is_upright_bounded_and_coloured_by_height():
    points = np.random.default_rng(0).random((5000, 3))
    figure = pictures.shape_cloud(points)
    assert len(figure.data[0].x) == 2048
    assert np.array_equal(figure.data[0].marker.color, figure.data[0].z)  # our y
    assert len(pictures.figure_json(figure)) < 60_000


@pytest.mark.parametrize(("count", "drawn"), [(1, 1), (100, 100), (8192, 8192), (100_000, 8192)])
def test_large_clouds_are_thinned(count, drawn):
    chosen = pictures.drawn_points(count)
    assert len(chosen) == drawn
    assert chosen[0] == 0
    assert chosen[-1] == count - 1


def test_mismatched_arrays_are_rejected():
    with pytest.raises(InputError, match="depth maps have shape"):
        pictures.depth_map_strip(np.zeros((3, 4)))
    with pytest.raises(InputError, match="titles"):
        pictures.depth_map_strip(np.zeros((3, 4, 4)), ["one"])
    with pytest.raises(InputError, match="visibility"):
        pictures.labelled_depth_maps(np.zeros((1, 4, 4)), np.zeros((1, 5, 2)), np.zeros((1, 4)), np.zeros(5, int))
