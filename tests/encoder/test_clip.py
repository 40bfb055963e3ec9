"""Loading CLIP, and encoding images, patches and text."""

import pickle
from pathlib import Path

import open_clip
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from pointclip.encoder import load_encoder, native_precision
from pointclip.encoder.checkpoints import read_state_dict
from pointclip.encoder.device import precision_on
from pointclip.errors import InputError


def save_torchscript(weights: dict, path: Path, constants: bool = True) -> None:
    """Save an archive like OpenAI's: a scripted module with its constants as buffers."""
    root = nn.Module()
    for name, value in weights.items():
        *folders, leaf = name.split(".")
        node = root
        for folder in folders:
            if not hasattr(node, folder):
                node.add_module(folder, nn.Module())
            node = getattr(node, folder)
        node.register_buffer(leaf, value.clone())
    if constants:
        for name, value in {"input_resolution": 32, "context_length": 77, "vocab_size": 49408}.items():
            root.register_buffer(name, torch.tensor(value))
    torch.jit.script(root).save(str(path))


SAVERS = {
    "archive.pt": save_torchscript,
    "plain.pt": torch.save,
    "checkpoint.pth": lambda w, p: torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in w.items()}}, p),
    "half.safetensors": lambda w, p: save_file({k: v.half().contiguous() for k, v in w.items()}, p),
}


@pytest.mark.parametrize("name", SAVERS)
def test_every_kind_of_file_gives_the_same_features(name, tiny_state_dict, tmp_path):
    SAVERS[name](tiny_state_dict, tmp_path / name)
    encoder = load_encoder("tiny-vit", tmp_path / name, precision="fp32", quick_gelu=True)
    expected = open_clip.create_model("tiny-vit", force_quick_gelu=True).eval()
    expected.load_state_dict(tiny_state_dict)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        features = F.normalize(expected.encode_image(images), dim=-1)
    tolerance = 5e-3 if "half" in name else 1e-5  # float16 keeps 11 bits
    torch.testing.assert_close(encoder.encode_images(images), features, atol=tolerance, rtol=0)
    assert encoder.name == f"tiny-vit ({name})"


def test_openai_archive_uses_quick_gelu(tiny_state_dict, tmp_path):
    save_torchscript(tiny_state_dict, tmp_path / "openai.pt")
    save_torchscript(tiny_state_dict, tmp_path / "other.pt", constants=False)
    images = torch.rand(1, 3, 32, 32)

    def encode(file, quick):
        return load_encoder("tiny-vit", tmp_path / file, precision="fp32", quick_gelu=quick).encode_images(images)

    outputs = {
        (file, quick): encode(file, quick) for file in ("openai.pt", "other.pt") for quick in (None, True, False)
    }
    assert torch.equal(outputs["openai.pt", None], outputs["openai.pt", True])
    assert torch.equal(outputs["other.pt", None], outputs["other.pt", False])
    assert not torch.equal(outputs["openai.pt", True], outputs["openai.pt", False])


class Payload:
    """Would execute code when unpickled."""

    def __reduce__(self):
        return (eval, ("1 + 1",))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("name", SAVERS)
def test_truncated_file(name, tiny_state_dict, tmp_path):
    SAVERS[name](tiny_state_dict, tmp_path / name)
    truncate(tmp_path / name)
    with pytest.raises(InputError, match=name):
        load_encoder("tiny-vit", tmp_path / name, precision="fp32")


def test_pickled_code_is_not_executed(tmp_path):
    for save in (lambda o, p: torch.save(o, p), lambda o, p: p.write_bytes(pickle.dumps(o))):
        save({"weight": Payload()}, tmp_path / "evil.pt")
        with pytest.raises(InputError, match="more than tensors"):
            read_state_dict(tmp_path / "evil.pt")


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\x80\x04", b"PK\x03\x04 broken"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".bin"])
def test_other_files_are_rejected(content, suffix, tmp_path):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"weights{suffix}"):
        read_state_dict(path)


@pytest.mark.parametrize("content", [{}, {"epoch": 1}, torch.ones(2), {"state_dict": {"a": 1}}])
def test_files_without_a_state_dict(content, tmp_path):
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(InputError, match="no state dict"):
        read_state_dict(tmp_path / "weights.pt")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "ViT-B-17"}, "did you mean ViT-B-16"),
        ({"name": "ViT-B-16", "pretrained": "opennai"}, "its tags are openai"),
        ({"name": "ViT-B-16", "pretrained": "openai", "quick_gelu": False}, "determine QuickGELU"),
        ({"name": "demo", "pretrained": "other.pt"}, "includes its weights"),
        ({"name": "tiny-vit", "pretrained": "missing.pt"}, "no weights file missing.pt"),
        ({"name": "tiny-vit", "pretrained": None, "precision": "fp8"}, "choose one of auto, published, fp32"),
        ({"name": "tiny-vit", "pretrained": None, "device": "gpu"}, "no device 'gpu'"),
        ({"name": "tiny-vit", "pretrained": None, "device": "cuda:99"}, "not available"),
        ({"name": "tiny-vit", "pretrained": None, "device": "meta"}, "is not supported"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(InputError, match=words):
        load_encoder(**{"precision": "fp32", **arguments})


def test_weights_of_another_model(tiny_state_dict, tmp_path):
    torch.save(tiny_state_dict, tmp_path / "vit.pt")
    with pytest.raises(InputError, match="do not match tiny-resnet"):
        load_encoder("tiny-resnet", tmp_path / "vit.pt", precision="fp32")


def test_unreachable_hub_gives_one_sentence(monkeypatch):
    def refuse(entry):
        raise FileNotFoundError("no route to host\nand more")

    monkeypatch.setattr("pointclip.encoder.loading.check_reachable", lambda entry: None)
    monkeypatch.setattr(open_clip, "download_pretrained", refuse)
    with pytest.raises(InputError, match=r"could not be downloaded from timm/.* \(no route to host\)"):
        load_encoder("ViT-B-16", "openai", precision="fp32")


@pytest.mark.parametrize(("name", "patches"), [("tiny-vit", 16), ("tiny-resnet", 4)])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_features_have_unit_length(name, patches, precision):
    encoder = load_encoder(name, None, precision=precision)
    images = torch.rand(2, 3, encoder.image_size, encoder.image_size)
    shapes = {(2, 32): encoder.encode_images(images), (2, patches, 32): encoder.encode_patches(images)}
    shapes[(3, 32)] = encoder.encode_text(["a chair", "a table", "a " * 300])
    for shape, features in shapes.items():
        assert features.shape == shape
        assert features.dtype == torch.float32
        torch.testing.assert_close(features.norm(dim=-1), torch.ones(shape[:-1]), atol=1e-5, rtol=0)


def test_patches_of_a_vit_are_its_tokens_row_by_row():
    encoder = load_encoder("tiny-vit", None, precision="fp32")
    visual = encoder.model.visual
    visual.output_tokens = True
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        _, tokens = visual(images)
    torch.testing.assert_close(encoder.encode_patches(images), F.normalize(tokens @ visual.proj, dim=-1))


def test_patches_of_a_resnet_pool_to_the_attention_pool(monkeypatch):
    # with uniform attention the pool's output is the mean of value-and-output-projected places, the mean place included
    encoder = load_encoder("tiny-resnet", None, precision="fp32")
    pool = encoder.model.visual.attnpool
    for parameter in (pool.q_proj.weight, pool.q_proj.bias, pool.positional_embedding):
        parameter.data.zero_()
    images = torch.rand(1, 3, 64, 64)
    raw = []
    monkeypatch.setattr("pointclip.encoder.clip.F.normalize", lambda x, dim: raw.append(x) or x)
    encoder.encode_patches(images)
    encoder.encode_images(images)
    torch.testing.assert_close(raw[0].mean(1), raw[1], atol=1e-5, rtol=1e-4)


def test_images_of_another_size_are_resized():
    encoder = load_encoder("tiny-vit", None, precision="fp32")
    images = F.interpolate(torch.rand(2, 3, 4, 4), size=32, mode="bilinear", align_corners=False)
    large = F.interpolate(images, size=224, mode="bilinear", align_corners=False)
    assert (encoder.encode_images(images) * encoder.encode_images(large)).sum(1).min() > 0.99


@pytest.mark.parametrize("images", [torch.rand(3, 32, 32), torch.rand(1, 1, 32, 32), torch.ones(1, 3, 32, 32).long()])
def test_bad_images(images):
    with pytest.raises(InputError, match="expected floating point"):
        load_encoder("tiny-vit", None, precision="fp32").encode_images(images)


@pytest.mark.parametrize("sentences", ["a chair", [], [1]])
def test_bad_sentences(sentences):
    with pytest.raises(InputError):
        load_encoder("tiny-vit", None, precision="fp32").encode_text(sentences)


def test_native_precision_follows_the_processor(monkeypatch):
    for able, precision in (({"amx_bf16": True}, "bf16"), ({"avx512_bf16": True}, "bf16"), ({"avx2": True}, "fp32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        assert native_precision(torch.device("cpu")) == precision_on(torch.device("cpu"), "auto") == precision
    assert [precision_on(torch.device(name), "published") for name in ("cpu", "cuda:0", "mps")] == [
        "fp32",
        "fp16",
        "fp32",
    ]


@pytest.mark.parametrize("name", ["tiny-vit", "tiny-resnet"])
def test_gradients_reach_images_but_not_clip(name):
    """Modules before or after CLIP can be trained; CLIP itself is frozen."""
    encoder = load_encoder(name, None, precision="fp32")
    texts = encoder.encode_text(["a chair", "a table"])
    images = torch.rand(2, 3, encoder.image_size, encoder.image_size, requires_grad=True)
    logits = encoder.encode_images(images) @ texts.T + (encoder.encode_patches(images) @ texts.T).mean(1)
    logits[:, 0].sum().backward()
    assert bool((images.grad != 0).any())
    assert all(weight.grad is None and not weight.requires_grad for weight in encoder.parameters())
    assert not encoder.encode_images(images.detach()).requires_grad
