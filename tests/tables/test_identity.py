"""A run is repeated if anything that it depends on has changed."""

import pytest
import torch

from pointclip.config import defaults, load_config
from pointclip.tables import identity
from tests.tables.fake_task import TABLE


def test_changed_config_or_prompt_file_is_run_again(fake, tmp_path):
    prompts = tmp_path / "p.json"
    prompts.write_text('{"chair": ["a"]}')
    fake.table("t", TABLE | {"rows": [{"name": "own"}], "columns": []})
    fake.make("PROMPTS.FILE", prompts)
    fake.make("PROMPTS.FILE", prompts)
    assert len(fake.calls) == 1
    prompts.write_text('{"chair": ["b"]}')
    fake.make("PROMPTS.FILE", prompts)
    assert len(fake.calls) == 2
    fake.config("demo", {"SEED": 4})
    fake.make("PROMPTS.FILE", prompts)
    assert len(fake.calls) == 3


def test_changed_task_code_is_run_again_in_the_same_folders(fake):
    fake.table("t", TABLE | {"columns": [{"name": "canonical pose"}]})
    names = ("view_weights.yaml", "own.py", "more/own.py")
    for calls, name in enumerate((None, *names), start=1):
        if name:
            path = fake.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("x: 1")
        fake.make()
        fake.make()
        assert len(fake.calls) == 2 * calls, name
    folders = {path.parent.name for path in fake.output.glob("runs/*/cell.json")}
    assert len(folders) == 2
    (fake.folder / "own.py").unlink()
    fake.make()
    assert len(fake.calls) == 10


def test_digest_covers_the_packages_code(fake, tmp_path, monkeypatch):
    package = tmp_path / "package"
    (package / "projection").mkdir(parents=True)
    kernel = package / "projection" / "kernels.py"
    kernel.write_text("a = 1")
    monkeypatch.setattr(identity, "PACKAGE", package)
    before = identity.digest_of_code(fake.folder)
    assert identity.digest_of_code(fake.folder) == before
    kernel.write_text("a = 2")
    changed = identity.digest_of_code(fake.folder)
    kernel.rename(package / "kernels.py")
    assert len({before, changed, identity.digest_of_code(fake.folder)}) == 3
    monkeypatch.setattr(torch, "__version__", "0.1")
    assert identity.digest_of_code(fake.folder) != changed


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("DATASET.NAME", "own.py"),
        ("ENCODER.PRETRAINED", "own.pt"),
        ("SEARCHED", "searched.yaml"),
        ("PROMPTS.FILE", "own.json"),
    ],
)
def test_identity_depends_on_file_contents(tmp_path, setting, name):
    def identify():
        settings = load_config(defaults(), None, ["ENCODER.NAME", "RN50", setting, str(path)])
        return identity.identify(settings, None, "code")

    path = tmp_path / name
    missing = identify()
    path.write_text("a")
    before = identify()
    assert identify() == before != missing
    path.write_text("bb")
    assert identify() != before
    assert str(tmp_path) not in str(identify())
    assert identity.name_of(identify()) != identity.name_of(before)


def test_identity_depends_on_origins_and_the_bundled_encoder(tmp_path, monkeypatch):
    def identify():
        return identity.identify(load_config(defaults(), None, ["PROMPTS.FILE", str(tmp_path / "p.json")]), None, "")

    (tmp_path / "p.json").write_text("{}")
    before = identify()
    (tmp_path / "p.origin.yaml").write_text("tuned_on_test_labels: true")
    marked = identify()
    monkeypatch.setattr(identity, "DEMO_FOLDER", tmp_path)
    (tmp_path / "demo-clip.json").write_text("{}")
    (tmp_path / "demo-clip.safetensors").write_text("other weights")
    bundled = identify()
    (tmp_path / "demo-clip.safetensors").write_text("more weights")
    assert len({str(one) for one in (before, marked, bundled, identify())}) == 4
