"""Text features with truncated context equal those with full context, and do not depend on the batch."""

import json

import open_clip
import pytest
import torch
import torch.nn.functional as F

from pointclip.config import defaults, load_config
from pointclip.encoder import load_encoder
from pointclip.encoder.text import ROWS, STEP, context_needed, text_batches
from pointclip.presets import PRESETS

QUICK = {"rn50", "vit_b16", "siglip2_b16", "mobileclip2_b", "mobileclip2_s4"}  # one fast one of each kind
NAMES = [
    pytest.param(path.stem, marks=[] if path.stem in QUICK else pytest.mark.slow)
    for path in sorted(PRESETS.glob("*.yaml"))
    if path.stem != "demo"  # whose architecture is not one of open_clip's
]
WHOLE = {"siglip2_b16", "siglip2_so400m_378", "mobileclip2_s4"}  # their towers attend to the full context
COUNTS = (5, 6, 7, 21, 22, 40, 74, 75, 76, 300)
SENTENCES = ["chair", *("chair " * count for count in COUNTS), "a depth map of a table."]
SMALL = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 8}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2}


def words_as_tokens(sentences, context_length=64):
    """A stand-in for SigLIP's tokenizer, which is only on the hub: one token per word, an end token, then padding 0."""
    rows = torch.zeros(len(sentences), context_length, dtype=torch.long)
    for row, sentence in zip(rows, sentences, strict=True):
        tokens = [2 + sum(map(ord, word)) % 900 for word in sentence.split()] + [1]
        row[: len(tokens)] = torch.tensor(tokens[:context_length])
    return rows


@pytest.fixture(scope="module")
def encoder_of(tmp_path_factory):
    """An encoder with a preset's text tower, reduced to one layer, and a small image tower; equal towers are cached."""
    folder, made = tmp_path_factory.mktemp("models"), {}

    def encoder_of(preset):
        name = load_config(defaults(), PRESETS / f"{preset}.yaml").ENCODER.NAME
        config = open_clip.get_model_config(name)
        siglip = "SigLIP" in name
        config["text_cfg"] |= {"layers": 1} | ({"vocab_size": 1000} if siglip else {})
        key = json.dumps(config | {"vision_cfg": SMALL}, sort_keys=True)
        if key not in made:
            encoder = made[key] = tower(folder / f"text-of-{preset}.json", config)
            if siglip:
                encoder.tokenizer = words_as_tokens
        return made[key]

    return encoder_of


def tower(path, config, precision="fp32"):
    """An encoder with the text tower of that config, with random weights."""
    path.write_text(json.dumps(config | {"vision_cfg": SMALL}))
    open_clip.add_model_config(path)
    torch.manual_seed(0)
    return load_encoder(path.stem, None, precision=precision)


def whole(encoder, sentences):
    with torch.no_grad():
        return F.normalize(encoder.model.encode_text(encoder.tokenizer(sentences)).float(), dim=-1)


@pytest.mark.parametrize("preset", NAMES)
def test_truncated_context_gives_the_same_features(preset, encoder_of):
    encoder = encoder_of(preset)
    difference = (encoder.encode_text(SENTENCES) - whole(encoder, SENTENCES)).abs().max()
    assert difference <= 1e-6  # float32 sums over more zeros; 0 to 1e-7 was observed


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_low_precision_differs_only_by_rounding(precision, tmp_path):
    encoder = tower(tmp_path / f"low-{precision}.json", {"embed_dim": 32, "text_cfg": TEXT}, precision)
    some = SENTENCES[:5]
    cosine = (encoder.encode_text(some) * whole(encoder, some)).sum(-1)
    step = {"bf16": 2**-8, "fp16": 2**-11}[precision]
    assert (1 - cosine).max() <= step  # one rounding of the type


@pytest.mark.parametrize("preset", NAMES)
def test_truncation_depends_on_the_mask(preset, encoder_of):
    encoder = encoder_of(preset)
    tokens = encoder.tokenizer(SENTENCES)
    needed = context_needed(encoder.model, tokens).tolist()
    if preset in WHOLE:
        assert set(needed) == {encoder.context_length}
    else:  # start token, words, end token, up to the next multiple of 8
        assert needed == [8, 8, 8, 16, 24, 24, 48, 77, 77, 77, 77, 16]


def test_features_do_not_depend_on_the_batch(encoder_of):
    encoder, some = encoder_of("vit_b16"), SENTENCES[:6]
    alone = torch.cat([encoder.encode_text([sentence]) for sentence in some])
    assert torch.equal(encoder.encode_text(some), alone)
    assert torch.equal(encoder.encode_text([*some[::-1], "a table", "a lamp"])[:6].flip(0), alone)


def test_batches_are_sorted_by_length_and_limited(encoder_of):
    encoder = encoder_of("vit_b16")
    seen = []
    model = encoder.model
    handle = model.transformer.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[:2])))
    try:
        places = [place for some, _ in text_batches(model, encoder.tokenizer(SENTENCES), 8) for place in some.tolist()]
    finally:
        handle.remove()
    assert sorted(places) == list(range(len(SENTENCES)))
    assert [length for _, length in seen] == [8, 16, 24, 48, 77]
    assert {count for count, _ in seen} == {ROWS}
    assert all(length % STEP == 0 for _, length in seen[:-1])


def test_model_is_not_modified(encoder_of):
    encoder = encoder_of("vit_b16")
    before = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    encoder.encode_text(["a chair"])
    assert encoder.model.positional_embedding.shape[0] == encoder.model.attn_mask.shape[0] == 77
    assert all(torch.equal(value, before[name]) for name, value in encoder.model.state_dict().items())


@pytest.mark.parametrize(
    ("text", "needs_all"),
    [
        ({"pool_type": "eos", "eos_id": 49407}, False),
        ({"pool_type": "last"}, True),
        (
            {"embed_cls": True, "context_length": 76},
            True,
        ),  # CoCa: a token that attends to everything follows the sentence
        ({"no_causal_mask": True}, True),
    ],
)
def test_towers_with_other_pooling(text, needs_all, tmp_path):
    name = f"pools-{'-'.join(text)}.json"
    encoder = tower(tmp_path / name, {"embed_dim": 32, "text_cfg": TEXT | text, "custom_text": True})
    needed = context_needed(encoder.model, encoder.tokenizer(["a chair"])).tolist()
    assert needed == [encoder.context_length if needs_all else 8]
    torch.testing.assert_close(encoder.encode_text(["a chair"]), whole(encoder, ["a chair"]), atol=1e-6, rtol=0)
