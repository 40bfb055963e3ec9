"""From a config's name to its files and their settings."""

from itertools import product
from pathlib import Path

import pytest

from pointclip.config import defaults, load_config
from pointclip.config_files import MAX_FILES, find_config
from pointclip.errors import InputError
from pointclip.presets import preset_files
from tests.tasks import CONFIGS, ROOT, TASKS
from tests.test_config import write

ENCODERS = {
    "rn50": "RN50",
    "rn101": "RN101",
    "vit_b32": "ViT-B-32",
    "vit_b16": "ViT-B-16",
    "vit_l14": "ViT-L-14",
}
SCANS = ("scanobjectnn_obj_only", "scanobjectnn_obj_bg", "scanobjectnn_pb_t50_rs")
PROMPTS = {"modelnet40": "modelnet40", "modelnet10": "modelnet40", **dict.fromkeys(SCANS, "scanobjectnn")}
V1_TEMPLATE = "point cloud depth map of a {}."


def settings_of(task: str, name: str):
    """The settings for a path relative to the task's folder."""
    return TASKS[task].load(ROOT / task / "configs" / f"{name}.yaml")[1]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_loads_and_its_prompts_exist(path):
    file = settings_of(path.parts[-3], path.stem).PROMPTS.FILE
    assert not file or Path(file).is_file()


@pytest.mark.parametrize(("data", "encoder"), list(product(PROMPTS, ENCODERS)))
def test_a_name_of_data_set_and_encoder(data, encoder):
    settings = settings_of("zeroshot_cls", f"{data}_{encoder}")
    assert (data, ENCODERS[encoder]) == (settings.DATASET.NAME, settings.ENCODER.NAME)
    assert settings.ENCODER.PRETRAINED == "openai"
    assert Path(settings.PROMPTS.FILE) == ROOT / "zeroshot_cls" / "prompts" / f"{PROMPTS[data]}.json"
    assert (settings.PROJECTION.METHOD, settings.VIEW_WEIGHTS) == ("realistic", "uniform")


@pytest.mark.parametrize("data", [*PROMPTS, "demo"])
def test_pointclip_v1_has_its_projection_and_its_template(data):
    settings = settings_of("zeroshot_cls", f"{data}_pointclip_v1")
    assert ("synthetic" if data == "demo" else data) == settings.DATASET.NAME
    assert ("demo" if data == "demo" else "ViT-B-16") == settings.ENCODER.NAME
    assert (settings.PROJECTION.METHOD, settings.VIEW_WEIGHTS) == ("pointclip_v1", "uniform")
    assert (settings.PROMPTS.FILE, settings.PROMPTS.TEMPLATE) == ("", V1_TEMPLATE)


@pytest.mark.parametrize("name", ["shapenetpart", "shapenetpart_vit_b16", "shapenetpart_vit_b16_published"])
def test_shapenetparts_names(name):
    settings = settings_of("zeroshot_seg", name)
    assert (settings.DATASET.NAME, settings.ENCODER.NAME) == ("shapenetpart", "ViT-B-16")
    published = name.endswith("published")
    assert ("published" if published else "uniform") == settings.VIEW_WEIGHTS
    assert (("published", "published", "skip") if published else ("corrected", "standard", "standard")) == (
        settings.LOOKUP,
        settings.PROTOCOL,
        settings.IOU_RULE,
    )
    folder = ROOT / "prompts" / "published"
    expected = (
        folder / "shapenetpart_vit_b16.json" if published else ROOT / "zeroshot_seg" / "prompts" / "shapenetpart.json"
    )
    assert Path(settings.PROMPTS.FILE) == expected


@pytest.mark.parametrize(
    ("path", "encoder", "name"),
    [
        ("modelnet40", "", "modelnet40_vit_b16"),
        ("modelnet40.yaml", "", "modelnet40_vit_b16"),
        ("configs/modelnet40_rn50.yaml", "", "modelnet40_rn50"),
        ("configs/modelnet40", "rn50", "modelnet40_rn50"),
        ("modelnet40_rn50", "rn50", "modelnet40_rn50"),
        ("modelnet40_published", "", "modelnet40_vit_b16_published"),
        ("modelnet40_published", "rn50", "modelnet40_rn50_published"),
        ("modelnet40_vit_l14_336", "", "modelnet40_vit_l14_336"),  # not vit_l14 and a variant 336
        ("demo", "", "demo"),
        ("demo", "demo", "demo"),
        ("demo_vit_b16_pointclip_v1", "", "demo_vit_b16_pointclip_v1"),
    ],
)
def test_run_name_has_config_encoder_and_variant(path, encoder, name, monkeypatch):
    monkeypatch.chdir(ROOT / "zeroshot_cls")
    config, settings = TASKS["zeroshot_cls"].load(path, (), encoder)
    assert config.name == name
    assert settings == TASKS["zeroshot_cls"].load(name)[1]


@pytest.mark.parametrize(
    ("path", "words", "name"),
    [
        ("own_shapes", ["ENCODER.NAME", "demo"], "own_shapes_demo"),
        ("modelnet40_rn50_published", ["ENCODER.NAME", "ViT-B-16"], "modelnet40_vit_b16_published"),
        ("demo", ["ENCODER.NAME", "ViT-B-16"], "demo_vit_b16"),
        ("modelnet40", ["ENCODER.PRETRAINED", "/some/ViT-B-16.pt"], "modelnet40_vit_b16"),
        ("modelnet40_vit_l14_336", ["ENCODER.PRETRAINED", "ViT-L-14-336px.pt"], "modelnet40_vit_l14_336"),
        ("modelnet40", ["ENCODER.PRETRAINED", "../tuned 2.pt"], "modelnet40_vit_b16_tuned_2"),
        ("modelnet40", ["ENCODER.PRETRAINED", "laion2b_s34b_b88k"], "modelnet40_vit_b16_laion2b_s34b_b88k"),
        ("modelnet40", ["ENCODER.NAME", "hf-hub:a/B-16"], "modelnet40_hf_hub_a_b_16"),
    ],
)
def test_run_name_has_the_encoder_used(path, words, name):
    assert TASKS["zeroshot_cls"].load(path, words)[0].name == name


@pytest.mark.parametrize(
    ("path", "encoder", "words"),
    [
        ("modelnet41_vit_b16", "", "no config 'modelnet41_vit_b16' in .*demo, .*modelnet40.*an encoder.*pointclip_v1"),
        ("modelnet40_vit_b17", "", "no config 'modelnet40_vit_b17'"),
        ("modelnet40_published_vit_b16", "", "no config 'modelnet40_published_vit_b16'"),
        ("modelnet40", "vit_b17", "no encoder preset 'vit_b17'; choose from .*vit_b16"),
        ("modelnet40_rn50", "rn101", "includes the encoder rn50, but --encoder is rn101"),
        ("nowhere/modelnet40.yaml", "", "no config nowhere/modelnet40.yaml, and none at all in nowhere"),
    ],
)
def test_unknown_names_are_rejected_in_one_sentence(path, encoder, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        TASKS["zeroshot_cls"].load(path, (), encoder)
    assert "\n" not in str(caught.value)


def test_encoder_option_replaces_the_configs_preset(tmp_path):
    path = write(tmp_path, "own.yaml", {"ENCODER": "siglip2_b16", "SEED": 2})
    assert load_config(defaults(), path).ENCODER.PRETRAINED == "webli"
    settings = load_config(defaults(), find_config(path, "vit_b16"))
    assert (settings.ENCODER.NAME, settings.ENCODER.PRETRAINED, settings.SEED) == ("ViT-B-16", "openai", 2)


def test_settings_override_presets_and_variants_override_both(tmp_path):
    write(tmp_path, "base.yaml", {"ENCODER": "vit_b16"})
    path = write(tmp_path, "own.yaml", {"BASE": "base.yaml", "ENCODER": {"PRECISION": "fp32"}, "SEED": 1})
    settings = load_config(defaults(), path)
    assert (settings.ENCODER.NAME, settings.ENCODER.PRECISION) == ("ViT-B-16", "fp32")
    write(tmp_path, "variants/slow.yaml", {"ENCODER": {"PRECISION": "bf16"}, "SEED": 9})
    settings = load_config(defaults(), tmp_path / "own_slow", ["SEED", "3"])
    assert (settings.ENCODER.NAME, settings.ENCODER.PRECISION, settings.SEED) == ("ViT-B-16", "bf16", 3)


def test_exact_file_name_takes_precedence(tmp_path):
    write(tmp_path, "own.yaml", {"SEED": 1})
    write(tmp_path, "own_rn50.yaml", {"SEED": 2})
    assert load_config(defaults(), tmp_path / "own_rn50").SEED == 2
    assert load_config(defaults(), tmp_path / "own_rn101").SEED == 1


def test_prompt_files_are_relative_to_their_config(tmp_path, monkeypatch):
    write(tmp_path, "base/a.yaml", {"PROMPTS": {"FILE": "../../prompts/x.json"}})
    settings = load_config(defaults(), write(tmp_path, "run.yaml", {"BASE": "base/a.yaml"}))
    assert Path(settings.PROMPTS.FILE) == (tmp_path / "../prompts/x.json").resolve()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    settings = load_config(defaults(), write(tmp_path, "a.yaml", {"PROMPTS": {"FILE": "~/own.json"}}))
    assert Path(settings.PROMPTS.FILE) == (tmp_path / "home" / "own.json").resolve()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"BASE": 5}, "a list of names"),
        ("a: [", "not valid YAML"),
        ("- 1", "contains a list"),
        ({"BASE": "run.yaml"}, "is based on itself"),
        ({"BASE": "other.yaml"}, "run.yaml is based on itself"),
        ({"BASE": "missing.yaml"}, "Cannot read"),
        ({"ENCODER": "vit_b17"}, "no encoder preset 'vit_b17'"),
    ],
)
def test_bad_files(values, words, tmp_path):
    write(tmp_path, "other.yaml", {"BASE": "run.yaml"})
    with pytest.raises(InputError, match=words):
        load_config(defaults(), write(tmp_path, "run.yaml", values))


def test_nested_shared_bases_are_read_once(tmp_path):
    """Twenty files that each list the previous one twice would be a million layers."""
    write(tmp_path, "0.yaml", {"SEED": 1})
    for number in range(1, 20):
        path = write(tmp_path, f"{number}.yaml", {"BASE": [f"{number - 1}.yaml"] * 2})
    assert load_config(defaults(), path).SEED == 1


def test_too_many_bases_are_rejected(tmp_path):
    names = [f"{number}.yaml" for number in range(MAX_FILES + 1)]
    for name in names:
        write(tmp_path, name, {"SEED": 1})
    with pytest.raises(InputError, match=f"top.yaml has .* files under BASE, more than the limit of {MAX_FILES}"):
        load_config(defaults(), write(tmp_path, "top.yaml", {"BASE": names}))


@pytest.mark.parametrize("preset", preset_files())
def test_every_preset_is_an_encoder_and_says_which(preset):
    config, settings = TASKS["zeroshot_cls"].load("own_shapes", (), preset)
    assert config.name == f"own_shapes_{preset}"
    assert (settings.ENCODER.NAME == "demo") == (preset == "demo")
    assert preset_files()[preset].read_text(encoding="utf-8").startswith("# ")
