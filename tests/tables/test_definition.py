"""Rows, columns and settings of a definition, for different configs."""

import pytest

from pointclip.errors import InputError
from pointclip.tables import schema
from pointclip.tables.definition import read_table
from pointclip.writing.build import KINDS
from tests.tables.fake_task import TABLE
from tests.tasks import TABLES


def test_other_config_has_other_rows_and_figures(fake):
    fake.config("big", {"ENCODER": {"NAME": "RN50"}})
    rows = [
        {"name": "a", "for": {"big": {"published": 61.2, "settings": {"SEED": 5}}}},
        {"name": "b", "only": ["big"], "settings": {"SEED": 9}},
    ]
    fake.table("t", TABLE | {"rows": rows, "columns": [], "for": {"big": {"about": "Of the big set."}}})
    fake.make()
    assert list(fake.rows()) == [("a", "")]
    fake.make("--config", "big")
    assert [row["verdict"] for row in fake.rows("t_big").values()] == ["differs by +0.80", "—"]
    assert fake.calls[1][2]["SEED"] == "5"
    assert "Of the big set." in (fake.output / "t_big.md").read_text()


def test_names_must_be_unique_for_each_config(fake):
    rows = [{"name": "a", "only": ["demo"]}, {"name": "a", "only": ["big"]}]
    fake.table("t", TABLE | {"rows": rows, "columns": []})
    fake.make()
    assert list(fake.rows()) == [("a", "")]


def test_command_line_settings_override_the_table_but_not_its_rows(fake):
    fake.table("t", TABLE | {"settings": {"VIEW_WEIGHTS": "uniform", "SEED": 1}})
    fake.make("SEED", 2, "DATASET.TURN", "up", "PROMPTS.FILE", "x.json")
    pairs = [pairs for _, _, pairs in fake.calls]
    assert {run_settings["SEED"] for run_settings in pairs} == {"2"}
    assert [run_settings["DATASET.ROTATION"] for run_settings in pairs] == ["vertical", "so3", "vertical", "so3"]
    assert [run_settings["PROMPTS.FILE"] for run_settings in pairs] == ["", "", "x.json", "x.json"]
    assert "SEED 2" in (fake.output / "t_demo.md").read_text()


def test_notes_can_apply_to_one_column(fake):
    row = {
        "name": "a",
        "published": {"canonical pose": 60, "turned": 61},
        "note": {"turned": "The rotation is not stated."},
    }
    fake.table("t", TABLE | {"rows": [row], "published_note": "All of old."})
    fake.make()
    notes = [row["notes"] for row in fake.rows().values()]
    assert notes == ["All of old.", "The rotation is not stated. All of old."]


def test_config_is_only_allowed_for_tables_with_a_config(fake):
    fake.table("t", {"title": "T", "metric": "accuracy", "rows": [{"name": "a", "config": "demo"}]})
    with pytest.raises(InputError, match="fixes its data sets"):
        fake.make("--config", "demo")
    fake.table("t", {"title": "T", "metric": "accuracy", "rows": [{"name": "a"}]})
    with pytest.raises(InputError, match="has no config"):
        fake.make()


def test_bundled_definitions_are_valid():
    assert schema.COMMAND_KINDS == KINDS
    for path in TABLES:
        assert read_table(path, path.parents[1] / "configs", "").cells
