"""Commands that are handled before the slow imports."""

import subprocess
import sys

import pytest

from tests.tasks import ROOT, TASKS

NO_TORCH = """
import runpy, sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "open_clip"):
            raise AssertionError(f"{name} is imported")
sys.meta_path.insert(0, NoTorch())
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("task", TASKS)
def test_help_does_not_import_torch(task):
    done = run("-c", NO_TORCH, task, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--encoder NAME" in done.stdout


@pytest.mark.parametrize("task", TASKS)
def test_settings_errors_do_not_import_torch(task):
    done = run("-c", NO_TORCH, task, "--config", "demo", "SEEED", "1")
    assert done.returncode == 2
    assert done.stderr.startswith("error: There is no setting SEEED")
    assert done.stderr.count("\n") == 1


def test_missing_package_is_named():
    code = "import sys; sys.modules['yacs'] = None; from pointclip.runs.start import run_task; run_task('zeroshot_cls')"
    done = run("-c", code)
    assert done.returncode == 2
    assert done.stderr.startswith("error: The package yacs")
    assert done.stderr.count("\n") == 1
