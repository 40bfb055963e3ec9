"""glTF scenes as they are posed, and what their extensions mean."""

import json
import warnings

import numpy as np
import pytest

from benchmarks.fuzz_readers import posed_document
from pointclip.datasets.shape_files import read_shape
from pointclip.datasets.shape_files.gltf import read_gltf
from pointclip.errors import InputError

TRIANGLE = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])


def read(document, tmp_path):
    return read_gltf(json.dumps(document).encode(), tmp_path / "a.gltf")


def moved(by):
    return TRIANGLE + np.array(by)


def test_skins_morph_targets_and_instances_are_applied(tmp_path):
    scene = read(posed_document(), tmp_path)
    assert scene.nodes == ("bent", "morphed", "node4", "node4_2")
    bent, morphed, first, second = np.split(scene.points, 4)
    assert np.allclose(bent, [[0, 0, 0], [1, 0, 10], [0, 1, 5]])  # not moved by its own node
    assert np.allclose(morphed, moved([2, 0, 0]))
    assert np.allclose(first, moved([0, 20, 0]))
    assert np.allclose(second, 2 * TRIANGLE + np.array([0, 30, 0]))


def test_a_nodes_own_weights_and_visibility_count(tmp_path):
    document = posed_document()
    document["nodes"] = [{"mesh": 1, "weights": [1.0]}, {"children": [2]}, {"mesh": 1, "translation": [0, 0, 7]}]
    scene = read(document, tmp_path)
    assert np.allclose(np.split(scene.points, 2), [moved([4, 0, 0]), moved([2, 0, 7])])
    document["nodes"][1]["extensions"] = {"KHR_node_visibility": {"visible": False}}
    assert np.allclose(read(document, tmp_path).points, moved([4, 0, 0]))


@pytest.mark.parametrize(
    ("name", "harmless"),
    [
        ("KHR_materials_unlit", True),
        ("ADOBE_materials_clearcoat_specular", True),
        ("MSFT_texture_dds", True),
        ("EXT_structural_metadata", True),
        ("EXT_mesh_gpu_instancing", True),
        ("KHR_node_selectability", True),
        ("EXT_meshopt_compression", False),
        ("KHR_draco_mesh_compression", False),
        ("OWN_thing", False),
    ],
)
def test_required_extensions(tmp_path, name, harmless):
    document = posed_document() | {"extensionsRequired": [name]}
    if harmless:
        assert len(read(document, tmp_path).points) == 12
    else:
        with pytest.raises(InputError, match=f"needs the extension {name}, which is not supported"):
            read(document, tmp_path)


@pytest.mark.parametrize("ending", ["obj", "gltf"])
def test_infinite_vertices_are_said(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    if ending == "obj":
        path.write_text("v 0 0 0\nv 1 0 0\nv 0 inf 0\nf 1 2 3\n")
    else:
        document = posed_document()
        document["nodes"] = [{"mesh": 0, "skin": 0}, {"scale": [1e38] * 3, "children": [2]}, {}]
        document["nodes"] += [{"mesh": 2, "matrix": [1e308] * 16}]
        path.write_text(json.dumps(document))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match=r"has infinite coordinates in 1 of \d faces; export it again"):
            read_shape(path)


def test_hidden_joints_and_long_quaternions_count(tmp_path):
    document = posed_document()
    document["nodes"][1]["extensions"] = {"KHR_node_visibility": {"visible": False}}
    document["nodes"][3]["rotation"] = [0, 0, 2, 2]  # a quarter turn
    bent, morphed, _, _ = np.split(read(document, tmp_path).points, 4)
    assert np.allclose(bent, [[0, 0, 0], [1, 0, 10], [0, 1, 5]])
    assert np.allclose(morphed, [[0, 2, 0], [0, 3, 0], [-1, 2, 0]])


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("skins", 0, "joints"), [1, 77], "violates the glTF specification"),
        (("accessors", 3, "count"), 1, "a skin of 2 joints with 1 inverse bind matrices"),
        (("accessors", 6, "count"), 1, "instances with different numbers of attributes"),
        (("asset", "version"), "1.0", "is glTF of version 1.0"),
    ],
)
def test_inconsistent_documents_are_refused(tmp_path, place, value, words):
    document = posed_document()
    *outer, key = place
    inner = document
    for step in outer:
        inner = inner[step]
    inner[key] = value
    with pytest.raises(InputError, match=words):
        read(document, tmp_path)
