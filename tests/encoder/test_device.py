"""Devices and where shapes are projected for them. No Apple machine was at hand: MPS is only stood in for."""

import pytest
import torch

from pointclip.encoder import check_device, native_precision, projection_device
from pointclip.errors import InputError


def test_apple_gpus_are_taken_where_torch_has_them(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    device = check_device("auto")
    assert device.type == "mps"
    assert check_device("mps") == device
    assert native_precision(device) == "fp32"
    assert projection_device(device) == torch.device("cpu")  # float64 is not to be had on MPS


def test_without_one_mps_is_told(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match="needs an Apple GPU"):
        check_device("mps")


def test_elsewhere_shapes_are_projected_where_they_are_encoded():
    for device in ("cpu", "cuda:1"):
        assert projection_device(torch.device(device)) == torch.device(device)
