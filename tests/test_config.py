"""Settings: layers, overrides, and invalid values."""

from pathlib import Path

import pytest
import yaml

from pointclip.config import check_search, defaults, load_config, with_changes
from pointclip.errors import InputError


def write(folder: Path, name: str, values: dict | str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(values if isinstance(values, str) else yaml.safe_dump(values))
    return path


def test_later_layers_override(tmp_path):
    write(tmp_path, "base/a.yaml", {"BATCH_SIZE": 2, "SEED": 3, "DATASET": {"NAME": "a"}})
    write(tmp_path, "base/b.yaml", {"SEED": 4})
    path = write(tmp_path, "run.yaml", {"BASE": ["base/a.yaml", "base/b.yaml"], "DATASET": {"SPLIT": "val"}})
    settings = load_config(defaults(), path, ["BATCH_SIZE", "7", "DATASET.NUM_POINTS", "512"])
    assert (settings.BATCH_SIZE, settings.SEED) == (7, 4)
    assert (settings.DATASET.NAME, settings.DATASET.SPLIT, settings.DATASET.NUM_POINTS) == ("a", "val", 512)


def test_written_settings_round_trip(tmp_path):
    settings = load_config(
        defaults(), None, ["ENCODER.QUICK_GELU", "yes", "PROMPTS.TEMPLATE", "{} from: afar", "SEED", "3"]
    )
    assert load_config(defaults(), write(tmp_path, "config.yaml", settings.dump())) == settings


@pytest.mark.parametrize("setting", ["uniform", "modelnet40_rn50", "1, 2", [1, 0.5]])
def test_later_value_may_have_another_form(tmp_path, setting):
    path = write(tmp_path, "run.yaml", {"VIEW_WEIGHTS": setting})
    assert load_config(defaults(), path, ["VIEW_WEIGHTS", "uniform"]).VIEW_WEIGHTS == "uniform"
    assert ("1, 0.5" if setting == [1, 0.5] else setting) == load_config(defaults(), path).VIEW_WEIGHTS


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"DATASET": {"NUM_POINT": 3}}, "no setting DATASET.NUM_POINT .* nearest known one is DATASET.NUM_POINTS"),
        ({"BATCHSIZE": 3}, "nearest known one is BATCH_SIZE"),
        ({"BATCH_SIZE": "many"}, "BATCH_SIZE .* 'many'; expected an integer"),
        ({"BATCH_SIZE": True}, "expected an integer"),
        ({"BATCH_SIZE": -1}, "expected at least 0"),
        ({"DATASET": 3}, "is a group"),
        ({"DATASET": {"NUM_POINTS": -1}}, "expected at least 0"),
        ({"ON_BAD_SHAPE": "ignore"}, "'stop' or 'skip'"),
        ({"DEVICE": True}, "expected text"),
        ({"PROMPTS": {"FILE": True}}, "expected text"),
        ({"NUM_POINTS": 5}, "nearest known one is DATASET.NUM_POINTS"),
        ({"SEED": -1}, "expected at least 0"),
        ({"SPLIT": {"MAX_PIECES": 0}}, "expected at least 1"),
        ({"SPLIT": {"MIN_EXTENT": 1.5}}, "expected 0 to 1"),
    ],
)
def test_bad_files(values, words, tmp_path):
    with pytest.raises(InputError, match=words):
        load_config(defaults(), write(tmp_path, "run.yaml", values))


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["SEED"], "stands alone"),
        (["SEEDS", "1"], "nearest known one is SEED"),
        (["SEED.X", "1"], "expected an integer"),
        (["SEED", "["], "expected an integer"),
    ],
)
def test_bad_overrides(overrides, words):
    with pytest.raises(InputError, match=words):
        load_config(defaults(), None, overrides)


@pytest.mark.parametrize(
    ("what", "words", "message"),
    [
        (["promts"], [], "--search has 'promts'"),
        ([], ["SEARCH.SENTENCES", "best"], "SEARCH.SENTENCES is 'best'; expected greedy or ensemble"),
        ([], ["SEARCH.SWEEPS", 0], "SWEEPS is 0"),
        ([], ["SEARCH.VALUES", "0.5, much"], "SEARCH.VALUES is '0.5, much'"),
        (["weights"], ["SEARCH.ALTERNATE", "True"], "needs --search prompts,weights"),
        (["prompts"], ["PROMPTS.FILE", ""], "set PROMPTS.FILE"),
        (["prompts"], ["SEARCHED", "x.yaml"], "give one of them"),
    ],
)
def test_bad_settings_are_rejected(what, words, message):
    with pytest.raises(InputError, match=message):
        check_search(what, load_config(defaults(), None, ["PROMPTS.FILE", "some.json", *map(str, words)]))


def test_changes_in_a_copy():
    settings = load_config(defaults(), None)
    changed = with_changes(settings, {"DATASET.SPLIT": "val", "SEED": 3})
    assert (changed.DATASET.SPLIT, changed.SEED) == ("val", 3)
    assert (settings.DATASET.SPLIT, settings.SEED) == ("test", 0)
    assert changed.is_frozen()


@pytest.mark.parametrize("value", ["1" * 400, "-" + "1" * 400])
@pytest.mark.parametrize("key", ["SEED", "SEARCH.SWEEPS"])
def test_huge_integers_are_rejected(key, value):
    with pytest.raises(InputError, match="expected at most 9223372036854775807"):
        load_config(defaults(), None, [key, value])


def test_shared_base_is_read_once(tmp_path, monkeypatch):
    for level in range(40):  # 2 ** 40 readings, were each base read wherever it is named
        base = {"BASE": [f"{level + 1}.yaml", f"{level + 1}.yaml"]} if level < 39 else {}
        write(tmp_path, f"{level}.yaml", {"SEED": 39 - level, **base})
    assert load_config(defaults(), tmp_path / "0.yaml").SEED == 39


def test_limit_on_bases_can_be_raised(tmp_path, monkeypatch):
    for level in range(120):
        write(tmp_path, f"{level}.yaml", {"BASE": f"{level + 1}.yaml"} if level < 119 else {"SEED": 5})
    with pytest.raises(InputError, match="more than the limit of 100"):
        load_config(defaults(), tmp_path / "0.yaml")
    monkeypatch.setenv("POINTCLIP_LIMITS", "2")
    assert load_config(defaults(), tmp_path / "0.yaml").SEED == 5


@pytest.mark.parametrize("values", [{"ENCODER": "x" * 300}, {"BASE": "a\0"}, {"PROMPTS": {"FILE": "a\0"}}])
def test_invalid_file_names_are_rejected(values, tmp_path):
    with pytest.raises(InputError, match=r"no encoder preset|invalid character"):
        load_config(defaults(), write(tmp_path, "run.yaml", values))
