"""The command `pointclip`."""

import subprocess
import sys

import pytest

from pointclip.errors import InputError
from pointclip.presets import preset_files
from pointclip.version import __version__
from pointclip_cli import __main__ as command
from pointclip_cli import completion, prompts, search, tasks
from tests.tasks import CONFIGS, ROOT, TASKS


def run(*words, monkeypatch) -> int:
    """The exit code of the whole command."""
    monkeypatch.setattr(sys, "argv", ["pointclip", *words])
    with pytest.raises(SystemExit) as ended:
        command.main()
    return ended.value.code or 0


def test_every_task_of_the_repository_has_a_command():
    assert set(tasks.installed_tasks().values()) >= set(TASKS)
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name, package in tasks.installed_tasks().items():
        assert f'\n{name} = "{package}"\n' in declared


def test_help_lists_every_command_without_slow_imports(capsys, monkeypatch):
    assert run("--help", monkeypatch=monkeypatch) == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {name} " in printed for name in (*tasks.installed_tasks(), *command.TOOLS))
    slow = "torch", "numpy", "yaml", "open_clip"
    script = "import sys; from pointclip_cli.__main__ import help_text; help_text(); "
    script += f"sys.exit(any(name in sys.modules for name in {slow}))"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_version(capsys, monkeypatch):
    assert run("--version", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == f"pointclip {__version__}\n"


def test_unknown_command_suggests_the_nearest(capsys, monkeypatch):
    assert run("clasify", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err == "error: There is no command 'clasify'; choose from classify (see --help).\n"


@pytest.fixture
def started(monkeypatch):
    """The tasks that would be started, with their command lines."""
    calls = []
    start = lambda package, command: calls.append((package, command, sys.argv))  # noqa: E731
    monkeypatch.setattr(command, "run_task", start)
    monkeypatch.setattr(search, "run_task", start)
    return calls


def test_task_gets_its_arguments(started, monkeypatch):
    assert run("classify", "--config", "demo", "SEED", "1", monkeypatch=monkeypatch) == 0
    assert started == [("zeroshot_cls", "classify", ["pointclip classify", "--config", "demo", "SEED", "1"])]


@pytest.mark.parametrize(
    ("words", "passed"),
    [
        (["--config", "demo"], ["--search", "prompts,weights", "--config", "demo"]),
        (["--search", "weights", "--config", "demo"], ["--search", "weights", "--config", "demo"]),
        (["--search=weights"], ["--search=weights"]),
    ],
)
def test_search_runs_the_task_with_search_arguments(words, passed, started):
    search.main(["segment", *words])
    assert started == [("zeroshot_seg", "segment", ["pointclip segment", *passed])]


@pytest.mark.parametrize(
    ("main", "words", "message"),
    [
        (search.main, [], "No task was given; choose from classify"),
        (search.main, ["sort"], "There is no task 'sort'"),
        (search.main, ["detect"], "detect has no search of its own; choose from classify, segment"),
        (prompts.main, ["repair"], "no command `pointclip prompts repair`.*build, generate, import-published"),
        (completion.main, ["dos"], "(?i)invalid choice: 'dos'"),
    ],
)
def test_bad_arguments_are_rejected(main, words, message):
    with pytest.raises(InputError, match=message):
        main(words)


@pytest.mark.parametrize(
    "typed",
    [*(f"prompts {name}" for name in prompts.SCRIPTS), "download", "table backbones", "figure", "verify", "doctor"],
)
def test_help_shows_the_command_typed(typed, capsys, monkeypatch):
    assert run(*typed.split(), "--help", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out.startswith(f"usage: pointclip {typed} ")


def test_help_of_search_offers_the_tasks_that_have_one(capsys):
    search.main(["--help"])
    assert "TASK is one of classify, segment;" in capsys.readouterr().out


def test_choices_are_listed_with_a_line_each(capsys, monkeypatch):
    assert run("configs", monkeypatch=monkeypatch) == run("encoders", monkeypatch=monkeypatch) == 0
    printed = capsys.readouterr().out.splitlines()
    for path in CONFIGS + sorted(preset_files().values()):
        assert any(line.startswith(f"  {path.stem} ") and len(line.split()) > 1 for line in printed), path
    assert run("configs", "detect", monkeypatch=monkeypatch) == 0
    assert "modelnet40" not in capsys.readouterr().out.partition("\n--config")[0]


def test_completion_says_what_it_needs(capsys, monkeypatch):
    assert "needs argcomplete" in command.help_text()
    monkeypatch.setitem(sys.modules, "argcomplete", None)  # as if not installed
    assert run("completion", "bash", monkeypatch=monkeypatch) == 2
    assert "pip install argcomplete" in capsys.readouterr().err


def test_without_arguments_examples_show_the_command_typed(capsys, monkeypatch):
    assert run("classify", monkeypatch=monkeypatch) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: Nothing to classify was given")
    assert "\n  pointclip classify --config demo " in said


def test_completion_knows_commands_flags_configs_and_tables():
    parser = completion.full_parser()
    (commands,) = (action for action in parser._actions if action.dest == "command")
    assert set(commands.choices) == {*tasks.installed_tasks(), *command.TOOLS}
    config, encoder = (
        next(action for action in commands.choices["classify"]._actions if action.dest == dest)
        for dest in ("config", "encoder")
    )
    assert "modelnet40" in config.completer()
    assert "vit_b16" in encoder.completer()
    assert "backbones" in commands.choices["table"]._actions[-1].completer()


def test_other_packages_can_register_tasks(monkeypatch):
    class Entry:
        name, value = "again", "zeroshot_cls"

    monkeypatch.setattr(tasks, "entry_points", lambda group: [Entry] if group == "pointclip.tasks" else [])
    assert tasks.package_of("again") == "zeroshot_cls"
