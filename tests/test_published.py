"""The paper's sentences and view weights for a data set and an encoder."""

from pathlib import Path

import pytest

from pointclip.errors import InputError
from tests.tasks import ROOT
from zeroshot_cls.settings import load
from zeroshot_seg.settings import load as load_segmentation

ASKED = ("PROMPTS.FILE", "published", "VIEW_WEIGHTS", "published")


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ("modelnet40_rn50", "modelnet40_rn50"),
        ("modelnet10", "modelnet40_vit_b16"),
        ("scanobjectnn_obj_bg_vit_b32", "scanobjectnn_vit_b32"),
        ("scanobjectnn_pb_t50_rs_rn101", "scanobjectnn_rn101"),
    ],
)
def test_sets_are_named_by_data_set_and_encoder(config, name):
    for settings in (load(config, ASKED)[1], load(f"{config}_published")[1]):
        assert name == settings.VIEW_WEIGHTS
        assert Path(settings.PROMPTS.FILE) == ROOT / "prompts" / "published" / f"{name}.json"


def test_sentences_and_weights_are_independent():
    assert load("modelnet40", ASKED[2:])[1].PROMPTS.FILE == load("modelnet40")[1].PROMPTS.FILE
    assert load("modelnet40", ASKED[:2])[1].VIEW_WEIGHTS == "uniform"


def test_encoder_from_the_command_line_is_used():
    assert load("modelnet40_published", (), "rn101")[1].VIEW_WEIGHTS == "modelnet40_rn101"
    assert load("modelnet40_published", ["ENCODER.NAME", "RN50"])[1].VIEW_WEIGHTS == "modelnet40_rn50"


@pytest.mark.parametrize(
    ("config", "words", "message"),
    [
        ("modelnet40_vit_l14_published", (), "nothing is published for the encoder 'ViT-L-14', only for RN50"),
        ("demo", ASKED[:2], "PROMPTS.FILE is 'published', but nothing is published for the data set 'synthetic'"),
        ("demo", ASKED[2:], "VIEW_WEIGHTS is 'published', but nothing .*change VIEW_WEIGHTS"),
    ],
)
def test_missing_published_set_is_reported(config, words, message):
    with pytest.raises(InputError, match=message):
        load(config, words)


def test_segmentation_has_one_set():
    settings = load_segmentation("shapenetpart_published")[1]
    assert Path(settings.PROMPTS.FILE).name == "shapenetpart_vit_b16.json"
    with pytest.raises(InputError, match="the encoder 'ViT-L-14'"):
        load_segmentation("shapenetpart_vit_l14_published")
