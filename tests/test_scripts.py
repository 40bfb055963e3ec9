"""The tables' definitions fit the configs and settings, and every script runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pointclip.config import load_config
from pointclip.tables.definition import read_table
from tests.tasks import ROOT, TABLES, TASKS

SCRIPTS = sorted([*ROOT.glob("scripts/*.sh"), *(path for name in TASKS for path in (ROOT / name).glob("**/*.sh"))])
NO_TABLES = ("python.sh", "figure.sh")
OF_ANY_DATA = [path for path in TABLES if "\nconfig: demo" in path.read_text(encoding="utf-8")]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def jobs(path: Path, config: str = "") -> set:
    cells = read_table(path, TASKS[path.parents[1].name].folder / "configs", config).cells
    found = {cell.job for cell in cells}
    return found | {job.searched for job in found if job.searched}


def of_real_data(path: Path) -> str:
    """The name of one of the task's configs that is not the demo's, with OpenAI's ViT-B/16."""
    configs = TASKS[path.parents[1].name].folder / "configs"
    return next(own.stem for own in sorted(configs.glob("*_vit_b16.yaml")))


def check(path: Path, config: str = "") -> None:
    for job in jobs(path, config):
        words = [word for pair in job.settings for word in pair]
        settings = load_config(TASKS[path.parents[1].name].defaults(), job.config, words)
        prompts = Path(settings.PROMPTS.FILE)
        assert not settings.PROMPTS.FILE or prompts.parent.name == "published" or prompts.is_file(), prompts
        assert not job.kind or job.kind in ("caption", "question", "paraphrase", "words")


@pytest.mark.parametrize("path", TABLES, ids=relative)
def test_configs_exist_and_settings_are_known(path):
    check(path)


@pytest.mark.parametrize("path", OF_ANY_DATA, ids=relative)
def test_tables_of_any_data_take_other_configs(path):
    check(path, of_real_data(path))


def test_every_table_has_a_script():
    demo = (ROOT / "scripts" / "demo_tables.sh").read_text(encoding="utf-8").split()
    for path in TABLES:
        assert (path.parents[1] / "scripts" / f"{path.stem}.sh").is_file() or path.stem in demo, path


@pytest.mark.parametrize("path", TABLES, ids=relative)
def test_only_scripts_of_tables_that_take_a_config_offer_one(path):
    script = path.parents[1] / "scripts" / f"{path.stem}.sh"
    if script.is_file():
        assert ("--config" in script.read_text(encoding="utf-8")) == (path in OF_ANY_DATA)


@pytest.mark.parametrize("path", SCRIPTS, ids=relative)
def test_scripts_are_sound(path):
    text = path.read_text(encoding="utf-8")
    assert os.access(path, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "\nset -euo pipefail\n" in text
    assert len(text.splitlines()) < 20
    subprocess.run(["bash", "-n", path], check=True)


def run(path: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHON": sys.executable}
    return subprocess.run([path, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("name", ["zeroshot_cls/zeroshot_cls.sh", "zeroshot_seg/scripts/what_rests_on_what.sh"])
def test_scripts_run_from_anywhere(name, tmp_path):
    """Two real ones, as each takes seconds to start; the others differ in a word, which the next test checks."""
    assert "Tables: ablation_" in run(ROOT / name, "--help", cwd=tmp_path).stdout


@pytest.mark.parametrize("path", [path for path in SCRIPTS if path.name not in NO_TABLES], ids=relative)
def test_scripts_hand_their_words_on(path, tmp_path):
    """With `echo` for Python: what is called, with which words."""
    given = ["--root", "a folder", "SEED", "1"]
    environment = {**os.environ, "PYTHON": "echo"}
    done = subprocess.run([path, *given], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        assert line.endswith(" ".join(given))
        script, *words = line.split()
        folder = Path(script).resolve().parent
        assert Path(script).resolve() == ROOT / folder.name / "reproduce.py"
        tables = [word for word in words if (folder / "tables" / f"{word}.yaml").is_file()]
        assert tables
        if path.parents[1] == folder:  # a table's own script, by its name
            assert tables == [path.stem]


def test_demo_tables_stop_where_a_cell_fails():
    assert "--strict" in (ROOT / "scripts" / "demo_tables.sh").read_text(encoding="utf-8")
