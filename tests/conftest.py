"""Shared fixtures: tiny CLIP models, registered with open_clip."""

import json

import open_clip
import pytest
import torch

TINY = {
    "tiny-vit": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
    "tiny-vit-14": {"image_size": 112, "layers": 2, "width": 64, "patch_size": 8},  # 14 × 14 patches, as ViT-B/16 has
    "tiny-resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1}


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
