"""The encoder presets beyond the paper's: each is built and run with random weights.

Each is open_clip's model, loaded through `load_encoder`, with its input size, patch size and feature width; only the
number of layers (and SigLIP's vocabulary) is reduced, so that all of them are built within seconds.
"""

import copy

import open_clip
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from pointclip.config import defaults, load_config
from pointclip.encoder import load_encoder
from pointclip.encoder.patches import patch_features
from pointclip.encoder.tokenizer import load_tokenizer
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor
from pointclip.presets import PRESETS
from tests.tasks import TASKS
from zeroshot_seg.realistic_projection import RealisticProjection
from zeroshot_seg.segmenter import read_points

ZOO = {  # preset: input size, patch size, feature width, context length
    "vit_l14": (224, 14, 768, 77),
    "vit_l14_336": (336, 14, 768, 77),
    "siglip2_b16": (224, 16, 768, 64),
    "siglip2_so400m_378": (378, 14, 1152, 64),
    "mobileclip2_b": (224, 16, 512, 77),
    "mobileclip2_s4": (256, 64, 768, 77),
    "eva02_l14_336": (336, 14, 768, 77),
    "dfn_h14_378": (378, 14, 1024, 77),
}
SEGMENTING = [key for key in ZOO if key != "mobileclip2_s4"]  # 4 × 4 patches are too few
DATASETS = {
    "zeroshot_cls": ("modelnet40", "scanobjectnn_pb_t50_rs"),
    "zeroshot_seg": ("shapenetpart",),
}


def settings_of(task, name):
    return TASKS[task].load(name)[1]


def tokens_of_words(sentences, context_length=None):
    """A stand-in for SigLIP's tokenizer, which is only on the hub: one token per word, an end token, then padding 0."""
    rows = torch.zeros(len(sentences), context_length or 64, dtype=torch.long)
    for row, sentence in zip(rows, sentences, strict=True):
        tokens = [2 + sum(map(ord, word)) % 900 for word in sentence.split()] + [1]
        row[: len(tokens)] = torch.tensor(tokens[: len(row)])
    return rows


@pytest.fixture(scope="module")
def build():
    """Encoders by preset, with few layers; cached during this module's tests."""
    configs, create = open_clip.factory._MODEL_CONFIGS, timm.create_model

    def create_shallow(name, **settings):
        return create(name, **settings, **({"layers": (1,) * 5} if "fastvit" in name else {"depth": 1}))

    built = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timm, "create_model", create_shallow)

        def build(key):
            if key not in built:
                name = load_config(defaults(), PRESETS / f"{key}.yaml").ENCODER.NAME
                config = copy.deepcopy(configs[name])
                config["vision_cfg"] |= {"layers": 1} if "layers" in config["vision_cfg"] else {}
                config["text_cfg"] |= {"layers": 1} | ({"vocab_size": 1000} if "SigLIP" in name else {})
                patch.setitem(configs, name, config)
                torch.manual_seed(0)
                built[key] = load_encoder(name, None, precision="fp32")
                if "SigLIP" in name:
                    built[key].tokenizer = tokens_of_words
            return built[key]

        yield build


@pytest.mark.parametrize("key", ZOO)
def test_builds_and_runs_at_its_input_size(key, build):
    size, patch, width, context = ZOO[key]
    encoder = build(key)
    assert (encoder.image_size, encoder.context_length) == (size, context)
    depth_maps = torch.rand(2, 1, 224, 224).expand(-1, 3, -1, -1)
    outputs = {
        (2, width): encoder.encode_images(depth_maps),
        (2, (size // patch) ** 2, width): encoder.encode_patches(depth_maps),
        (3, width): encoder.encode_text(["a depth map of a chair.", "a table", "long " * 300]),
    }
    for shape, features in outputs.items():
        assert features.shape == shape
        assert features.dtype == torch.float32
        torch.testing.assert_close(features.norm(dim=-1), torch.ones(shape[:-1]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("key", SEGMENTING)
def test_patches_are_row_major(key, build):
    size, patch, *_ = ZOO[key]
    encoder, grid = build(key), size // patch
    image = torch.full((1, 3, size, size), 0.5)
    plain = encoder.encode_patches(image)
    for row, column in ((0, grid - 1), (grid // 2, 1), (grid - 1, grid // 2)):
        marked = image.clone()
        marked[..., row * patch : (row + 1) * patch, column * patch : (column + 1) * patch] = torch.rand(
            3, patch, patch
        )
        change = (encoder.encode_patches(marked) - plain).norm(dim=-1)[0]  # [P]
        assert divmod(int(change.argmax()), grid) == (row, column)


@pytest.mark.parametrize("key", ZOO)
def test_uniform_image_equals_its_patches(key, build):
    # however a tower pools (class token, attention followed by an MLP, mean), equal patches give the same feature
    encoder = build(key)
    visual = encoder.model.visual
    trunk = getattr(visual, "trunk", None)
    last = visual.ln_post if trunk is None else trunk.final_conv if hasattr(trunk, "final_conv") else trunk.norm

    def first_place_everywhere(module, inputs, output):
        if output.ndim == 4:
            return output[:, :, :1, :1].expand_as(output)
        return output[:, :1].expand_as(output)

    handle = last.register_forward_hook(first_place_everywhere)
    try:
        images = torch.rand(2, 3, encoder.image_size, encoder.image_size)
        whole, patches = encoder.encode_images(images), encoder.encode_patches(images)
    finally:
        handle.remove()
    torch.testing.assert_close(patches, whole[:, None].expand_as(patches), atol=1e-5, rtol=0)


def test_patches_of_a_mean_pooling_tower_average_to_the_image(build):
    visual = build("mobileclip2_s4").model.visual
    images = torch.rand(2, 3, 256, 256)
    with torch.no_grad():
        patches = patch_features(visual, images, "S4")
        maps = visual.trunk.forward_features(images)  # [2, width, 4, 4]
        torch.testing.assert_close(patches[:, 4 * 1 + 2], visual.trunk.head.fc(maps[:, :, 1, 2]), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(patches.mean(1), visual(images), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("at_a_time", [50, 196])
def test_heads_process_patches_in_batches(at_a_time, build, monkeypatch):
    encoder, images = build("siglip2_b16"), torch.rand(1, 3, 224, 224)
    expected = encoder.encode_patches(images)
    monkeypatch.setattr("pointclip.encoder.patches.BATCH", at_a_time)
    torch.testing.assert_close(encoder.encode_patches(images), expected, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_points_sample_patches_of_a_large_input(build):
    points = torch.rand(1, 200, 3, generator=torch.Generator().manual_seed(0))
    extractor = FeatureExtractor(RealisticProjection(), build("siglip2_so400m_378"))
    seen = extractor.projection(points)
    patches = extractor.encode_view_patches(seen.images)
    features = read_points(patches, seen, torch.ones(10))
    assert patches.shape == (1, 10, 27 * 27, 1152)
    assert features.shape == (1, 200, 1152)
    assert (features.norm(dim=-1) > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("key", ["siglip2_b16", "mobileclip2_b", "mobileclip2_s4", "eva02_l14_336"])
def test_low_precision(key, build):
    name = build(key).architecture  # this registers it with open_clip with few layers
    encoder = load_encoder(name, None, precision="bf16")
    encoder.tokenizer = build(key).tokenizer
    images = torch.rand(1, 3, 224, 224)
    for features in (encoder.encode_images(images), encoder.encode_patches(images), encoder.encode_text(["a chair"])):
        assert features.dtype == torch.float32
        assert features.isfinite().all()


@pytest.mark.parametrize("key", ["siglip2_b16", "mobileclip2_b"])
@pytest.mark.parametrize("scalar_shape", [(), (1,)])
def test_weights_come_from_a_file(key, scalar_shape, build, tmp_path):
    encoder = build(key)
    weights = {name: value.contiguous() for name, value in encoder.model.state_dict().items()}
    weights |= {name: weights[name].reshape(scalar_shape) for name in ("logit_scale", "logit_bias") if name in weights}
    save_file(weights, tmp_path / "weights.safetensors")
    torch.manual_seed(5)
    loaded = load_encoder(encoder.architecture, tmp_path / "weights.safetensors", precision="fp32")
    images = torch.rand(1, 3, 224, 224)
    assert torch.equal(loaded.encode_patches(images), encoder.encode_patches(images))


@pytest.mark.parametrize("task", DATASETS)
def test_presets_have_real_weights_and_no_published_sets(task):
    for key in ZOO if task == "zeroshot_cls" else SEGMENTING:
        for dataset in DATASETS[task]:
            settings = settings_of(task, f"{dataset}_{key}")
            paper = settings_of(task, f"{dataset}_vit_b16")
            assert settings.ENCODER.PRETRAINED in open_clip.list_pretrained_tags_by_model(settings.ENCODER.NAME)
            assert settings.VIEW_WEIGHTS == "uniform"
            assert settings.PROMPTS == paper.PROMPTS
            assert settings.DATASET == paper.DATASET


def test_vit_l14_has_a_config_for_every_data_set():
    datasets = ["modelnet10", "modelnet40", "scanobjectnn_obj_only", "scanobjectnn_obj_bg", "scanobjectnn_pb_t50_rs"]
    settings = [settings_of("zeroshot_cls", f"{dataset}_vit_l14") for dataset in datasets]
    assert [s.DATASET.NAME for s in settings] == datasets
    assert {s.ENCODER.NAME for s in settings} == {"ViT-L-14"}


class AttentionPooled(open_clip.timm_model.TimmModel):
    """A timm tower followed by open_clip's attention pool, which cannot be applied to single positions."""

    def __init__(self):
        nn.Module.__init__(self)
        self.trunk, self.head = nn.Identity(), nn.ModuleDict({"pool": nn.Identity()})


@pytest.mark.parametrize("tower", [nn.Identity(), AttentionPooled()])
def test_towers_without_patch_features_are_rejected(tower):
    with pytest.raises(InputError, match="odd has a Identity tower"):
        patch_features(tower, torch.rand(1, 3, 8, 8), "odd")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImportError("No module named 'transformers'"), r"not installed \(No module named 'transformers'\); run `pip"),
        (
            OSError("no route to host\nand more"),
            r"downloaded from timm/ViT-B-16-SigLIP2 \(no route to host\); run once",
        ),
        (ValueError("no backend"), r"\(no backend\)"),
    ],
)
def test_missing_tokenizer_does_not_affect_images(error, words, monkeypatch):
    def refuse(model):
        raise error

    load_tokenizer.cache_clear()
    monkeypatch.setattr(open_clip, "get_tokenizer", refuse)
    with pytest.raises(InputError, match=words):
        load_tokenizer("ViT-B-16-SigLIP2")
    encoder = load_encoder("tiny-vit", None, precision="fp32")
    assert encoder.encode_images(torch.rand(1, 3, 32, 32)).isfinite().all()
    with pytest.raises(InputError, match="tokenizer of tiny-vit"):
        encoder.encode_text(["a chair"])


def left_padded(sentences, context_length=None):
    rows = tokens_of_words(sentences, context_length)
    return torch.stack([row.roll(int((row == 0).sum())) for row in rows])


@pytest.mark.parametrize("tokenizer", ["clip", tokens_of_words, left_padded])
def test_truncated_sentences_are_counted(tokenizer):
    encoder = load_encoder("tiny-vit", None, precision="fp32")
    marks = 2
    if tokenizer != "clip":
        encoder.tokenizer, marks = lambda sentences, context_length=77: tokenizer(sentences, context_length), 1
    room = encoder.context_length - marks
    fitting = ["chair", "chair " * (room - 1), "chair " * room, "chair " * (room - 1) + "!"]
    cut = ["chair " * (room + 1), "chair " * (room - 1) + "! !", "! " * 300]
    assert encoder.count_cut(fitting) == 0
    assert encoder.count_cut(cut) == 3
    assert encoder.count_cut([*fitting, *cut]) == 3
    assert torch.equal(encoder.encode_text([cut[0]]), encoder.encode_text(["chair " * 300]))
    with pytest.raises(InputError, match="at least one is needed"):
        encoder.count_cut([])
