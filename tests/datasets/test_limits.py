"""Limits for shape files and weights, and the variable that raises them."""

import gzip
import io
import json
import os
import sys
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.fuzz_readers import READERS
from pointclip.datasets import ShapeFiles
from pointclip.datasets.shape_files import arrays, gltf, packed, read_shape
from pointclip.datasets.shape_files.geometry import unique
from pointclip.encoder.checkpoints import read_state_dict
from pointclip.errors import InputError
from pointclip.utils.limits import VARIABLE

FILES = Path(__file__).parents[1] / "fixtures" / "bad_inputs"
TEXT = b"".join(b"%d 0.5 %d\n" % (n, n * n) for n in range(30))


def check_limit(monkeypatch, path, message, factor="1000"):
    """Check that a file is rejected, and read if the variable raises the limits."""
    with pytest.raises(InputError, match=f"{message}.*{VARIABLE}"):
        read_shape(path)
    monkeypatch.setenv(VARIABLE, factor)
    assert len(read_shape(path).points)


@pytest.mark.parametrize("ending", [".gz", ".zip"])
def test_packed_file_that_is_too_large(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(packed, "MAX_BYTES", 10)
    path = tmp_path / f"a.xyz{ending}"
    if ending == ".gz":
        path.write_bytes(gzip.compress(TEXT))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.xyz", TEXT)
    check_limit(monkeypatch, path, "unpacked")


def test_packed_arrays_that_are_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_BYTES", 100)
    path = tmp_path / "a.npz"
    np.savez_compressed(path, points=np.eye(3, dtype=np.float32), more=np.zeros(100))
    check_limit(monkeypatch, path, "unpacked")


@pytest.mark.parametrize(("limit", "message"), [("MAX_NODES", "nodes"), ("MAX_ROWS", "points and corners")])
def test_mesh_used_by_too_many_nodes(tmp_path, monkeypatch, limit, message):
    document_bytes = READERS["gltf"].sound()[0]
    document = json.loads(document_bytes)
    document["nodes"] = [{"mesh": 0}] * 500
    document["scenes"], document["scene"] = [{"nodes": list(range(500))}], 0
    path = tmp_path / "a.gltf"
    path.write_text(json.dumps(document))
    monkeypatch.setattr(gltf, limit, 20)
    check_limit(monkeypatch, path, message)


def test_small_files_that_unpack_to_large_ones(tmp_path):
    zeros = b"0.5 0.25 1\n" * 2_000_000
    (tmp_path / "a.xyz.gz").write_bytes(gzip.compress(zeros))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xyz", zeros)
    np.savez_compressed(tmp_path / "a.npz", points=np.zeros((1_000_000, 3)))
    for name in ("a.xyz.gz", "a.zip", "a.npz"):
        with pytest.raises(InputError, match=f"unpacked, has .* more than the limit of 16,777,216.*{VARIABLE}"):
            read_shape(tmp_path / name)
    np.savez_compressed(tmp_path / "a.npz", points=np.eye(3), more=np.zeros((1_000_000, 3)))
    assert len(read_shape(tmp_path / "a.npz").points) == 3  # the others are not read


def test_names_that_run_into_each_other(tmp_path):
    name = "hostile_same_names.obj.gz"
    assert len(read_shape(FILES / name, 64).points) == 64
    names = [unique("a", given) for given in [Counter(a=1, a_2=1)] for _ in range(3)]
    assert names == ["a_3", "a_4", "a_5"]


def test_a_line_of_blanks_and_lines_of_many_fields(tmp_path):
    (tmp_path / "a.xyz").write_text("1;2" + " " * 100_000 + ";3\n4;5;6")
    assert read_shape(tmp_path / "a.xyz").points.tolist() == [[1, 2, 3], [4, 5, 6]]
    (tmp_path / "a.xyz").write_text("# x\n" * 900 + "1 " * 20_000)
    with pytest.raises(InputError, match="20,000 fields in a line"):
        read_shape(tmp_path / "a.xyz")


def test_circular_nodes(tmp_path):
    document_bytes = READERS["gltf"].sound()[0]
    document = json.loads(document_bytes)
    document["nodes"] = [{"children": [1]}, {"children": [0]}]
    document["scenes"], document["scene"] = [{"nodes": [0]}], 0
    path = tmp_path / "a.gltf"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="circular nodes"):
        read_shape(path)


@pytest.mark.parametrize("place", [0, 24, 2**62, -1])
def test_invalid_chunk_table(tmp_path, place):
    data = bytearray(READERS["las"].sound()[1])
    start = int.from_bytes(data[96:100], "little")
    table = int.from_bytes(data[start : start + 8], "little")
    data[table + 4 : table + 8] = (2**32 - 1).to_bytes(4, "little")  # chunks, for which lazrs would make room
    if place:
        data[start : start + 8] = place.to_bytes(8, "little", signed=True)
    path = tmp_path / "a.laz"
    path.write_bytes(data)
    with pytest.raises(InputError, match="chunks of points"):
        read_shape(path)


@pytest.mark.parametrize(
    ("place", "content", "reason"),
    [
        pytest.param(12, 0, "chunks without points", id="points per chunk"),
        pytest.param(12, 2**31, "chunks of 2,147,483,648 points", id="room for a chunk"),
        pytest.param(32, 0, r"points of \d+ bytes, but declares \d+", id="items"),
        pytest.param(36, 0, r"points of \d+ bytes, but declares \d+", id="size of an item"),
    ],
)
def test_invalid_packing_prints_no_stack_trace(tmp_path, place, content, reason, capfd):
    data = bytearray(READERS["las"].sound()[1])
    record = data.index(b"laszip encoded") - 2 + 54
    data[record + place : record + place + 4] = content.to_bytes(4, "little")
    path = tmp_path / "a.laz"
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"a\.laz has {reason}"):
        read_shape(path)
    assert "panicked" not in capfd.readouterr().err


def test_laz_without_lazrs_names_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lazrs", None)
    (tmp_path / "a.laz").write_bytes(READERS["las"].sound()[1])
    with pytest.raises(InputError, match=r"a\.laz needs the package lazrs"):
        read_shape(tmp_path / "a.laz")


@pytest.mark.parametrize("header", ["{'descr': '<f4', 'shape': (", "{'descr': '<f4'", "[" * 900, "{1: 2}", "{}"])
def test_array_header_that_is_not_a_literal(tmp_path, header):
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    with pytest.raises(InputError, match=r"cannot be read as \.npy"):
        read_shape(path)


@pytest.mark.parametrize("read", [read_shape, read_state_dict])
def test_pipes_are_not_read(tmp_path, read):
    path = tmp_path / "a.ply"
    os.mkfifo(path)
    with pytest.raises(InputError, match=r"not a regular file|is not a file"):
        read(path)


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch deprecates quantized tensors
@pytest.mark.parametrize("kind", ["meta", "sparse", "quantized"])
def test_weights_without_plain_numbers(tmp_path, kind):
    plain = torch.ones(2, 3)
    odd = {
        "meta": lambda: plain.to("meta"),
        "sparse": plain.to_sparse,
        "quantized": lambda: torch.quantize_per_tensor(plain, 0.1, 0, torch.qint8),
    }
    path = tmp_path / "a.pt"
    torch.save({"visual.weight": odd[kind](), "logit_scale": torch.tensor(1.0)}, path)
    with pytest.raises(InputError, match=r"expected plain numbers|holds more than tensors"):
        read_state_dict(path)


def test_zip_with_fifty_thousand_files(tmp_path):
    names = [tmp_path / f"{n}.xyz" for n in range(50_000)]
    assert len(ShapeFiles(names)) == 50_000
    with pytest.raises(InputError, match=r"/7\.xyz was given twice"):
        ShapeFiles([*names, names[7]])


def test_zip_with_a_negative_offset(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.xyz", TEXT)
    data = bytearray(file.getvalue())
    data[-6:-2] = (2**31).to_bytes(4, "little")  # where the directory begins
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    with pytest.raises(InputError, match="cannot be unpacked"):
        read_shape(path)
