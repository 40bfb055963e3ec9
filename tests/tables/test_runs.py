"""Runs are executed once and stored completely, with their settings and output."""

import contextlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pointclip.errors import InputError
from pointclip.tables.runs import weights_file
from tests.tables.fake_task import TABLE


def test_second_call_reuses_runs_unless_a_setting_changed(fake):
    fake.make()
    before = fake.rows()
    fake.make()
    assert len(fake.calls) == 4
    assert fake.rows() == before
    fake.make("DATASET.MAX_SHAPES", 3)
    assert len(fake.calls) == 8
    fake.make("--again")
    assert len(fake.calls) == 12


def test_unfinished_runs_are_repeated(fake):
    fake.make()
    next(fake.output.glob("runs/*/cell.json")).unlink()
    fake.make()
    assert len(fake.calls) >= 5
    calls = len(fake.calls)
    next(fake.output.glob("runs/*/demo/metrics.json")).write_text('{"accuracy": ')
    fake.make()
    assert len(fake.calls) > calls


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metrics.json", "[]"),
        ("metrics.json", '{"notes": "a"}'),
        ("metrics.json", "[" * 100000),
        ("searched.yaml", None),
        ("head.safetensors", None),
    ],
)
def test_incomplete_earlier_run_is_repeated(fake, name, text):
    fake.table("t", TABLE | {"rows": TABLE["rows"][1:], "columns": TABLE["columns"][:1]})
    fake.make()
    path = next(fake.output.glob(f"runs/*/demo/{name}"))
    path.unlink() if text is None else path.write_text(text)
    fake.make()
    assert len(fake.calls) == 2
    assert fake.rows()["searched", "canonical pose"]["ours"] == "62.00"


@pytest.mark.parametrize("error", [InputError("Gone."), KeyboardInterrupt(), KeyError("a bug")])
@pytest.mark.parametrize("late", [False, True])
def test_earlier_run_stays_valid_until_the_new_one_has_figures(fake, error, late):
    fake.table("t", TABLE | {"rows": [{"name": "a"}], "columns": []})
    fake.make()
    main = fake.main

    def fails(words):
        assert not list(fake.output.rglob("cell.json"))
        if late:
            main(words)
        raise error

    fake.task = replace(fake.task, main=fails)
    with contextlib.suppress(KeyboardInterrupt, KeyError):
        fake.make("--again")
    fake.task = replace(fake.task, main=main)
    calls = len(fake.calls)
    fake.make()
    assert len(fake.calls) == calls + late
    assert not list(fake.output.rglob("cell.old"))


def test_loggers_write_to_the_log(fake, capfd):
    """A logger's handler keeps a reference to the standard error at the time of its creation."""
    main = fake.main

    def talks(words):
        os.write(2, b"Retrying in 1s\n")
        return main(words)

    fake.task = replace(fake.task, main=talks)
    fake.make()
    assert "Retrying" not in capfd.readouterr().err
    assert "Retrying" in next(fake.output.glob("runs/*/log.txt")).read_text()


@pytest.mark.parametrize("error", [None, InputError("No training shapes.")])
def test_without_cache_searches_cache_nothing(fake, error):
    fake.table("t", TABLE | {"rows": TABLE["rows"][1:]})
    if error:
        fake.answers["demo"] = error
    fake.make("--cache", "")
    caches = [(search, Path(pairs["CACHE"]).name) for _, search, pairs in fake.calls]
    assert caches == [("prompts", "cache"), ("", "")][: 1 if error else 2]
    assert not [path for path in fake.output.rglob("*.safetensors") if path.name != "head.safetensors"]


def test_features_are_cached_in_the_given_folder(fake, tmp_path):
    fake.make()
    assert len(list((fake.output / "cache").iterdir())) == 4
    fake.make("--again", "CACHE", tmp_path / "big")
    assert len(list((tmp_path / "big").iterdir())) == 4
    assert str(tmp_path) not in (fake.output / "t_demo.md").read_text()


@pytest.mark.parametrize("name", ["ViT-L-14-336px.pt", "ViT-L-14-336.pt", "ViT-L-14-336.safetensors"])
def test_weights_by_openais_names(tmp_path, name):
    (tmp_path / name).touch()
    assert weights_file(str(tmp_path), "ViT-L-14-336") == str(tmp_path / name)
    assert weights_file("any.pt", "RN50") == "any.pt"
