"""Shared fixtures: tiny CLIP models, registered with open_clip; and the CPU that they run on."""

import json
import sys

import open_clip
import pytest
import torch

from pointclip import workers

TINY = {
    "tiny-vit": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
    "tiny-vit-14": {"image_size": 112, "layers": 2, "width": 64, "patch_size": 8},  # 14 × 14 patches, as ViT-B/16 has
    "tiny-resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1}


RUNNING = pytest.StashKey[pytest.Item]()


def pytest_addoption(parser):
    what = "run as on a CPU where the precision auto is this one; subprocesses are not affected"
    parser.addoption("--auto-precision", choices=("fp32", "bf16"), help=what)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    item.config.stash[RUNNING] = item


@pytest.fixture(scope="session", autouse=True)
def processor(request):
    """The CPU's instructions or --auto-precision's, for tests marked `auto_precision`; no other may depend on them."""
    own, forced = getattr(torch.cpu, "get_capabilities", dict), request.config.getoption("auto_precision")

    def capabilities() -> dict:
        if not request.config.stash[RUNNING].get_closest_marker("auto_precision"):
            pytest.fail("This test runs in the precision auto of its CPU: state one, or mark the test auto_precision.")
        return {"avx512_bf16": forced == "bf16"} if forced else own()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", capabilities, raising=False)
        yield


@pytest.fixture
def reading_here():
    """Lets files be read in the process of the test, which has changed a reader."""
    before = workers.current_pool()
    workers.configure(0)
    yield
    workers.configure(before.workers, before.seconds, before.memory)


@pytest.fixture(autouse=True)
def command_line(monkeypatch):
    """Restores the process's arguments, which starting a command in the process replaces."""
    monkeypatch.setattr("sys.argv", list(sys.argv))


@pytest.fixture(scope="session", autouse=True)
def temporary_cache(tmp_path_factory):
    """Keeps tests, and the commands they start, away from the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POINTCLIP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def tiny_models(tmp_path_factory):
    """Registers the tiny models with open_clip."""
    folder = tmp_path_factory.mktemp("models")
    for name, vision in TINY.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps({"embed_dim": 32, "vision_cfg": vision, "text_cfg": TEXT}))
        open_clip.add_model_config(path)


@pytest.fixture(scope="session")
def tiny_state_dict(tiny_models) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return open_clip.create_model("tiny-vit").state_dict()
