"""Commands that are handled before the slow imports."""

import json
import subprocess
import sys

import pytest

from pointclip.runs.start import run_task
from tests.tasks import ROOT, TASKS

NO_TORCH = """
import runpy, sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "open_clip"):
            raise AssertionError(f"{name} is imported")
sys.meta_path.insert(0, NoTorch())
for words in sys.argv[1:]:
    print("==")
    print("==", file=sys.stderr)
    sys.argv = ["main.py", *words.split()[1:]]
    try:
        runpy.run_module(words.split()[0], run_name="__main__")
    except SystemExit as end:
        print("code", end.code)
"""


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)


WRONG = {  # words: the error
    "--config demo SEEED 1": "There is no setting SEEED",
    "nothing.ply --config demo --encoder vit_b16 --json": "",  # of each task another one, since names are missing
    "": "Nothing to ",
}


def test_help_and_errors_do_not_import_torch():
    commands = [(task, words) for task in TASKS for words in ("--help", *WRONG)]
    done = run("-c", NO_TORCH, *(f"{task} {words}" for task, words in commands))
    printed, errors = (text.split("==\n")[1:] for text in (done.stdout, done.stderr))
    for (task, words), out, error in zip(commands, printed, errors, strict=True):
        if words == "--help":
            assert out.endswith("code 0\n") or "code None" in out
            assert "--encoder NAME" in out
            assert "exit codes: 0" in out
            assert error == ""
        else:
            assert out.endswith("code 2\n"), (task, words, error)
            assert error.startswith(f"error: {WRONG[words]}")
        if "--json" in words:
            document = json.loads(out.removesuffix("code 2\n"))
            assert error == f"error: {document['error']}\n"
            assert (document["answers"], document["exit_code"]) == ([], 2)


@pytest.mark.parametrize(
    ("command", "place", "folder"),
    [("classify", ROOT, "classify/own_shapes_demo"), ("", ROOT, "classify/own_shapes_demo"),
     ("", ROOT / "zeroshot_cls", "own_shapes_demo")],
)  # fmt: skip
def test_results_are_kept_apart_by_task(command, place, folder, tmp_path, monkeypatch):
    """By the command and by main.py, except in the task's folder; seen from a folder that is not ours."""
    run_folder = tmp_path / folder / "input"
    run_folder.mkdir(parents=True)
    (run_folder / "report.html").write_text("mine")
    monkeypatch.chdir(place)
    words = ["zeroshot_cls", __file__, "--classes", "a, b", "--encoder", "demo", "OUTPUT", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        run_task("zeroshot_cls", command)
    assert ended.value.code == 2
    assert (run_folder / "report.html").read_text() == "mine"


def test_missing_package_is_named():
    code = "import sys; sys.modules['yacs'] = None; from pointclip.runs.start import run_task; run_task('zeroshot_cls')"
    done = run("-c", code)
    assert done.returncode == 2
    assert done.stderr.startswith("error: The package yacs")
    assert done.stderr.count("\n") == 1
