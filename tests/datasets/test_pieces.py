"""Files of several objects: split by nodes, connected parts or distance, with one up axis for all pieces."""

import numpy as np
import pytest
import trimesh

from pointclip.datasets import ShapeFiles
from pointclip.datasets.shape_files.geometry import Geometry
from pointclip.datasets.shape_files.pieces import Split, pieces_of
from pointclip.datasets.synthetic import generate
from pointclip.datasets.up_axis import UpGuess
from pointclip.errors import InputError
from tests.datasets.test_up_axis import z_up

BOX = trimesh.creation.box()


def scene(path, **boxes):
    """A file of boxes: name -> (extent, x)."""
    own = trimesh.Scene()
    for name, (extent, x) in boxes.items():
        box = trimesh.creation.box([extent] * 3)
        box.apply_translation([x, 0, 0])
        own.add_geometry(box, node_name=name, geom_name=name)
    (own if path.suffix == ".glb" else own.to_mesh()).export(path)
    return path


def names_of(shapes):
    return [entry.piece for entry in shapes.entries]


def test_a_scene_is_split_by_its_nodes_in_its_own_frame(tmp_path):
    path = scene(tmp_path / "a.glb", chair=(1, 0), lamp=(2, 5), screw=(0.01, 9))
    shapes = ShapeFiles([path], up="auto", split=Split("auto"))
    assert names_of(shapes) == ["chair", "lamp", "screw"]
    assert shapes[1].name == f"{path}#lamp"
    np.testing.assert_allclose(shapes.taken(1).geometry.points.mean(0), [5, 0, 0], atol=1e-6)
    with pytest.raises(InputError, match=r"a\.glb#screw: its extent is 0\.5 % of the largest.*SPLIT\.MIN_EXTENT"):
        shapes[2]
    assert len(ShapeFiles([path])) == 1


def test_nodes_of_one_name_and_none_are_told_apart(tmp_path):
    own = trimesh.Scene([BOX, BOX.copy().apply_translation([3, 0, 0])])
    data = own.export(file_type="glb")
    for name in set(own.graph.nodes_geometry):  # of the same length, so that the file stays sound
        data = data.replace(
            f'"name":"{name}"'.encode(), f'"name":"{"same".ljust(len(name), "_")[: len(name)]}"'.encode()
        )
    (tmp_path / "a.glb").write_bytes(data)
    assert len(set(names_of(ShapeFiles([tmp_path / "a.glb"], split=Split("nodes"))))) == 2


def test_a_mesh_is_split_where_no_triangles_touch_even_if_vertices_are_repeated(tmp_path):
    path = scene(tmp_path / "a.stl", small=(1, 0), large=(2, 5))
    shapes = ShapeFiles([path], split=Split("auto"))
    assert names_of(shapes) == ["part1", "part2"]
    assert np.ptp(shapes[0].points, 0).max() == pytest.approx(2, abs=0.1)  # the largest first
    assert [len(shapes.taken(i).geometry.triangles) for i in (0, 1)] == [12, 12]


def test_objects_of_an_obj_are_nodes(tmp_path):
    two = BOX.export(file_type="obj").split("\n", 1)[1]
    faces = [line for line in two.splitlines() if line.startswith("f")]
    vertices = [line for line in two.splitlines() if line.startswith("v ")]
    text = [*vertices, "o left side", *faces[:4], "o", *faces[4:]]
    (tmp_path / "a.obj").write_text("\n".join(text))
    assert names_of(ShapeFiles([tmp_path / "a.obj"], split=Split("nodes"))) == ["left side", "object2"]
    text = [*vertices, "g left side", *faces[:4], "g b", *faces[4:6], "g left side", *faces[6:]]
    (tmp_path / "c.obj").write_text("\n".join(text))  # groups, where there are no objects
    groups = ShapeFiles([tmp_path / "c.obj"], split=Split("nodes"))
    assert names_of(groups) == ["left side", "b"]
    assert [len(groups.taken(i).geometry.triangles) for i in (0, 1)] == [10, 2]
    (tmp_path / "b.obj").write_text(two)
    with pytest.raises(InputError, match=r"b\.obj: It has no nodes.*--split parts"):
        ShapeFiles([tmp_path / "b.obj"], split=Split("nodes"))[0]


def test_a_cloud_is_split_by_distance_and_its_rows_with_nan_are_left_out():
    one, two = generate("chair", 1, 1000).points, generate("car", 1, 1000).points
    points = np.concatenate([one / np.ptp(one, 0).max(), two / np.ptp(two, 0).max() + [1.5, 0, 0], [[np.nan] * 3]])
    shuffled = np.random.default_rng(0).permutation(points)
    pieces = [piece for piece in pieces_of(Geometry(shuffled), Split("auto")) if piece.geometry]
    assert sorted(len(piece.geometry.points) for piece in pieces) == [1000, 1000]
    assert pieces_of(Geometry(one), Split("parts"))[0].name == ""  # a single piece is the file
    twice = pieces_of(Geometry(np.repeat(points, 2, axis=0)), Split("auto"))
    assert [len(piece.geometry.points) for piece in twice] == [2000, 2000]


def test_no_more_than_the_largest_pieces_are_read(tmp_path):
    path = scene(tmp_path / "a.glb", a=(1, 0), b=(3, 5), c=(2, 10))
    shapes = ShapeFiles([path], split=Split("nodes", max_pieces=2))
    assert [bool(entry.reason) for entry in shapes.entries] == [True, False, False]
    assert "raise SPLIT.MAX_PIECES" in shapes.entries[0].reason


def test_a_name_of_half_a_character_can_be_written(tmp_path):
    data = scene(tmp_path / "a.glb", **{"chair00": (1, 0), "b": (1, 3)}).read_bytes()
    (tmp_path / "a.glb").write_bytes(data.replace(b'"name":"chair00"', rb'"name":"\ud800x"'))
    assert names_of(ShapeFiles([tmp_path / "a.glb"], split=Split("nodes"))) == ["?x", "b"]


def test_a_piece_without_a_surface_is_named(tmp_path):
    lines = ["o a", "v 0 0 0", "v 1 0 0", "v 0 1 0", "f 1 2 3", "o flat", "v 5 0 0", "v 6 0 0", "v 7 0 0", "f 4 5 6"]
    (tmp_path / "a.obj").write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"a\.obj#flat has faces but no surface"):
        ShapeFiles([tmp_path / "a.obj"], split=Split("nodes"))[1]


def test_a_bad_file_is_one_bad_shape(tmp_path):
    (tmp_path / "empty.stl").write_text("solid a\nendsolid a\n")
    with pytest.raises(InputError, match=r"empty\.stl has no points"):
        ShapeFiles([tmp_path / "empty.stl"], split=Split("auto"))[0]
    (tmp_path / "bad.glb").write_bytes(b"glTF")
    shapes = ShapeFiles([tmp_path / "bad.glb", scene(tmp_path / "a.glb", a=(1, 0))], split=Split("auto"))
    assert names_of(shapes) == ["", ""]
    with pytest.raises(InputError, match=r"bad\.glb"):
        shapes[0]
    assert shapes[1].name.endswith("a.glb")


def test_all_pieces_have_the_up_axis_of_their_file(tmp_path):
    cars = [z_up(generate("car", seed, 500).points) + np.array([4 * seed, 0, 0]) for seed in (1, 2)]
    np.save(tmp_path / "cars.npy", np.concatenate(cars))
    shapes = ShapeFiles([tmp_path / "cars.npy"], up="auto", split=Split("auto"))
    assert len(shapes) == 2
    for i in range(2):
        assert np.ptp(shapes[i].points[:, 1]) == pytest.approx(np.ptp(cars[i][:, 2]), rel=0.3)
        assert shapes.up_of(i).axis == "z"


def test_an_axis_set_for_a_file_counts_for_its_shapes(tmp_path):
    ball = np.random.default_rng(0).normal(size=(300, 3))
    np.save(tmp_path / "ball.npy", ball / np.linalg.norm(ball, axis=1, keepdims=True))
    np.save(tmp_path / "car.npy", generate("car", 3).points)
    shapes = ShapeFiles([tmp_path / "ball.npy", tmp_path / "car.npy"], up="auto")
    guess, clouds = shapes.guess(0)
    assert (guess.sure, len(clouds)) == (False, 1)
    shapes.set_up(0, UpGuess("z", "asked"))
    assert len([shapes[i] for i in (0, 1, 0)]) == 3
    assert [guess.axis for guess in shapes.guesses.values()] == ["z", "y"]
