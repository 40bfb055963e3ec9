"""An unreachable hub is reported quickly, and not contacted for cached weights."""

import socket

import pytest
from huggingface_hub import constants
from yacs.config import CfgNode

from pointclip.encoder import load_encoder
from pointclip.encoder import reachable as hub
from pointclip.errors import CannotFetch
from pointclip.utils import hub as early
from pointclip.utils.network import unreachable

ENTRY = {"hf_hub": "timm/vit_base_patch16_clip_224.openai/"}


@pytest.fixture
def silent():
    """The URL of a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return tmp_path


def test_silent_server_times_out(silent):
    why = unreachable(silent, 0.3)  # hangs for ever without a limit
    assert "no answer" in why or "timed out" in why  # the latter on a busy machine


def test_closed_port_is_reported():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "refused" in unreachable(f"http://127.0.0.1:{port}", 5)


def test_download_fails_fast_if_the_hub_is_unreachable(silent, empty_cache, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", silent)
    monkeypatch.setattr(hub, "SECONDS", 0.3)
    with pytest.raises(CannotFetch, match=r"could not be downloaded from timm/.*cannot be reached"):
        load_encoder("ViT-B-16", "openai", precision="fp32")


@pytest.mark.parametrize("why", ["cached", "offline", "no hub"])
def test_hub_is_not_contacted_unnecessarily(why, empty_cache, monkeypatch):
    monkeypatch.setattr(hub, "unreachable", lambda *_: pytest.fail("asked"))
    if why == "cached":
        snapshot = empty_cache / "models--timm--vit_base_patch16_clip_224.openai" / "snapshots" / "abc"
        snapshot.mkdir(parents=True)
        (snapshot / "open_clip_model.safetensors").write_text("")
    if why == "offline":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.check_reachable({"url": "https://elsewhere"} if why == "no hub" else ENTRY)


@pytest.mark.parametrize("cached", [False, True])
def test_an_empty_cache_and_no_hub_are_told_before_the_slow_imports(cached, silent, empty_cache, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", silent)
    monkeypatch.setattr(early, "SECONDS", 0.3)
    early.check_weights(CfgNode({"NAME": "demo", "PRETRAINED": "auto"}))
    if cached:  # what is there is only known to open_clip
        (empty_cache / "models--any" / "snapshots" / "abc" / "file").mkdir(parents=True)
        return early.check_weights(CfgNode({"NAME": "ViT-B-16", "PRETRAINED": "auto"}))
    with pytest.raises(CannotFetch, match="ViT-B-16 are not on this machine"):
        early.check_weights(CfgNode({"NAME": "ViT-B-16", "PRETRAINED": "auto"}))
