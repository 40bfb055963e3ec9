"""Exit codes and error messages of commands."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pointclip.datasets import download
from pointclip.errors import InputError
from pointclip.runs.start import MEMORY_ADVICE
from pointclip.utils.command import ArgumentParser, run_command
from pointclip.writing import build, generate, import_published
from tests.endings import exit_code, exit_code_of_script

ROOT = Path(__file__).parents[2]

ENDINGS = {
    "input": (InputError("No such thing."), 2, "error: No such thing."),
    "memory": (MemoryError("9 TiB"), 2, "error: Out of memory (9 TiB); process less at a time."),
    "GPU memory": (torch.OutOfMemoryError("9 TiB"), 2, "error: Out of memory (9 TiB); process less at a time."),
    "stopped": (KeyboardInterrupt(), 130, "interrupted: finished files are kept, none is incomplete"),
    "disk": (OSError("full"), 2, "error: File error: full; fix that and run again."),
}


def failing(error):
    def main(words):
        raise error

    return main


@pytest.mark.parametrize("kind", ENDINGS)
def test_error_has_exit_code_and_message(kind, capsys):
    error, code, message = ENDINGS[kind]
    assert exit_code(failing(error), []) == code
    assert capsys.readouterr().err == f"{message}\n"


def test_bugs_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        exit_code(failing(ZeroDivisionError()), [])


@pytest.mark.parametrize("code", [None, 0, 1])
def test_exit_code_of_main_is_used(code):
    assert exit_code(lambda words: code, []) == (code or 0)


@pytest.mark.parametrize("error", [MemoryError("9 TiB"), torch.OutOfMemoryError("9 TiB")])
def test_memory_advice_mentions_settings(error, capsys):
    with pytest.raises(SystemExit, match="2"):
        run_command(lambda: failing(error)([]), MEMORY_ADVICE)
    assert "; set BATCH_SIZE 1, or DATASET.NUM_POINTS to a smaller number.\n" in capsys.readouterr().err


def test_module_does_not_import_torch(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom pointclip.utils.command import run_command\n"
        "assert not {'torch', 'numpy', 'pointclip.datasets'} & set(sys.modules)\n"
        "def main():\n    raise MemoryError('9 TiB')\n"
        "run_command(main, memory_advice='close something')\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "error: Out of memory (9 TiB); close something.\n")


SCRIPTS = {
    "download, unknown": (download, ["modelnet99"], "invalid choice: 'modelnet99'"),
    "download, none": (download, [], "required: NAME"),
    "download, signed": (download, ["scanobjectnn", "--root", "{tmp}"], "cannot be downloaded automatically"),
    "generate": (generate, ["--colour", "red"], "required: --out"),
    "import_published": (import_published, ["{tmp}/none"], "There is no"),
    "build, unknown": (build, ["modelnet99"], "No facts called 'modelnet99'"),
    "build, flag": (build, ["--colour"], "nrecognized arguments: --colour"),
}


@pytest.mark.parametrize("kind", SCRIPTS)
def test_scripts_reject_bad_input_in_one_line(kind, tmp_path, capsys, monkeypatch):
    module, words, message = SCRIPTS[kind]
    words = [word.replace("{tmp}", str(tmp_path)) for word in words]
    assert exit_code_of_script(module, words, monkeypatch) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1 or ("required" in message and "\nexample: " in printed.err)


def test_help_exits_with_0(capsys):
    with pytest.raises(SystemExit, match="0"):
        run_command(lambda: ArgumentParser(description="What it does.").parse_args(["--help"]))
    assert "What it does." in capsys.readouterr().out


STOPPED = """
import sys, time
from pointclip.errors import InputError
from pointclip.utils.command import run_command

def main():
    print("begun", flush=True)
    try:
        time.sleep(60)
    except BaseException as error:
        if "hidden" in sys.argv:
            raise InputError("The weights are damaged.") from error
        raise

run_command(main)
"""


@pytest.mark.parametrize("hidden", [[], ["hidden"]])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_interrupt_even_where_a_library_makes_another_error_of_them(number, code, hidden):
    words = [sys.executable, "-c", STOPPED, *hidden]
    run = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stdout.readline() == "begun\n"
    run.send_signal(number)
    _, errors = run.communicate(timeout=30)
    assert (run.returncode, errors.partition(":")[0]) == (code, "interrupted")


@pytest.mark.parametrize("redirection", [">&-", "| true"])
@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
def test_closed_output_is_no_error_of_ours(redirection):
    command = f"{shlex.quote(sys.executable)} -m pointclip_cli --help {redirection}"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
