"""Settings: layers of files, overrides, and what is refused."""

from pathlib import Path

import pytest
import yaml

from pointclip.config import defaults, load_config
from pointclip.errors import InputError
from tests.tasks import ROOT, TASKS

CONFIGS = sorted(path for name in TASKS for path in (ROOT / name / "configs").glob("*.yaml"))


def write(folder: Path, name: str, values: dict | str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(values if isinstance(values, str) else yaml.safe_dump(values))
    return path


def test_later_layers_win(tmp_path):
    write(tmp_path, "base/a.yaml", {"BATCH_SIZE": 2, "SEED": 3, "DATASET": {"NAME": "a"}})
    write(tmp_path, "base/b.yaml", {"SEED": 4})
    path = write(tmp_path, "run.yaml", {"BASE": ["base/a.yaml", "base/b.yaml"], "DATASET": {"SPLIT": "val"}})
    settings = load_config(defaults(), path, ["BATCH_SIZE", "7", "DATASET.NUM_POINTS", "512"])
    assert (settings.BATCH_SIZE, settings.SEED) == (7, 4)
    assert (settings.DATASET.NAME, settings.DATASET.SPLIT, settings.DATASET.NUM_POINTS) == ("a", "val", 512)


def test_settings_as_written_give_the_same_settings(tmp_path):
    settings = load_config(
        defaults(), None, ["ENCODER.QUICK_GELU", "yes", "PROMPTS.TEMPLATE", "{} from: afar", "SEED", "3"]
    )
    assert load_config(defaults(), write(tmp_path, "config.yaml", settings.dump())) == settings


@pytest.mark.parametrize("setting", ["uniform", "modelnet40_rn50", "1, 2", [1, 0.5]])
def test_a_later_value_may_be_of_another_form(tmp_path, setting):
    path = write(tmp_path, "run.yaml", {"VIEW_WEIGHTS": setting})
    assert load_config(defaults(), path, ["VIEW_WEIGHTS", "uniform"]).VIEW_WEIGHTS == "uniform"
    assert ("1, 0.5" if setting == [1, 0.5] else setting) == load_config(defaults(), path).VIEW_WEIGHTS


def test_prompt_files_are_found_from_the_config_that_names_them(tmp_path):
    write(tmp_path, "base/a.yaml", {"PROMPTS": {"FILE": "../../prompts/x.json"}})
    settings = load_config(defaults(), write(tmp_path, "run.yaml", {"BASE": "base/a.yaml"}))
    assert Path(settings.PROMPTS.FILE) == (tmp_path / "../prompts/x.json").resolve()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"DATASET": {"NUM_POINT": 3}}, "no setting DATASET.NUM_POINT .* nearest known one is DATASET.NUM_POINTS"),
        ({"BATCHSIZE": 3}, "nearest known one is BATCH_SIZE"),
        ({"BATCH_SIZE": "many"}, "BATCH_SIZE .* 'many'; a whole number was expected"),
        ({"BATCH_SIZE": True}, "a whole number was expected"),
        ({"BATCH_SIZE": -1}, "0 or more"),
        ({"DATASET": 3}, "is a group"),
        ({"DATASET": {"NUM_POINTS": -1}}, "0 or more"),
        ({"ON_BAD_SHAPE": "ignore"}, "'stop' or 'skip'"),
        ({"DEVICE": True}, "a text was expected"),
        ({"PROMPTS": {"FILE": True}}, "a text was expected"),
        ({"BASE": 5}, "a list of names"),
        ({"NUM_POINTS": 5}, "nearest known one is DATASET.NUM_POINTS"),
        ({"SEED": -1}, "0 or more"),
        ("a: [", "not valid YAML"),
        ("- 1", "holds a list"),
        ({"BASE": "run.yaml"}, "builds on itself"),
        ({"BASE": "missing.yaml"}, "Cannot read"),
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
        (["SEED.X", "1"], "a whole number was expected"),
        (["SEED", "["], "a whole number was expected"),
    ],
)
def test_bad_overrides(overrides, words):
    with pytest.raises(InputError, match=words):
        load_config(defaults(), None, overrides)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_loads(path):
    settings = load_config(TASKS[path.parts[-3]].defaults(), path)
    file = Path(settings.PROMPTS.FILE)
    imported = file.parent == ROOT / "prompts" / "published"  # by import_published.py, never in the repository
    assert not settings.PROMPTS.FILE or imported or file.is_file()


def test_prompts_of_the_home_folder_are_not_sought_beside_the_config(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = write(tmp_path, "a.yaml", {"PROMPTS": {"FILE": "~/own.json"}})
    own = str((tmp_path / "home" / "own.json").resolve())
    assert own == load_config(defaults(), path).PROMPTS.FILE
