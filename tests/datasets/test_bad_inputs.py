"""Files from public bug reports on readers of the same formats: read correctly, or rejected with the right reason."""

import gzip
import os
import re
import zipfile
from pathlib import Path

import laspy
import numpy as np
import pytest

from pointclip.datasets import open_dataset
from pointclip.datasets.batches import BatchReader
from pointclip.datasets.shape_files import ShapeFiles, read_shape
from pointclip.errors import InputError
from tests.real_data import REAL, needs_real_data

FILES = Path(__file__).parents[1] / "fixtures" / "bad_inputs"
FIRST = (0.636962, 0.539573, 0.122921)

BOXES = {
    "01_mixed_tri_quad_binary.ply": (1, 2, 3),
    "03_two_parts_quantized.glb": (11, 2, 3),
    "05_wrapped_vertices.off": (1, 2, 3),
    "07_pentagons.off": (1.809, 1.902, 4),
    "12_tabs.obj": (1, 2, 3),
    "14_lower_case_keyword.off": (1, 2, 3),
    "14_no_keyword.off": (1, 2, 3),
    "15_sparse_accessor.glb": (9, 9, 9),  # the last corner is moved by the sparse values
    "15_uri_escaped.gltf": (1, 2, 3),
    "skinned.glb": (1, 2, 3),
    "morph_default_weight.glb": (1, 6, 3),
    "instancing_used.glb": (21, 2, 3),
}  # meshes -> extents
CLOUDS = {
    "04_channel_first_3xN.npy": 1024,
    **dict.fromkeys(("09_bom.xyz", "09_comma.xyz", "09_count_line_cloudcompare.xyz", "09_header.xyz"), 50),
    **dict.fromkeys(("09_header_hash.xyz", "09_header_slash.xyz", "10_binary_compressed_uncompressible.pcd"), 50),
    **dict.fromkeys(("10_extra_spaces.pcd", "10_leading_space.pcd", "10_no_count.pcd", "10_tab.pcd"), 50),
    **dict.fromkeys(("10_upper_XYZ.pcd", "13_blank_after_header.ply", "13_latin1_comment.ply"), 50),
    "13_range_grid_binary.ply": 50,
    "pcl_several_spaces.pcd": 40,
    "array_1xNx3.npy": 60,
    **dict.fromkeys(("key_coords_colors.npz", "key_pc_label.npz", "key_point_cloud.npz", "key_vertices_faces.npz"), 60),
    "modelnet_normals.txt": 41,
    "plain.xyz.gz": 41,
    "nan_rows.xyz": 36,
    **dict.fromkeys(("t01_pandas_index.csv", "t02_easting.csv", "t03_units.csv", "t04_ros.csv"), 50),
    **dict.fromkeys(("t05_point_number_first.txt", "t07_blank_in_name.csv", "t08_numbered.csv"), 50),
    "t10_msvc_nan.xyz": 49,
    "t11_cloud_index.asc": 50,
    **dict.fromkeys(("structured.npy", "organised_5x10x3.npy"), 50),
}  # clouds -> number of points
FIRSTS = {
    "pcl_several_spaces.pcd": (72.25, -18.179, 0.85),
    "nan_rows.xyz": (-0.083, 0.0478, 0.0001),
    **dict.fromkeys(("modelnet_normals.txt", "plain.xyz.gz"), (0.03665, -0.01466, 0.11612)),
    **dict.fromkeys((name for name, count in CLOUDS.items() if count == 60), (0.036652, -0.014656, 0.11615)),
}  # first points other than FIRST
NOTED = {
    "04_channel_first_3xN.npy": "taken as 1024 points",
    "nan_rows.xyz": "5 of 41 rows have NaN",
    "t05_point_number_first.txt": "first column counts the points",
    "t10_msvc_nan.xyz": "1 of 50 rows have NaN",
    "t11_cloud_index.asc": "columns 2 to 4 were taken as x, y, z",
    "organised_5x10x3.npy": "taken as one cloud of 5 × 10 points",
}  # all other clouds have no notes
REJECTED = {
    "02_one_part_draco.glb": "needs the extension KHR_draco_mesh_compression, which is not supported",
    "06_count_short_ascii.ply": "declares 60 rows of vertex, but has 50",
    "06_cut_after_vertices.off": "declares 12 faces, but has 0",
    "06_cut_at_record.las": "declares 1024 points, but has 924",
    "06_cut_in_faces.off": "declares 12 faces, but has 6",
    "08_decimal_comma.xyz": "has decimal commas",
    "11_truncated.stl": "declares 12 triangles, but has 4",
    "16_lfs_pointer.off": "is a Git LFS pointer, not the file",
    "gltf_without_bin.gltf": "its file Mesh_PrimitiveMode_04.bin is missing",
    "vlr.las": "declares 4294967295 variable length records, but has 0",
    "count_of_1e8.pcd": "COUNT 2147483647 for y; expected 1",
    "t06_row_col.xyz": "count rows and columns; say which columns are x, y and z by READING.COLUMNS 3,4,5",
    "t09_time_lat_lon.csv": "has the columns time, latitude, longitude, elevation; which are x, y and z is not clear",
    "hostile_d1.xyz": "instead of a header or a line of numbers.",
    "hostile_d7.ply": "its header has 'element vertex 9999",
    "hostile_p7.ply": "has lists as the vertex property x; expected one number each",
    "hostile_n1.npy": "it numbers an object 67108864, which is beyond their count",
    "hostile_g1.gltf": "has no points",
    "depth_map_48x64.npy": "is a table of 48 × 64 numbers without names",
}


@pytest.mark.parametrize("name", BOXES)
def test_meshes(name):
    points = read_shape(FILES / name, 4000).points
    assert np.allclose(np.ptp(points, axis=0), BOXES[name], atol=0.12)  # samples near the corners
    assert read_shape(FILES / name).notes == ()


@pytest.mark.parametrize("name", CLOUDS)
def test_clouds(name):
    shape = read_shape(FILES / name)
    assert len(shape.points) == CLOUDS[name]
    assert np.allclose(shape.points[0], FIRSTS.get(name, FIRST), atol=1e-5)
    noted = NOTED
    assert [note for note in shape.notes if noted.get(name, "-") not in note] == []
    assert bool(shape.notes) == (name in noted)


@pytest.mark.parametrize("name", REJECTED)
def test_unsupported_and_damaged_files_are_rejected(name):
    with pytest.raises(InputError, match=re.escape(REJECTED[name])) as caught:
        read_shape(FILES / name)
    assert "damaged" not in str(caught.value)
    assert "\n" not in str(caught.value)


ROWS = "0.1 0.2 0.3\n0.4 0.5 0.6\n"
TEXTS = {
    "semicolons": ROWS.replace(" ", ";"),
    "comma and blank": ROWS.replace(" ", ", "),
    "carriage returns": ROWS.replace("\n", "\r"),
    "utf-16": ROWS.encode("utf-16"),
    "ends in comma": ROWS.replace(" ", ",").replace("\n", ",\n"),
    "columns by name": '"i","x","y","z"\n9,0.1,0.2,0.3\n9,0.4,0.5,0.6\n',
    "groups": "0.1,0.2,0.3 255,0,0\n0.4,0.5,0.6 255,0,0\n",
    "comment behind": ROWS.replace("0.3\n", "0.3 # here\n"),
    "two counts": "1\n0.1 0.2 0.3\n1\n0.4 0.5 0.6\n",
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("ending", ["xyz", "csv"])
def test_text_formats(tmp_path, kind, ending):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(TEXTS[kind] if isinstance(TEXTS[kind], bytes) else TEXTS[kind].encode())
    assert np.allclose(read_shape(path).points, [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0,1 0,2 0,3\n", "decimal commas"),
        ("1 0,2 0,3\n", "decimal commas"),
        ("0,5;0,6;0,7\n", "decimal commas"),
        ("3\n1 2 3\n4 5 6\n", "declares 3 points, but has 2"),
        ("1 2 3\n4 5\n", "lines of 3 and of 2 numbers"),
        ("1 2 3\na b c\n", "'a b c' instead of a line of numbers"),
        ("1 2\n3 4\n", "has 2 numbers per line"),
        ("<!DOCTYPE html><html>", "is an HTML page"),
    ],
)
def test_invalid_text_is_rejected(tmp_path, text, words):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(InputError, match=re.escape(words)):
        read_shape(tmp_path / "a.txt")


def test_packed_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/a.xyz", ROWS)
        archive.writestr("__MACOSX/in/._a.xyz", b"\x00\x05\x16\x07")
    assert len(read_shape(tmp_path / "a.zip").points) == 2
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr("b.xyz", ROWS)
    with pytest.raises(InputError, match=r"holds 2 shape files \(in/a.xyz, b.xyz\)"):
        read_shape(tmp_path / "a.zip")
    (tmp_path / "b.xyz.gz").write_bytes(gzip.compress(ROWS.encode())[:-9])
    with pytest.raises(InputError, match="cannot be unpacked"):
        read_shape(tmp_path / "b.xyz.gz")


@pytest.mark.parametrize("shape", [(6, 40), (1, 3, 40), (1, 1, 40, 3)])
def test_arrays_are_transposed_and_squeezed(tmp_path, shape):
    points = np.random.default_rng(0).random((40, 3))
    array = np.vstack((points.T, points.T)) if shape == (6, 40) else points
    np.save(tmp_path / "a.npy", (points.T if shape == (1, 3, 40) else array).reshape(shape))
    assert np.allclose(read_shape(tmp_path / "a.npy").points, points)


def test_ambiguous_array_is_rejected(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((3, 6)))
    with pytest.raises(InputError, match="is ambiguous: 3 points, or 6"):
        read_shape(tmp_path / "a.npy")


def test_truncated_laz_is_rejected(tmp_path):
    las = laspy.LasData(laspy.LasHeader(point_format=0, version="1.2"))
    las.x = las.y = las.z = np.arange(5000.0)
    las.write(tmp_path / "a.laz")
    assert len(read_shape(tmp_path / "a.laz").points) == 5000
    (tmp_path / "a.laz").write_bytes((tmp_path / "a.laz").read_bytes()[:-300])
    with pytest.raises(InputError, match=r"a\.laz"):
        read_shape(tmp_path / "a.laz")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_reported(tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text(ROWS)
    path.chmod(0)
    with pytest.raises(InputError, match="permission denied"):
        read_shape(path)


def test_reader_collects_notes():
    reader = BatchReader(ShapeFiles([FILES / "nan_rows.xyz", FILES / "04_channel_first_3xN.npy"]), 1)
    for _ in range(2):  # every pass starts over
        batches = list(reader)
        assert [("nan_rows" in note, "04_channel" in note) for note in reader.notes] == [(True, False), (False, True)]
    assert batches[0].shapes[0].kept.sum() == 36


@needs_real_data
@pytest.mark.parametrize(
    ("name", "root", "split", "classes"),
    [
        ("modelnet40", "modelnet40_normal_resampled", "train", 40),
        ("modelnet40", "ModelNet40", "train", 4),
        ("shapenetpart", "shapenetcore_partanno_segmentation_benchmark_v0_normal", "val", 16),
    ],
)
def test_real_data_in_common_layouts(name, root, split, classes):
    shapes = open_dataset(name, REAL / root, split, 1024)
    batch = next(iter(BatchReader(shapes, 2, "skip")))
    assert len(shapes.class_names) == classes
    assert batch.points.shape[1:] == (1024, 3)


@needs_real_data
def test_real_folder_with_a_missing_class_name_is_rejected():
    with pytest.raises(InputError, match=r"row 5 has label 5, expected 0 to 4; shape_names\.txt lists only 5 classes"):
        open_dataset("h5_folder", REAL / "pointclip_layout_ycb", "test")
