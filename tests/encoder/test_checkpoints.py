"""Weights in all common layouts, and files that are rejected; code in files is never executed."""

import json
import pickle
import re
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pointclip.encoder import load_encoder
from pointclip.encoder.archives import read_archive
from pointclip.encoder.checkpoints import read_state_dict
from pointclip.encoder.installed import check_torchvision
from pointclip.errors import InputError

BAD_INPUTS = Path(__file__).parents[1] / "fixtures" / "bad_inputs"
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning", "ignore::DeprecationWarning")

CONTAINERS = {
    "plain": lambda w: w,
    "state_dict": lambda w: {"state_dict": w, "epoch": np.int64(3), "best": np.float64(0.5)},
    "model": lambda w: {"model": w, "lr": np.float32(0.1)},
    "model_state_dict": lambda w: {"model_state_dict": w, "scaler": {"scale": 2.0}},
}
PREFIXES = ("module.", "_orig_mod.", "model.", "clip_model.", "module._orig_mod.")


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("zipped", [True, False])
def test_containers_with_numpy_numbers(tiny_state_dict, tmp_path, container, zipped):
    path = tmp_path / "a.pt"
    torch.save(CONTAINERS[container](tiny_state_dict), path, _use_new_zipfile_serialization=zipped)
    check_same(read_state_dict(path)[0], tiny_state_dict)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_prefixes_in_files_with_another_extension(tiny_state_dict, tmp_path, prefix):
    weights = {prefix + name: value.contiguous() for name, value in tiny_state_dict.items()}
    save_file(weights, tmp_path / "a.pt")
    torch.save(weights, tmp_path / "b.safetensors")
    for name in ("a.pt", "b.safetensors"):
        check_same(read_state_dict(tmp_path / name)[0], tiny_state_dict)


def check_same(weights, expected):
    assert sorted(weights) == sorted(expected)
    assert all(torch.equal(weights[name], value) for name, value in expected.items())


def to_hugging_face(weights):
    """A tiny ViT's weights under CLIPModel's names."""
    converted = {}
    for name, value in weights.items():
        tower = "vision_model" if name.startswith("visual.") else "text_model"
        stem = name.removeprefix("visual.")
        if layer := re.fullmatch(r"transformer\.resblocks\.(\d+)\.(.+)", stem):
            start, rest = f"{tower}.encoder.layers.{layer[1]}.", layer[2]
            if rest.startswith("attn.in_proj_"):
                for part, some in zip("qkv", value.chunk(3), strict=True):
                    converted[f"{start}self_attn.{part}_proj.{rest[13:]}"] = some.clone()
                continue
            for old, new in (("ln_", "layer_norm"), ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2")):
                rest = rest.replace(old, new)
            converted[start + rest.replace("attn.out", "self_attn.out")] = value
        elif name in ("text_projection", "visual.proj"):
            converted[f"{'visual' if stem == 'proj' else 'text'}_projection.weight"] = value.T.contiguous()
        elif name == "logit_scale":
            converted[name] = value
        else:
            converted[f"{tower}.{HF_NAMES[stem]}"] = value
    converted["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    return converted


HF_NAMES = {
    "positional_embedding": "embeddings.position_embedding.weight",
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "class_embedding": "embeddings.class_embedding",
    "conv1.weight": "embeddings.patch_embedding.weight",
    **{f"ln_final.{kind}": f"final_layer_norm.{kind}" for kind in ("weight", "bias")},
    **{f"ln_pre.{kind}": f"pre_layrnorm.{kind}" for kind in ("weight", "bias")},
    **{f"ln_post.{kind}": f"post_layernorm.{kind}" for kind in ("weight", "bias")},
}


@pytest.mark.parametrize(("act", "quick"), [(None, None), ("quick_gelu", True), ("gelu", False)])
def test_hugging_face_layout_in_a_folder(tiny_state_dict, tmp_path, act, quick):
    weights = {name: value.contiguous() for name, value in tiny_state_dict.items()}
    save_file(to_hugging_face(weights), tmp_path / "model.safetensors")
    if act:
        config = {f"{tower}_config": {"hidden_act": act} for tower in ("vision", "text")}
        (tmp_path / "config.json").write_text(json.dumps(config))
    found, shown = read_state_dict(tmp_path)
    check_same(found, weights)
    assert shown is quick
    assert load_encoder("tiny-vit", tmp_path, precision="fp32").encode_text(["a chair"]).isfinite().all()


def test_incomplete_hugging_face_layout_is_rejected(tiny_state_dict, tmp_path):
    weights = to_hugging_face(tiny_state_dict)
    torch.save(weights | {"vision_model.more": torch.ones(1)}, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"has an unknown tensor vision_model\.more"):
        read_state_dict(tmp_path / "a.pt")
    del weights["vision_model.encoder.layers.0.self_attn.q_proj.weight"]
    torch.save(weights, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"lacks part of visual\.transformer\.resblocks\.0\.attn\.in_proj_weight"):
        read_state_dict(tmp_path / "a.pt")


def test_folders_without_a_weights_file_are_rejected(tmp_path):
    with pytest.raises(InputError, match="has no weights file"):
        read_state_dict(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(InputError, match="weights in several files"):
        read_state_dict(tmp_path)


@pytest.mark.parametrize("place", ["local-dir:", "hf-hub:organisation/tiny"])
def test_models_given_by_location(tiny_state_dict, tmp_path, place, monkeypatch):
    config = {"model_cfg": open_clip.get_model_config("tiny-vit"), "preprocess_cfg": {}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    torch.save(tiny_state_dict, tmp_path / "open_clip_pytorch_model.bin")

    def fetched(repository, filename=None, cache_dir=None):
        assert repository == "organisation/tiny"
        return str(tmp_path / (filename or "open_clip_pytorch_model.bin"))

    for module in ("open_clip.factory", "open_clip.pretrained"):
        monkeypatch.setattr(f"{module}.download_pretrained_from_hf", fetched)
    name = place + (str(tmp_path) if place == "local-dir:" else "")
    expected = load_encoder("tiny-vit", tmp_path / "open_clip_pytorch_model.bin", precision="fp32")
    images = torch.rand(1, 3, 32, 32)
    loaded = [load_encoder(name, precision="fp32")]
    if place != "local-dir:":
        loaded.append(load_encoder("tiny-vit", name, precision="fp32"))
    for encoder in loaded:
        assert torch.equal(encoder.encode_images(images), expected.encode_images(images))
        assert name in encoder.name
        assert torch.equal(encoder.encode_text(["a chair"]), expected.encode_text(["a chair"]))


def test_config_that_asks_to_run_code_is_rejected(tmp_path):
    config = open_clip.get_model_config("tiny-vit")
    config["text_cfg"] = config["text_cfg"] | {"tokenizer_kwargs": {"trust_remote_code": True}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    with pytest.raises(InputError, match="asks to run code from its repository"):
        load_encoder(f"local-dir:{tmp_path}", None, precision="fp32")


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(4, 3), nn.BatchNorm1d(3)

    def forward(self, x):
        return self.norm(self.linear(x))


class Scripted(nn.Module):
    """A module with everything that TorchScript allows in addition to parameters and buffers."""

    def __init__(self):
        super().__init__()
        self.first, self.low, self.many = Layer(), Layer().to(torch.float16), nn.ModuleList([Layer(), Layer()])
        self.shared = self.first
        self.plain = torch.ones(5)  # no parameter and no buffer, so not in state_dict()
        self.listed, self.number, self.pairs = [torch.ones(2)], 3, {"a": 1.5}
        self.weight = nn.Parameter(torch.rand(6, 4)[1:3].t())  # strides and an offset into its record
        self.register_parameter("none", None)
        self.register_buffer("counted", torch.arange(3))
        self.register_buffer("passing", torch.zeros(0), persistent=False)

    def forward(self, x):
        return self.first(x) + self.plain[0] + self.listed[0][0] + self.many[0](x) + self.many[1](x)


def script(module, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(module).save(str(path))
        return torch.jit.load(str(path))


def test_archive_gives_the_tensors_of_its_state_dict(tmp_path, monkeypatch):
    expected = script(Scripted(), tmp_path / "a.pt").state_dict()
    monkeypatch.setattr(torch.jit, "load", None)
    weights = read_archive(tmp_path / "a.pt")
    assert list(weights) == list(expected)
    for name, value in expected.items():
        assert weights[name].dtype == value.dtype
        assert torch.equal(weights[name], value)


class Hostile(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    @torch.jit.export
    def __getstate__(self):
        return self.weight, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        self.training = state[1]
        while self.training or not self.training:  # never ends where it is run
            self.training = True

    def forward(self, x):
        return x


def test_code_in_an_archive_is_never_executed(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Hostile()).save(str(tmp_path / "a.pt"))
    with pytest.raises(InputError, match=r"restores its Hostile by code \(__setstate__\), which is not executed"):
        read_state_dict(tmp_path / "a.pt")


def rewrite(path, change):
    """The archive with each record (name, content) replaced by the result of `change`; None drops it."""
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in records.items():
            if (changed := change(name, content)) is not None:
                archive.writestr(name, changed)


RECORD = re.compile(r"\w+/data/0")
TAMPERED = {
    "short record": (lambda n, c: c[:-1] if RECORD.fullmatch(n) else c, "declares .* bytes for .*data/0, which has"),
    "lacking record": (lambda n, c: None if RECORD.fullmatch(n) else c, "lacks the record .*data/0"),
    "code in pickle": (
        lambda n, c: pickle.dumps({"a": eval}) if n.endswith("data.pkl") else c,
        "contains more than tensors, and was not loaded",
    ),
    "no module": (lambda n, c: pickle.dumps({"a": 1}) if n.endswith("data.pkl") else c, "not of a model"),
    "no pickle": (lambda n, c: None if n.endswith("data.pkl") else c, "has no data.pkl"),
}


@pytest.mark.parametrize("kind", TAMPERED)
def test_tampered_archives_are_rejected(tmp_path, kind):
    change, words = TAMPERED[kind]
    script(Layer(), tmp_path / "a.pt")
    rewrite(tmp_path / "a.pt", change)
    with pytest.raises(InputError, match=words):
        read_state_dict(tmp_path / "a.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_weights_are_rejected(tiny_state_dict, tmp_path, value):
    torch.save(tiny_state_dict | {"logit_scale": torch.tensor(value)}, tmp_path / "a.pt")
    with pytest.raises(InputError, match="NaN or infinite values in logit_scale"):
        read_state_dict(tmp_path / "a.pt")


def test_non_finite_features_are_rejected():
    encoder = load_encoder("tiny-vit", None, precision="fp32")
    encoder.model.visual.proj.data.fill_(3e38)
    for encode in (encoder.encode_images, encoder.encode_patches):
        with pytest.raises(InputError, match=r"features that are not finite in fp32"):
            encode(torch.rand(1, 3, 32, 32))


def test_names_that_are_not_text_are_rejected():
    with pytest.raises(InputError, match="not text"):
        read_state_dict(BAD_INPUTS / "intkeys.pt")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"), (b"<!DOCTYPE html>", "an HTML page")],
)
def test_wrong_download_instead_of_weights_is_reported(tmp_path, content, words):
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_state_dict(tmp_path / "a.pt")


@pytest.mark.parametrize(("quick", "noted"), [(None, True), (True, False), (False, False)])
def test_note_for_a_file_that_does_not_specify_quick_gelu(tiny_state_dict, tmp_path, quick, noted, monkeypatch):
    torch.save(tiny_state_dict, tmp_path / "a.pt")
    entry = {"quick_gelu": True}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda name, tag: entry if tag == "openai" else None)
    encoder = load_encoder("tiny-vit", tmp_path / "a.pt", precision="fp32", quick_gelu=quick)
    assert [("a.pt does not specify whether tiny-vit uses QuickGELU" in note) for note in encoder.notes] == [
        True
    ] * noted


def test_incompatible_torch_and_torchvision_are_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(InputError, match=r"torch \d.* and torchvision .* are incompatible"):
        check_torchvision()


class _Allocates:
    """Pickled, a call that makes room for a billion numbers that are not in the file."""

    def __reduce__(self):
        return torch.FloatTensor, (1 << 30,)


@pytest.mark.parametrize("kind", ["expanded", "allocated", "overflowing"])
def test_tensors_larger_than_the_file_are_refused_unread(tmp_path, kind):
    path = tmp_path / "weights.pt"
    if kind == "expanded":
        torch.save({"visual.a": torch.zeros(4).as_strided((20_000, 100_000), (0, 0))}, path)
    elif kind == "allocated":
        torch.save({"visual.a": _Allocates()}, path)
    else:
        tensor = {"dtype": "F32", "shape": [1 << 62, 1 << 62, 0], "data_offsets": [0, 0]}
        header = json.dumps({"visual.a": tensor}).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    with pytest.raises(InputError, match=r"weights.pt (has a tensor visual.a that is larger|is truncated)"):
        read_state_dict(path)


def test_archives_with_endless_blanks_or_numbers_of_objects_are_read_at_once(tmp_path):
    code = f"class M(Module):\n{' ' * 40_000}\n" + " \n" * 40_000
    for name, pickled in (("blank", b"\x80\x02c__torch__.m\nM\n)\x81}b."), ("memo", b"\x80\x02r\xff\xff\xff\x0f.")):
        path = tmp_path / f"{name}.pt"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/constants.pkl", b"\x80\x02).")
            archive.writestr("a/code/__torch__/m.py", code)
            archive.writestr("a/data.pkl", pickled)
        with pytest.raises(InputError, match=f"{name}.pt"):
            read_state_dict(path)
