"""The readers of untrusted files, each with small valid files to damage."""

import base64
import gzip
import io
import json
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import h5py
import laspy
import numpy as np
import torch
import trimesh
import yaml
from plyfile import PlyData, PlyElement
from safetensors.torch import save as as_safetensors

from fewshot_cls.head_facts import HeadFacts
from fewshot_cls.methods.head import Head
from fewshot_cls.methods.tip_adapter import TipAdapter
from fewshot_cls.methods.zero_shot import ZeroShot
from pointclip.config import defaults, load_config
from pointclip.datasets.h5 import H5Shapes
from pointclip.datasets.shape_files import read_shape
from pointclip.datasets.shape_files.geometry import Reading
from pointclip.datasets.shape_files.reading import read_geometry
from pointclip.encoder.checkpoints import read_state_dict
from pointclip.errors import InputError
from pointclip.features.store import read_features, write_features
from pointclip.projection.points import check_points
from pointclip.prompts import open_prompts
from pointclip.search.result import read_result
from pointclip.utils.fetch import read_note
from pointclip.writing.generate import Partial
from pointclip.writing.published_files import Material, read_candidates, read_parameters

warnings.simplefilter("ignore")
POINTS = np.random.default_rng(0).uniform(-1, 1, (24, 3)).astype(np.float32)


@dataclass(frozen=True)
class Reader:
    """A reader, the name of its file, and what makes sound files of its kind."""

    file: str
    read: Callable[[Path], object]
    sound: Callable[[], list[bytes]]


def _shape(path: Path) -> None:
    read_geometry(path, Reading(fields=True))
    points = read_shape(path, 64).points
    check_points(torch.from_numpy(points)[None])


def _mesh(kind: str, **options: object) -> bytes:
    data = trimesh.creation.box((1, 2, 3)).export(file_type=kind, **options)
    return data.encode() if isinstance(data, str) else data


@cache
def _ply() -> list[bytes]:
    rows = np.array([tuple(p) for p in POINTS], dtype=[(axis, "f4") for axis in "xyz"])
    cloud = io.BytesIO()
    PlyData([PlyElement.describe(rows, "vertex")], text=True).write(cloud)
    return [_mesh("ply"), _mesh("ply", encoding="ascii"), cloud.getvalue()]


@cache
def _stl() -> list[bytes]:
    return [_mesh("stl"), _mesh("stl_ascii")]


@cache
def _gltf() -> list[bytes]:
    scene = trimesh.Scene(trimesh.creation.box())
    scene.graph.update("twice", matrix=trimesh.transformations.translation_matrix([1, 0, 0]), geometry="geometry_0")
    files = scene.export(file_type="gltf")
    document = json.loads(files["model.gltf"])
    for buffer in document["buffers"]:
        buffer["uri"] = _embedded(files[buffer["uri"]])
    return [json.dumps(document).encode(), json.dumps(posed_document()).encode()]


def _embedded(data: bytes) -> str:
    return "data:application/octet-stream;base64," + base64.b64encode(data).decode()


def posed_document() -> dict:
    """A glTF of one triangle thrice: bent by a skin, morphed, and placed two times.

    Its vertices are (0, 0, 0), (1, 0, 0) and (0, 1, 0). The skin's second joint is 10 along z; the first vertex is
    bound to the first joint, the second to the second, the last to both. The morph target moves every vertex by 4
    along x, with weight 0.5. The instances are at 20 and 30 along y, the latter twice as large.
    """
    ones = np.eye(4, dtype=np.float32)
    arrays = [
        (np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32), "VEC3"),
        (np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]], np.uint8), "VEC4"),
        (np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0.5, 0.5, 0, 0]], np.float32), "VEC4"),
        (np.stack([ones.ravel(), ones.ravel()]), "MAT4"),
        (np.array([[4, 0, 0]] * 3, np.float32), "VEC3"),
        (np.array([[0, 20, 0], [0, 30, 0]], np.float32), "VEC3"),
        (np.array([[1, 1, 1], [2, 2, 2]], np.float32), "VEC3"),
    ]
    data = b"".join(array.tobytes() for array, _ in arrays)
    ends = np.cumsum([array.nbytes for array, _ in arrays]).tolist()
    views = [
        {"buffer": 0, "byteOffset": end - array.nbytes, "byteLength": array.nbytes}
        for end, (array, _) in zip(ends, arrays, strict=True)
    ]
    accessors = [
        {"bufferView": k, "componentType": 5121 if array.dtype == np.uint8 else 5126, "count": len(array), "type": kind}
        for k, (array, kind) in enumerate(arrays)
    ]
    triangle = {"attributes": {"POSITION": 0}}
    bent = {"attributes": {"POSITION": 0, "JOINTS_0": 1, "WEIGHTS_0": 2}}
    instances = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 5, "SCALE": 6}}}
    return {
        "asset": {"version": "2.0"},
        "nodes": [
            {"mesh": 0, "skin": 0, "translation": [99, 0, 0], "name": "bent"},
            {"name": "root", "children": [2]},
            {"name": "tip", "translation": [0, 0, 10]},
            {"mesh": 1},
            {"mesh": 2, "extensions": instances},
        ],
        "skins": [{"joints": [1, 2], "inverseBindMatrices": 3}],
        "meshes": [
            {"primitives": [bent]},
            {"primitives": [triangle | {"targets": [{"POSITION": 4}]}], "weights": [0.5], "name": "morphed"},
            {"primitives": [triangle]},
        ],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(data), "uri": _embedded(data)}],
        "extensionsUsed": ["EXT_mesh_gpu_instancing"],
    }


@cache
def _glb() -> list[bytes]:
    return [_mesh("glb")]


def _pcd_header(kind: str) -> bytes:
    lines = ["# .PCD v0.7", "VERSION 0.7", "FIELDS x y z", "SIZE 4 4 4", "TYPE F F F", "COUNT 1 1 1"]
    lines += [f"WIDTH {len(POINTS)}", "HEIGHT 1", "VIEWPOINT 0 0 0 1 0 0 0", f"POINTS {len(POINTS)}", f"DATA {kind}"]
    return "".join(f"{line}\n" for line in lines).encode()


@cache
def _pcd() -> list[bytes]:
    import lzf

    text = "\n".join(" ".join(map(str, point)) for point in POINTS).encode()
    columns = np.ascontiguousarray(POINTS.T.round(1)).tobytes()
    packed = lzf.compress(columns)
    sizes = len(packed).to_bytes(4, "little") + len(columns).to_bytes(4, "little")
    blocks = {"ascii": text, "binary": POINTS.tobytes(), "binary_compressed": sizes + packed}
    return [_pcd_header(kind) + block for kind, block in blocks.items()]


@cache
def _las() -> list[bytes]:
    header = laspy.LasHeader(point_format=3, version="1.2")
    header.scales = np.array([0.001] * 3)
    files = []
    for packed in (False, True):
        scan = laspy.LasData(header)
        scan.x, scan.y, scan.z = POINTS.T.astype(float)
        file = io.BytesIO()
        scan.write(file, do_compress=packed)
        files.append(file.getvalue())
    return files


def _saved(save: Callable[[object], object]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


@cache
def _npy() -> list[bytes]:
    contents = (POINTS, {"xyz": POINTS}, np.rec.fromarrays(POINTS.T, names="x,y,z"), POINTS.reshape(6, 4, 3))
    return [_saved(lambda file, content=content: np.save(file, content)) for content in contents]


@cache
def _npz() -> list[bytes]:
    savers = (np.savez, np.savez_compressed)
    return [_saved(lambda file, save=save: save(file, points=POINTS, label=np.arange(3))) for save in savers]


@cache
def _xyz() -> list[bytes]:
    return [
        _saved(lambda file: np.savetxt(file, POINTS)),
        b"x,y,z\n" + _saved(lambda f: np.savetxt(f, POINTS, delimiter=",")),
        b'"who";"X [m]";"Y [m]";"Z [m]"\n' + b"".join(b'"a; b";%g;%g;%g\n' % tuple(point) for point in POINTS),
        b"//Original cloud index X Y Z\n" + b"".join(b"%d %g %g %g\n" % (n, *p) for n, p in enumerate(POINTS)),
    ]


@cache
def _gz() -> list[bytes]:
    return [gzip.compress(_xyz()[0])]


@cache
def _zip() -> list[bytes]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.off", _mesh("off"))
    return [file.getvalue()]


WEIGHTS = {"visual.weight": torch.arange(6.0).reshape(2, 3), "logit_scale": torch.tensor(1.0)}


@cache
def _pt() -> list[bytes]:
    kinds = ({"state_dict": WEIGHTS, "epoch": 3}, WEIGHTS)
    files = [_saved(lambda file, what=what: torch.save(what, file)) for what in kinds]
    return [*files, _saved(lambda file: torch.save(WEIGHTS, file, _use_new_zipfile_serialization=False))]


@cache
def _safetensors() -> list[bytes]:
    return [as_safetensors(WEIGHTS)]


@cache
def _h5() -> list[bytes]:
    files = []
    for options in ({}, {"compression": "gzip", "chunks": True}):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.h5"
            with h5py.File(path, "w") as file:
                file.create_dataset("data", data=np.stack([POINTS, POINTS]), **options)
                file.create_dataset("label", data=np.array([[0], [1]], np.uint8))
                file.create_dataset("pid", data=np.zeros((2, len(POINTS)), np.uint8))
            files.append(path.read_bytes())
    return files


def _read_h5(path: Path) -> None:
    shapes = H5Shapes([path], 2, 16, "pid")
    for index in range(min(len(shapes), 3)):
        shapes[index]


@cache
def _config() -> list[bytes]:
    text = "SEED: 3\nDATASET:\n  NAME: modelnet40\n  NUM_POINTS: 512\nVIEW_WEIGHTS: &w [1, 0.5, 0.25]\nSEARCHED: *w\n"
    return [text.encode(), b"ENCODER: vit_b16\nSEARCH: {VALUES: '0.25, 1', SWEEPS: 2}\nPROMPTS: {TEMPLATE: 'a {}.'}\n"]


@cache
def _prompt_file() -> list[bytes]:
    return [json.dumps({"chair": ["a chair.", "a seat."], "lamp": {"pole": ["a pole."]}}).encode()]


@cache
def _searched() -> list[bytes]:
    values = {
        "task": "t", "dataset": "d", "split": "train", "shapes": 2, "data": "x", "encoder": "e", "views": [0, 1],
        "settings": {"LOOKUP": "corrected"}, "procedure": "p", "tuned_on_test_labels": False, "score": 50.0,
        "scores": {}, "sentences": {"chair": ["a seat."]}, "weights": {"all": [1.0, 0.5]},
    }  # fmt: skip
    return [yaml.safe_dump(values, sort_keys=False).encode()]


SETTINGS = {"model": "m", "base url": None, "category": "", "temperature": None, "seed": 0}


@cache
def _partial() -> list[bytes]:
    rows = [SETTINGS, *(["chair", "caption", number, f"A chair number {number}."] for number in range(4))]
    return ["".join(json.dumps(row) + "\n" for row in rows).encode()]


def _read_partial(path: Path) -> None:
    Partial(path.with_suffix(""), SETTINGS)


@cache
def _kept() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kept.safetensors"
        write_features(path, {"views": torch.arange(20.0).reshape(2, 10)})
        return [path.read_bytes()]


def _read_cached(path: Path) -> None:
    """Damage gives None; anything else must equal what was written."""
    kept = read_features(path)
    whole = {"views": torch.arange(20.0).reshape(2, 10)}
    if kept is None:
        raise InputError("damaged")
    assert kept.keys() == whole.keys()
    assert torch.equal(kept["views"], whole["views"]), "damage that was not found"


@cache
def _note() -> list[bytes]:
    return [json.dumps({"url": "http://a/b.zip", "tag": '"one"', "size": 123}).encode()]


@cache
def _candidates() -> list[bytes]:
    return [json.dumps({"airplane": ["a plane.", "a wing."], "bed": ["a bed."]}).encode()]


@cache
def _parameters() -> list[bytes]:
    weights = [0.75] * 10
    lines = [f'best_prompt_weight = {{"modelnet40_rn50_test_weights": {weights}}}']
    lines += [f'best_vweight = {{"chair": {weights}}}', 'best_prompt = {"chair": ["a seat.", "a back."]}']
    return ["".join(f"{line}\n" for line in lines).encode()]


@cache
def _head() -> list[bytes]:
    zero = ZeroShot(torch.eye(3, 8), torch.ones(2))
    head = TipAdapter(zero, keys=torch.eye(3, 8), values=torch.eye(3), alpha=1.0, beta=2.0, how="sum")
    facts = HeadFacts(
        "tip_adapter",
        "demo",
        "key",
        2,
        ("a", "b", "c"),
        {},
        {},
        head.numbers,
        "unit",
        {},
        "set, 1 shot, seed 0",
        "nothing",
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.safetensors"
        head.save(path, facts)
        return [path.read_bytes()]


READERS = {
    "head": Reader("head.safetensors", Head.load, _head),
    "ply": Reader("a.ply", _shape, _ply),
    "obj": Reader("a.obj", _shape, lambda: [_mesh("obj")]),
    "off": Reader("a.off", _shape, lambda: [_mesh("off")]),
    "stl": Reader("a.stl", _shape, _stl),
    "glb": Reader("a.glb", _shape, _glb),
    "gltf": Reader("a.gltf", _shape, _gltf),
    "pcd": Reader("a.pcd", _shape, _pcd),
    "las": Reader("a.las", _shape, _las),
    "npy": Reader("a.npy", _shape, _npy),
    "npz": Reader("a.npz", _shape, _npz),
    "xyz": Reader("a.xyz", _shape, _xyz),
    "gz": Reader("a.xyz.gz", _shape, _gz),
    "zip": Reader("a.zip", _shape, _zip),
    "pt": Reader("a.pt", read_state_dict, _pt),
    "safetensors": Reader("a.safetensors", read_state_dict, _safetensors),
    "h5": Reader("a.h5", _read_h5, _h5),
    "config": Reader("a.yaml", lambda path: load_config(defaults(), path), _config),
    "prompts": Reader("a.json", open_prompts, _prompt_file),
    "searched": Reader("searched.yaml", lambda path: read_result(path, "t"), _searched),
    "partial": Reader("out.json.partial", _read_partial, _partial),
    "kept features": Reader("kept.safetensors", _read_cached, _kept),
    "download note": Reader("a.part.json", read_note, _note),
    "candidates": Reader(
        "a.json",
        lambda path: read_candidates(path.read_bytes(), PurePosixPath("modelnet40_1000.json"), Material()),
        _candidates,
    ),
    "parameters": Reader(
        "a.py", lambda path: read_parameters(path.read_bytes(), PurePosixPath("best_param.py"), Material()), _parameters
    ),
}
