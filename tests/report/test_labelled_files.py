"""Labelled shapes as files for other programs, in their own frame."""

import io

import laspy
import numpy as np
import pytest
import trimesh
from plyfile import PlyData

from pointclip.report.labelled_files import write_glb, write_las, write_ply
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


def test_a_ply_keeps_the_points_other_fields(tmp_path):
    points, labels = np.random.default_rng(0).random((3, 3)), np.array([0, 1, -1])
    fields = {
        "red": np.array([1, 2, 3], np.uint16),
        "Slot ID": np.array([2**40, 1, 0]),
        "original_red": np.array([0.5, 0, 1], np.float32),
        "label": np.array([9, 8, 7], np.int8),
    }
    write_ply(tmp_path / "a.ply", points, labels, ("seat", "back"), fields=fields)
    vertex = PlyData.read(str(tmp_path / "a.ply"))["vertex"]
    assert np.array_equal(vertex["red"], part_colours(labels)[:, 0])
    assert vertex["label"].tolist() == labels.tolist()
    names = ("original_red", "Slot_ID", "original_red_2", "original_label")
    for name, given in zip(names, fields.values(), strict=True):
        assert np.array_equal(vertex[name], given)


@pytest.mark.parametrize("ending", ["las", "laz"])
def test_a_scan_comes_back_with_all_that_it_had(tmp_path, ending):
    header = laspy.LasHeader(point_format=3, version="1.2")
    header.scales, header.offsets = [0.001] * 3, [5e5, 5e6, 0]
    header.vlrs.append(laspy.VLR("LASF_Projection", 9999, "", b"own system"))
    scan = laspy.LasData(header)
    scan.x, scan.y, scan.z = np.random.default_rng(0).random((3, 20)) + np.array([[5e5], [5e6], [0]])
    scan.classification, scan.red, scan.gps_time = np.arange(20) % 5, np.arange(20) * 1000, np.arange(20) / 7
    file = io.BytesIO()
    scan.write(file)
    labels = np.arange(20) % 3 - 1
    write_las(tmp_path / f"a.{ending}", file.getvalue(), labels, ("seat", "back"))
    back = laspy.read(tmp_path / f"a.{ending}")
    assert back.label.tolist() == labels.tolist()
    assert np.array_equal(back.points.array[list(scan.points.array.dtype.names)], scan.points.array)
    assert [record.record_data for record in back.vlrs.get_by_id("LASF_Projection", [9999])] == [b"own system"]
    assert [record.record_data for record in back.vlrs.get_by_id("pointclip", [1])] == [b"0: seat\n1: back"]
    rows = np.array([3, 5])
    write_las(tmp_path / "b.las", (tmp_path / f"a.{ending}").read_bytes(), np.array([1, 0]), ("seat", "back"), rows)
    piece = laspy.read(tmp_path / "b.las")
    assert piece.label_2.tolist() == [1, 0]
    assert np.array_equal(piece.xyz, back.xyz[rows])
