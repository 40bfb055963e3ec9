"""Shape files of every supported format, intact and damaged."""

import json

import laspy
import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
from pypcd4 import PointCloud

from pointclip.datasets.shape_files import MESH_POINTS, ShapeFiles, read_shape
from pointclip.errors import InputError

CLOUD = np.random.default_rng(2).normal(size=(50, 3)).astype(np.float32)
BOX = trimesh.creation.box(extents=(1, 2, 3))


def write_las(path, points, offset=(0, 0, 0)):
    header = laspy.LasHeader(point_format=0, version="1.2")
    header.scales, header.offsets = np.full(3, 1e-4), np.array(offset, float)
    las = laspy.LasData(header)
    las.x, las.y, las.z = points.T
    las.write(path)


def write_cloud(path, points):
    match path.suffix:
        case ".ply":
            trimesh.PointCloud(points).export(path)
        case ".xyz" | ".XYZ":
            np.savetxt(path, points)
        case ".pcd":
            PointCloud.from_xyz_points(points).save(path)
        case ".las":
            write_las(path, points)
        case ".npy":
            np.save(path, points)
        case ".npz":
            np.savez(path, points=points, labels=np.zeros(len(points)))
        case ".obj":
            path.write_text("".join(f"v {x} {y} {z}\n" for x, y, z in points))
    return path


@pytest.mark.parametrize("ending", [".ply", ".xyz", ".XYZ", ".pcd", ".las", ".npy", ".npz", ".obj"])
def test_clouds_are_read_unchanged(tmp_path, ending):
    path = write_cloud(tmp_path / f"cloud{ending}", CLOUD)
    shape = read_shape(path)
    assert np.allclose(shape.points, CLOUD, atol=1e-4)
    assert shape.points.dtype == np.float32
    assert (shape.label, shape.name, shape.parts) == (-1, str(path), None)
    assert len(read_shape(path, 80).points) == 50  # fewer than asked: all of them
    thinned = read_shape(path, 20, seed=4).points
    assert len({tuple(point) for point in thinned}) == 20
    assert {tuple(point) for point in thinned} <= {tuple(point) for point in shape.points}
    assert np.array_equal(thinned, read_shape(path, 20, seed=4).points)
    assert not np.array_equal(thinned, read_shape(path, 20, seed=5).points)
    turned = read_shape(path, up="z").points
    assert np.allclose(turned, np.stack((CLOUD[:, 0], CLOUD[:, 2], -CLOUD[:, 1]), axis=1), atol=1e-4)


@pytest.mark.parametrize("ending", ["ply", "obj", "off", "stl", "glb"])
def test_meshes_are_sampled_over_their_surface(tmp_path, ending):
    path = tmp_path / f"box.{ending}"
    BOX.export(path)
    points = read_shape(path, 3000).points
    assert points.shape == (3000, 3)
    assert np.allclose(np.abs(points / (0.5, 1, 1.5)).max(axis=1), 1, atol=1e-5)  # on a face
    on_large_face = np.isclose(np.abs(points[:, 0]), 0.5, atol=1e-5).mean()
    assert abs(on_large_face - 12 / 22) < 0.05  # shares go by area
    assert np.array_equal(points, read_shape(path, 3000).points)
    assert not np.array_equal(points, read_shape(path, 3000, seed=1).points)
    assert len(read_shape(path).points) == MESH_POINTS


@pytest.mark.parametrize("ending", ["glb", "gltf"])
def test_scene_transforms_are_applied(tmp_path, ending):
    scene = trimesh.Scene()
    for x in (0, 10):
        scene.add_geometry(
            BOX, node_name=f"box{x}", geom_name="box", transform=trimesh.transformations.translation_matrix((x, 0, 0))
        )
    path = tmp_path / f"scene.{ending}"
    if ending == "glb":
        scene.export(path)
    else:
        for name, data in trimesh.exchange.gltf.export_gltf(scene).items():
            (tmp_path / name.replace("model.gltf", path.name)).write_bytes(data)
    points = read_shape(path, 2000).points
    assert np.isclose(points[:, 0].min(), -0.5)
    assert np.isclose(points[:, 0].max(), 10.5)
    assert abs((points[:, 0] > 5).mean() - 0.5) < 0.05


def test_first_three_columns_are_used(tmp_path):
    np.save(tmp_path / "wide.npy", np.hstack((CLOUD, np.ones((50, 4), np.float32))))
    assert np.array_equal(read_shape(tmp_path / "wide.npy").points, CLOUD)


@pytest.mark.parametrize("key", ["points", "pos", "xyz", "data", "anything"])
def test_npz_keys(tmp_path, key):
    np.savez(tmp_path / "a.npz", **{key: CLOUD})
    assert np.array_equal(read_shape(tmp_path / "a.npz").points, CLOUD)


@pytest.mark.parametrize("ending", [".las", ".npy", ".xyz", ".ply"])
def test_large_coordinates_keep_their_precision(tmp_path, ending):
    far = np.round(CLOUD.astype(np.float64), 4) + np.array([500_000, 5_000_000, 300])
    path = tmp_path / f"survey{ending}"
    if ending == ".las":
        write_las(path, far, offset=(500_000, 5_000_000, 0))
    elif ending == ".ply":
        rows = "\n".join(" ".join(repr(float(value)) for value in row) for row in far)
        header = "ply\nformat ascii 1.0\nelement vertex 50\n" + "".join(f"property double {axis}\n" for axis in "xyz")
        path.write_text(f"{header}end_header\n{rows}\n")
    else:
        write_cloud(path, far)
    points = read_shape(path).points
    assert np.allclose(points - points[0], far - far[0], atol=2e-4)


def test_small_coordinates_are_not_shifted(tmp_path):
    np.save(tmp_path / "a.npy", CLOUD + 100)
    assert np.array_equal(read_shape(tmp_path / "a.npy").points, CLOUD + 100)


@pytest.mark.parametrize("ending", [".ply", ".xyz", ".pcd", ".npy", ".npz", ".obj"])
def test_rows_with_nan_are_dropped_and_counted_in_every_format(tmp_path, ending):
    points = CLOUD.copy()
    points[[3, 7], 1] = np.nan
    path = write_cloud(tmp_path / f"a{ending}", points)
    shape = read_shape(path)
    assert shape.notes == ("2 of 50 rows have NaN and were dropped.",)
    assert np.flatnonzero(~shape.kept).tolist() == [3, 7]
    assert np.allclose(shape.points, points[shape.kept], atol=1e-6)
    assert read_shape(path, 20).kept is None  # thinned rows are not the file's
    write_cloud(path, points * np.nan)
    with pytest.raises(InputError, match="all its 50 rows have NaN"):
        read_shape(path)


def test_infinite_values_are_kept(tmp_path):
    points = CLOUD.copy()
    points[0, 0] = np.inf
    assert np.array_equal(read_shape(write_cloud(tmp_path / "a.npy", points)).points, points)


def test_files_as_a_data_set(tmp_path):
    paths = [write_cloud(tmp_path / f"{name}.npy", CLOUD + number) for number, name in enumerate("abc")]
    paths[1].write_bytes(b"broken")
    shapes = ShapeFiles(paths, num_points=10, up="z", class_names=["mug", "car"])
    assert (len(shapes), shapes.class_names, shapes.part_names) == (3, ("mug", "car"), {})
    assert [shapes[0].name, shapes[-1].name] == [str(paths[0]), str(paths[2])]
    assert np.array_equal(shapes[2].points, read_shape(paths[2], 10, up="z").points)
    with pytest.raises(InputError, match=r"b\.npy"):
        shapes[1]
    with pytest.raises(IndexError):
        shapes[3]
    with pytest.raises(InputError, match="given twice"):
        ShapeFiles([paths[0], paths[0]])
    with pytest.raises(InputError, match="No shape file"):
        ShapeFiles([])
    with pytest.raises(InputError, match="up axis"):
        ShapeFiles(paths, up="w")


ENDINGS = ("ply", "obj", "off", "stl", "glb", "gltf", "xyz", "pcd", "las", "laz", "npy", "npz")


@pytest.mark.parametrize("ending", ENDINGS)
def test_missing_empty_and_damaged_files_are_reported_by_name(tmp_path, ending):
    path = tmp_path / f"shape.{ending}"
    with pytest.raises(InputError, match=rf"shape\.{ending} does not exist"):
        read_shape(path)
    path.touch()
    with pytest.raises(InputError, match=rf"shape\.{ending} is empty"):
        read_shape(path)
    for content in (b"hello world, this is no shape\n", bytes(200), b"\xff\xfe\x00garbage" * 50):
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"shape\.{ending} "):
            read_shape(path)


def attempt(path, num_points=None):
    """The points and "", or None and the error message."""
    try:
        return read_shape(path, num_points).points, ""
    except InputError as error:
        return (), str(error)


@pytest.mark.parametrize("ending", ["ply", "off", "stl", "glb", "pcd", "las", "npy", "npz"])
def test_truncated_files_never_crash(tmp_path, ending):
    path = tmp_path / f"shape.{ending}"
    if ending in ("off", "stl", "glb"):
        BOX.export(path)
    else:
        write_cloud(path, CLOUD)
    content = path.read_bytes()
    for share in (0.05, 0.3, 0.6, 0.9):
        path.write_bytes(content[: int(len(content) * share)])
        points, error = attempt(path)  # some formats can be read as far as they go
        assert len(points) or path.name in error


@given(content=st.binary(min_size=1, max_size=300), ending=st.sampled_from(ENDINGS))
def test_any_bytes_give_points_or_one_clear_error(tmp_path_factory, content, ending):
    path = tmp_path_factory.mktemp("any") / f"shape.{ending}"
    path.write_bytes(content)
    points, error = attempt(path, 10)
    assert 0 < len(points) <= 10 or path.name in error


@given(
    hypothesis_numpy.arrays(
        st.sampled_from([np.float64, np.float16, np.int32]), st.tuples(st.integers(1, 9), st.just(3))
    )
)
def test_any_numbers_are_kept(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("any") / "shape.npy"
    np.save(path, array)
    sound = ~np.isnan(array).any(axis=1)
    points, error = attempt(path)
    assert len(points) == sound.sum()
    assert sound.any() or "NaN" in error


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3)),
        np.zeros((5, 2)),
        np.zeros(3),
        np.stack([CLOUD - CLOUD.mean(axis=0)] * 2),
        np.zeros((4, 5, 3), np.uint8),
        np.zeros((5, 3), complex),
        np.full((5, 3), "a"),
    ],
    ids=["no points", "two columns", "one point", "batch", "picture", "complex", "text"],
)
def test_other_arrays_are_rejected(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=r"a\.npy (contains|has no points)"):
        read_shape(tmp_path / "a.npy")


def test_pickles_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npy contains objects"):
        read_shape(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", {"xyz": CLOUD, "own": Runs()}, allow_pickle=True)
    with pytest.raises(InputError, match=r"was not loaded .*builtins\.eval"):
        read_shape(tmp_path / "a.npy")


class Runs:
    """Would execute code when unpickled."""

    def __reduce__(self):
        return (eval, ("1 + 1",))


def test_dicts_of_arrays_as_in_openshape_and_ulip(tmp_path):
    content = {"xyz": CLOUD, "rgb": CLOUD, "group": "chair", "count": np.int64(3), "text": ["a chair"]}
    np.save(tmp_path / "a.npy", content, allow_pickle=True)
    assert np.array_equal(read_shape(tmp_path / "a.npy").points, CLOUD)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"first": CLOUD, "second": CLOUD}, "first, second.*points, pos, xyz, data"),
        ({"points": CLOUD, "occupancies": np.zeros(7)}, "points beside occupancies: these are points of a volume"),
        ({"picture": np.arange(60.0).reshape(4, 5, 3)}, "such as the colours of a picture"),
    ],
)
def test_npz_without_points_is_rejected(tmp_path, arrays, words):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=words):
        read_shape(tmp_path / "a.npz")


def test_arrays_of_a_mesh_are_read_as_one(tmp_path):
    np.savez(tmp_path / "a.npz", verts=BOX.vertices, faces=BOX.faces)
    assert len(read_shape(tmp_path / "a.npz").points) == MESH_POINTS


@pytest.mark.parametrize("form", [[("position", "f4", 3)], [("pose", [(axis, "f4") for axis in "xyz"])]])
def test_fields_inside_fields(tmp_path, form):
    rows = np.zeros(50, [("id", "i4"), *form, ("normal", "f4", 3)])
    rows[form[0][0]] = CLOUD if len(form[0]) == 3 else np.rec.fromarrays(CLOUD.T, names="x,y,z")
    np.save(tmp_path / "a.npy", rows)
    assert np.array_equal(read_shape(tmp_path / "a.npy").points, CLOUD)


CORNERS = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
FACET = "solid a\nfacet normal 0 0 1\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nvertex 1 1 0\nendfacet\nendsolid"
PLY = "ply\nformat ascii 1.0\nelement vertex 1\n" + "".join(f"property float {a}\n" for a in "xyz") + "end_header\n"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.obj", CORNERS + "f 1.9 2 3\n", "the corner 1.9, which is not an integer"),
        ("a.obj", CORNERS + "f nan 2 3\n", "the corner nan"),
        ("a.obj", CORNERS + "f 0 2 3\n", "vertex 0, but its 3 vertices count from 1"),
        ("a.obj", CORNERS + "f -4 2 3\n", "vertex -4"),
        ("a.obj", CORNERS + "surf 0 1 0 1 1 2 3\n", "free-form geometry"),
        ("a.off", "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1.5 2\n", "the corner 1.5, which is not"),
        ("a.off", "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n2 0 1\n", "1 faces, none of three"),
        ("a.stl", FACET, "4 vertices in 1 facets"),
        ("a.ply", PLY + "1_0 2 3\n", "has '1_0 2 3.*' among its numbers"),
    ],
)
def test_faces_and_numbers_that_are_none_are_rejected(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        read_shape(tmp_path / name)


def test_meshes_without_surface_and_empty_files_are_rejected(tmp_path):
    flat = tmp_path / "flat.off"
    flat.write_text("OFF\n3 1 0\n1 1 1\n1 1 1\n1 1 1\n3 0 1 2\n")
    with pytest.raises(InputError, match=r"flat\.off has faces but no surface"):
        read_shape(flat)
    (tmp_path / "a.gltf").write_text(json.dumps({"asset": {"version": "2.0"}, "scenes": [{"nodes": []}], "nodes": []}))
    with pytest.raises(InputError, match=r"a\.gltf"):
        read_shape(tmp_path / "a.gltf")


def test_other_input_is_rejected(tmp_path):
    path = write_cloud(tmp_path / "a.npy", CLOUD)
    with pytest.raises(InputError, match=r"'\.fbx'; supported are \.ply \.obj"):
        read_shape(tmp_path / "a.fbx")
    (tmp_path / "folder.ply").mkdir()
    with pytest.raises(InputError, match="is not a file"):
        read_shape(tmp_path / "folder.ply")
    with pytest.raises(InputError, match="up axis"):
        read_shape(path, up="w")
    with pytest.raises(InputError, match="number of points"):
        read_shape(path, num_points=0)
    with pytest.raises(InputError, match="seed"):
        read_shape(path, seed=-1)
