"""HDF5 files whose arrays are not in them."""

import h5py
import numpy as np
import pytest

from pointclip.datasets.h5 import H5Shapes
from pointclip.errors import InputError


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("link", "is a link into another file"),
        ("virtual", "are in other files"),
        ("raw", "are in other files"),
        ("unwritten", r"`label` \(int64 of shape \[2, 1\]\) were never written"),
    ],
)
def test_arrays_that_are_not_in_the_file_are_refused(tmp_path, kind, words):
    path, other = tmp_path / "a.h5", tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["label"] = np.zeros((2, 1), int)
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    with h5py.File(path, "w") as file:
        file["data"] = np.random.default_rng(0).random((2, 8, 3)).astype(np.float32)
        if kind == "link":
            file["label"] = h5py.ExternalLink(other, "label")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((2, 1), int)
            layout[:] = h5py.VirtualSource(other, "label", (2, 1))
            file.create_virtual_dataset("label", layout)
        elif kind == "raw":
            file.create_dataset("label", (2, 1), int, external=[(tmp_path / "secret.bin", 0, 16)])
        else:
            file.create_dataset("label", (2, 1), int)
    with pytest.raises(InputError, match=words):
        H5Shapes([path], 2)
