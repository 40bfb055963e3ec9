"""From labels of a shape's points to every point and triangle of its file."""

import numpy as np
import pytest
import trimesh

from pointclip.datasets.shape_files.geometry import Geometry
from pointclip.datasets.shape_files.labelling import labels_in_file
from pointclip.datasets.shape_files.reading import take


def test_vertices_and_triangles_of_a_mesh_are_labelled_by_where_they_are():
    mesh = trimesh.creation.box([2, 1, 1]).subdivide().subdivide()
    stray, broken = [[9.0, 9, 9]], [[np.nan] * 3]
    points = np.concatenate([mesh.vertices, stray, broken])
    triangles = np.concatenate([mesh.faces, [[0, 1, len(points) - 1]]])
    taken = take(Geometry(points, triangles), "a", 64, every_vertex=True)
    labels = (taken.shape.points[:, 0] > 1e-9).astype(int)
    found = labels_in_file(taken, labels, 3)
    assert found.points[: len(mesh.vertices)].tolist() == (mesh.vertices[:, 0] > 1e-9).astype(int).tolist()
    assert found.points[-2:].tolist() == [1, -1]  # of the nearest point, and none
    assert found.triangles[-1] == -1
    assert (found.triangles[:-1] == (mesh.triangles_center[:, 0] > 0)).all()
    assert found.counts.tolist() == [len(mesh.faces) / 2, len(mesh.faces) / 2, 0]
    np.testing.assert_allclose(found.shares, [0.5, 0.5, 0])


@pytest.mark.parametrize("num_points", [None, 40])
def test_every_point_of_a_cloud_is_labelled_even_if_few_are_taken(num_points):
    points = np.random.default_rng(0).random((500, 3)) + np.array([5e6, 0, 0])
    points[3, 1] = np.nan
    taken = take(Geometry(points), "a", num_points)
    labels = (taken.shape.points[:, 2] + taken.shape.offset[2] > 0.5).astype(int)
    found = labels_in_file(taken, labels, 2)
    assert found.points[3] == -1
    right = (found.points == (points[:, 2] > 0.5))[np.arange(500) != 3]
    assert right.mean() > (0.99 if num_points is None else 0.85)
    assert found.counts.sum() == 499
