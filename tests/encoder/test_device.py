"""Devices for encoding and projecting. No Apple machine was available: MPS is mocked."""

import pytest
import torch

from pointclip.encoder import check_device, native_precision, projection_device
from pointclip.errors import InputError


def test_apple_gpus_are_used_if_available(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    device = check_device("auto")
    assert device.type == "mps"
    assert check_device("mps") == device
    assert native_precision(device) == "fp32"
    assert projection_device(device) == torch.device("cpu")  # MPS does not support float64


def test_missing_mps_is_reported(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match="needs an Apple GPU"):
        check_device("mps")


def test_other_devices_project_where_they_encode():
    for device in ("cpu", "cuda:1"):
        assert projection_device(torch.device(device)) == torch.device(device)
