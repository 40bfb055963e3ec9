"""All tasks are registered everywhere."""

import pytest

from tests.tasks import ROOT, TASKS


def test_every_folder_with_a_main_is_a_task():
    assert {path.parent.name for path in ROOT.glob("*/main.py")} == set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_tasks_are_packaged_tested_and_documented(name):
    assert f'"{name}*"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert (ROOT / "tests" / name / "__init__.py").is_file()
    assert f"\n{name}/ " in (ROOT / "README.md").read_text(encoding="utf-8")
