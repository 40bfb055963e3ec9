"""Labelled shapes as files for other programs, in their own frame."""

import numpy as np
import trimesh
from plyfile import PlyData

from pointclip.report.labelled_files import write_glb, write_ply
from pointclip.report.pictures import part_colours


def test_a_ply_keeps_every_coordinate_and_label(tmp_path):
    points = np.random.default_rng(0).random((5, 3)) + np.array([5e6, 0, 0])
    triangles, labels, of_faces = np.array([[0, 1, 2], [2, 3, 4]]), np.array([0, 1, 1, -1, 0]), np.array([1, 0])
    write_ply(tmp_path / "a.ply", points, labels, ("seat", "Füße\nx"), triangles, of_faces)
    ply = PlyData.read(str(tmp_path / "a.ply"))
    vertex, face = ply["vertex"], ply["face"]
    assert np.array_equal(np.stack([vertex[axis] for axis in "xyz"], 1), points)
    assert vertex["label"].tolist() == labels.tolist()
    assert face["label"].tolist() == [1, 0]
    assert np.stack(face["vertex_indices"]).tolist() == triangles.tolist()
    assert np.array_equal(np.stack([face[c] for c in ("red", "green", "blue")], 1), part_colours(of_faces))
    assert ply.comments == ["label 0: seat", "label 1: F\\xfc\\xdfe x"]


def test_a_glb_has_the_colours_of_its_faces_where_they_were(tmp_path):
    box = trimesh.creation.box().apply_translation([1e6, 0, 0])
    labels = np.zeros(len(box.vertices), int)
    of_faces = (box.triangles_center[:, 1] > 0.1).astype(int)
    write_glb(tmp_path / "a.glb", np.array(box.vertices), labels, np.array(box.faces), of_faces)
    back = trimesh.load(tmp_path / "a.glb", force="mesh", process=False)
    np.testing.assert_allclose(back.triangles, box.triangles, atol=1e-5)
    colours = back.visual.vertex_colors[back.faces][:, :, :3]
    assert np.array_equal(colours, part_colours(of_faces)[:, None].repeat(3, 1))
    points = np.array([[0.0, 0, 0], [1, 2, 3], [np.nan] * 3])
    write_glb(tmp_path / "b.glb", points, np.array([0, 1, -1]))
    cloud = next(iter(trimesh.load(tmp_path / "b.glb").geometry.values()))
    np.testing.assert_allclose(cloud.vertices, points[:2])
