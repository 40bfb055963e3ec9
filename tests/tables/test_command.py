"""The command line of tables: output, flags, settings and folders."""

from pathlib import Path

import pytest
import yaml

from pointclip.errors import InputError
from pointclip.tables import make_tables
from pointclip.tables.command import parse
from tests.tables.fake_task import TABLE

ROOT = Path(__file__).resolve().parents[2]


def test_cells_can_depend_on_each_other(fake, capsys):
    assert fake.make() == 0
    assert [(search, pairs.get("DATASET.ROTATION")) for _, search, pairs in fake.calls] == [
        ("", None), ("", "so3"), ("prompts", None), ("", "so3")]  # fmt: skip
    searched = Path(fake.calls[3][2]["SEARCHED"])
    assert searched.read_text(encoding="utf-8") == "call: 3"
    rows = fake.rows()
    assert rows["template", "canonical pose"]["difference"] == "0.60"
    assert rows["template", "canonical pose"]["verdict"] == "differs by +0.60"
    assert rows["template", "turned"]["published"] == ""
    assert [row["tuned_on_test_labels"] for row in rows.values()] == ["0", "0", "1", "1"]
    assert rows["searched", "turned"]["notes"] == "Chosen on test labels."
    markdown = (fake.output / "t_demo.md").read_text()
    assert "| template | canonical pose | 60.40 | 61.00 | +0.60 | differs by +0.60 |" in markdown
    assert "| searched | turned | — | 64.00† [a] | — | — |" in markdown
    assert "[a] Chosen on test labels." in markdown
    assert "† Labels of a test split chose" in markdown
    assert "within 0.5 points. Because." in markdown
    printed = capsys.readouterr()
    assert "noise" not in printed.out + printed.err
    assert "64.00† [a]" in printed.out
    assert "1/4 template × canonical pose … 61.00" in printed.err
    assert "noise of a run" in next(fake.output.glob("runs/*/log.txt")).read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "No table was given; expected t "),
        (["u"], "There is no table 'u'; expected t "),
        (["t", "DATASET.MAXSHAPES", "3"], "nearest known one is DATASET.MAX_SHAPES"),
        (["t", "SEED"], "stands alone"),
        (["t", "OUTPUT", "elsewhere"], "give the folder as --output"),
        (["missing.yaml"], "Cannot read the table"),
        (["t", "--config", "nosuch"], "There is no config 'nosuch'"),
        (["t", "--checkpoint", "nowhere/RN50.pt"], "--checkpoint nowhere/RN50.pt does not exist"),
    ],
)
def test_bad_arguments_fail_before_any_run(fake, words, message):
    with pytest.raises(InputError, match=message):
        make_tables(fake.task, [*words, "--output", str(fake.output)])
    assert not fake.calls


def test_tables_with_the_same_files_are_rejected(fake, tmp_path):
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(TABLE))
    for words in (["t", "t"], ["t", str(tmp_path / "t.yaml")]):
        with pytest.raises(InputError, match=r"same files, t_demo\.md"):
            make_tables(fake.task, [*words, "--output", str(fake.output)])
    assert not fake.calls


def test_a_definition_can_be_any_file(fake, tmp_path):
    definition = tmp_path / "own.yaml"
    definition.write_text(yaml.safe_dump(TABLE))
    assert parse(fake.task, [str(definition), "t", "SEED", "1"])[1:] == ([str(definition), "t"], ["SEED", "1"])
    make_tables(fake.task, [str(definition), "--output", str(fake.output)])
    assert (fake.output / "own_demo.csv").is_file()


def test_tilde_in_paths(fake, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    args, *_ = parse(fake.task, ["t", "--output", "~/out", "--cache", "~/cache"])
    assert (args.output, args.cache) == (tmp_path / "out", str(tmp_path / "cache"))
    for flag in ("--checkpoint", "--config"):
        with pytest.raises(InputError, match="~nobodyhere"):
            fake.make(flag, "~nobodyhere/a.yaml")
    make_tables(fake.task, ["t", "--output", "~nobodyhere/out", "PROMPTS.FILE", "~nobodyhere/p.json"])
    assert (tmp_path / "~nobodyhere" / "out" / "t_demo.csv").is_file()


def test_each_task_has_its_tables(fake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_tables(fake.task, ["t"])
    assert (tmp_path / "output" / "tables" / "task" / "t_demo.md").is_file()


@pytest.mark.parametrize(
    ("words", "message", "absent"),
    [(["t"], "scripts/table.sh t ", "TABLE…"), ([], "[TABLE… KEY VALUE…", "table.sh t ")],
)
def test_usage_after_a_table_name(fake, capsys, words, message, absent):
    with pytest.raises(SystemExit):
        parse(fake.task, [*words, "--help"])
    usage = " ".join(capsys.readouterr().out.split())
    assert message in usage
    assert absent not in usage


def test_root_device_and_weights_come_from_flags_or_environment(fake, tmp_path, monkeypatch):
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "RN50.pt").touch()
    fake.config("rn50", {"ENCODER": {"NAME": "RN50"}})
    fake.config("vit", {"ENCODER": {"NAME": "ViT-B-16"}})
    rows = [{"name": name, "config": name} for name in ("rn50", "vit", "demo")]
    fake.table("t", {"title": "T", "metric": "accuracy", "rows": rows})
    fake.make("--root", "data", "--device", "cpu", "--checkpoint", weights)
    assert [config for config, *_ in fake.calls] == ["rn50", "demo"]
    assert fake.calls[0][2]["ENCODER.PRETRAINED"] == str(weights / "RN50.pt")
    assert "ENCODER.PRETRAINED" not in fake.calls[1][2]
    assert (fake.calls[1][2]["DATASET.ROOT"], fake.calls[1][2]["DEVICE"]) == ("data", "cpu")
    assert "There is no ViT-B-16.pt" in fake.rows("t")["vit", ""]["verdict"]
    assert str(tmp_path) not in (fake.output / "t.md").read_text().replace(str(weights), "")
    monkeypatch.setenv("ROOT", "elsewhere")
    monkeypatch.setenv("CHECKPOINT", str(weights / "RN50.pt"))
    fake.make()
    assert {pairs["DATASET.ROOT"] for _, _, pairs in fake.calls[2:]} == {"elsewhere"}
    assert fake.calls[3][2]["ENCODER.PRETRAINED"] == str(weights / "RN50.pt")


def test_settings_override_flags_and_variables(fake, tmp_path, monkeypatch):
    (tmp_path / "RN50.pt").touch()
    fake.config("rn50", {"ENCODER": {"NAME": "RN50", "PRETRAINED": "openai"}})
    fake.table("t", {"title": "T", "metric": "accuracy", "rows": [{"name": "a", "config": "rn50"}]})
    monkeypatch.setenv("ROOT", "by variable")
    monkeypatch.setenv("CHECKPOINT", str(tmp_path))
    fake.make("--root", "by flag")
    assert fake.calls[0][2]["DATASET.ROOT"] == "by flag"
    assert fake.calls[0][2]["ENCODER.PRETRAINED"] == str(tmp_path / "RN50.pt")
    overrides = {"DATASET.ROOT": "own", "DEVICE": "cpu", "ENCODER.PRETRAINED": "cc12m"}
    words = [word for pair in overrides.items() for word in pair]
    fake.make("--root", "by flag", "--device", "cuda", "--checkpoint", tmp_path / "RN50.pt", *words)
    assert {key: fake.calls[1][2][key] for key in overrides} == overrides
    assert "cuda" not in (fake.output / "t.md").read_text()
    monkeypatch.delenv("CHECKPOINT")
    fake.make(*words)
    assert len(fake.calls) == 2  # the same run


@pytest.mark.parametrize("strict", [[], ["--strict"]])
def test_exit_code_without_any_figure(fake, capsys, strict):
    fake.answers["demo"] = InputError("It is not there.")
    fake.table("t", TABLE | {"rows": [{"name": "a"}, {"name": "b"}], "columns": []})
    assert fake.make(*strict) == 1
    printed = capsys.readouterr()
    assert "No cell has a figure" in printed.err
    assert printed.out.count("Not run: It is not there.") == 1  # of all cells: without a letter
    assert "[a]" not in printed.out
