"""Table definitions match configs and settings, and every script runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pointclip import tables
from pointclip.errors import InputError
from pointclip.tables.definition import read_table
from pointclip_cli import table as table_script
from tests.tasks import ROOT, TABLES, TASKS

SCRIPTS = sorted([*ROOT.glob("scripts/*.sh"), *(path for name in TASKS for path in (ROOT / name).glob("*.sh"))])
OF_ANY_DATA = [path for path in TABLES if "\nconfig: demo" in path.read_text(encoding="utf-8")]
REAL = {"zeroshot_cls": "modelnet40_vit_b16", "zeroshot_seg": "shapenetpart", "fewshot_cls": "modelnet40_vit_b16"}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def jobs(path: Path, config: str = "") -> set:
    cells = read_table(path, TASKS[path.parents[1].name].folder / "configs", config).cells
    found = {cell.job for cell in cells}
    return found | {job.searched for job in found if job.searched}


def check(path: Path, config: str = "") -> None:
    for job in jobs(path, config):
        words = [word for pair in job.settings for word in pair]
        _, settings = TASKS[path.parents[1].name].load(job.config, words)
        prompts = Path(settings.PROMPTS.FILE)
        assert not settings.PROMPTS.FILE or prompts.parent.name == "published" or prompts.is_file(), prompts
        assert not job.kind or job.kind in ("caption", "question", "paraphrase", "words")


@pytest.mark.parametrize("path", TABLES, ids=relative)
def test_configs_exist_and_settings_are_known(path):
    check(path)


@pytest.mark.parametrize("path", OF_ANY_DATA, ids=relative)
def test_tables_of_any_data_take_other_configs(path):
    check(path, REAL[path.parents[1].name])


@pytest.mark.parametrize("path", SCRIPTS, ids=relative)
def test_scripts_have_valid_syntax(path):
    text = path.read_text(encoding="utf-8")
    assert os.access(path, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "\nset -euo pipefail\n" in text
    assert len(text.splitlines()) < 20
    subprocess.run(["bash", "-n", path], check=True)


def run(path: Path, *words: str, cwd: Path, python: str = sys.executable) -> list[str]:
    """The lines that a script prints."""
    environment = {**os.environ, "PYTHON": python}
    done = subprocess.run([path, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", ["zeroshot_cls", "zeroshot_seg"])
def test_main_tables_can_be_made_from_any_folder(name, tmp_path):
    """With `echo` instead of Python, to see the command."""
    given = ["--root", "a folder", "SEED", "1"]
    (line,) = run(ROOT / name / f"{name}.sh", *given, cwd=tmp_path, python="echo")
    script, table, *rest = line.split(maxsplit=2)
    assert Path(script).resolve() == ROOT / "scripts" / "table.py"
    assert (ROOT / name / "tables" / f"{table}.yaml").is_file()
    assert rest == [" ".join(given)]


def test_demo_tables_stop_at_a_failure_and_pass_arguments_on(tmp_path):
    for line in run(ROOT / "scripts" / "demo_tables.sh", "SEED", "1", cwd=tmp_path, python="echo"):
        script, *words = line.split()
        assert Path(script).resolve() == ROOT / "scripts" / "table.py"
        assert table_script.find(words[0])
        assert "--strict" in words
        assert words[-2:] == ["SEED", "1"]


def test_table_script_runs_from_anywhere(tmp_path):
    lines = run(ROOT / "scripts" / "table.sh", "zeroshot_seg/sentences_weights_pose", "--help", cwd=tmp_path)
    assert any("Tables: ablation_" in line for line in lines)


@pytest.fixture
def made(monkeypatch):
    """What would be made: tasks' folders and words."""
    calls = []
    monkeypatch.setattr(tables, "make_tables", lambda task, words: calls.append((task.folder.name, words)) or 0)
    return calls


def test_table_names_are_unambiguous(made):
    assert {path for name in table_script.known() for path in table_script.find(name)} == set(TABLES)
    assert len(table_script.known()) == len(TABLES)
    for name in table_script.known():
        assert table_script.main([name, "SEED", "1"]) == 0
        task, words = made.pop()
        assert words == [name.split("/")[-1], "SEED", "1"]
        assert (ROOT / task / "tables" / f"{words[0]}.yaml").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["backbone"],
            r"'backbone'; did you mean backbones\? There are .*zeroshot_cls/sentences_weights_pose",
        ),
        (["sentences_weights_pose"], "give zeroshot_cls/sentences_weights_pose or zeroshot_seg/sentences_weights_pose"),
        (["backbones", "shapenetpart"], "belong to several tasks"),
    ],
)
def test_unknown_and_ambiguous_tables_are_rejected(made, words, message):
    with pytest.raises(InputError, match=message) as caught:
        table_script.main(words)
    assert "\n" not in str(caught.value)
    assert not made


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_tables_are_listed_with_their_titles(made, capsys, words, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert table_script.main(words) == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {name} " in printed for name in table_script.known())
    assert table_script.title("backbones") in printed
    assert not made


def test_scripts_without_the_environment_say_what_to_do(tmp_path):
    """Python without any packages, as without the virtual environment."""
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    done = [
        subprocess.run([*words], env=os.environ | {"PYTHON": str(bare)}, capture_output=True, text=True, check=False)
        for words in (
            [ROOT / "scripts" / "table.sh"],
            [bare, ROOT / "zeroshot_cls" / "figure.py"],
            [bare, ROOT / "prompts" / "build.py"],
            [bare, ROOT / "zeroshot_cls" / "main.py"],
        )
    ]
    for ended in done:
        assert ended.returncode == 2
        assert re.match(r"error: The package \w+ is not installed for .*; run `make demo`", ended.stderr)
        assert ended.stderr.count("\n") == 1
