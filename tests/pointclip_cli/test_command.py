"""The command `pointclip`: what it finds, hands on and says."""

import subprocess
import sys

import pytest

from pointclip.errors import InputError
from pointclip.version import __version__
from pointclip_cli import __main__ as command
from pointclip_cli import completion, prompts, search, tasks
from tests.endings import exit_code
from tests.tasks import ROOT, TASKS


def ends(*words, monkeypatch) -> int:
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


def test_help_names_every_command_and_needs_nothing_slow(capsys, monkeypatch):
    assert ends("--help", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in (*tasks.installed_tasks(), *command.TOOLS))
    slow = "torch", "numpy", "yaml", "open_clip"
    script = "import sys; from pointclip_cli.__main__ import help_text; help_text(); "
    script += f"sys.exit(any(name in sys.modules for name in {slow}))"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_version(capsys, monkeypatch):
    assert ends("--version", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == f"pointclip {__version__}\n"


def test_an_unknown_command_names_the_nearest(capsys, monkeypatch):
    assert ends("clasify", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err == "error: There is no command 'clasify'; choose from classify (see --help).\n"


@pytest.fixture
def started(monkeypatch):
    """The tasks that would be started, with their words."""
    calls = []
    start = lambda package: calls.append((package, sys.argv))  # noqa: E731
    monkeypatch.setattr(command, "run_task", start)
    monkeypatch.setattr(search, "run_task", start)
    return calls


def test_a_task_gets_its_words(started, monkeypatch):
    assert ends("classify", "--config", "demo", "SEED", "1", monkeypatch=monkeypatch) == 0
    assert started == [("zeroshot_cls", ["pointclip classify", "--config", "demo", "SEED", "1"])]


@pytest.mark.parametrize(
    ("words", "handed"),
    [
        (["--config", "demo"], ["--search", "prompts,weights", "--config", "demo"]),
        (["--search", "weights", "--config", "demo"], ["--search", "weights", "--config", "demo"]),
        (["--search=weights"], ["--search=weights"]),
    ],
)
def test_search_is_the_task_with_what_is_sought(words, handed, started):
    search.main(["segment", *words])
    assert started == [("zeroshot_seg", ["pointclip segment", *handed])]


@pytest.mark.parametrize(
    ("main", "words", "said"),
    [
        (search.main, [], "No task came; choose from classify"),
        (search.main, ["sort"], "There is no task 'sort'"),
        (prompts.main, ["mend"], "There is no 'mend'.*build, generate, import-published"),
        (completion.main, ["dos"], "(?i)invalid choice: 'dos'"),
    ],
)
def test_bad_words_are_one_sentence(main, words, said):
    with pytest.raises(InputError, match=said):
        main(words)


@pytest.mark.parametrize("name", prompts.SCRIPTS)
def test_prompts_have_their_scripts(name, capsys):
    assert exit_code(lambda words: prompts.main(words), [name, "--help"]) == 0
    assert "usage:" in capsys.readouterr().out


def test_completion_knows_commands_flags_configs_and_tables():
    parser = completion.parser_of_all()
    (commands,) = (action for action in parser._actions if action.dest == "command")
    assert set(commands.choices) == {*tasks.installed_tasks(), *command.TOOLS}
    config, encoder = (
        next(action for action in commands.choices["classify"]._actions if action.dest == dest)
        for dest in ("config", "encoder")
    )
    assert "modelnet40" in config.completer()
    assert "vit_b16" in encoder.completer()
    assert "backbones" in commands.choices["table"]._actions[-1].completer()


def test_another_package_may_bring_a_task(monkeypatch):
    class Entry:
        name, value = "again", "zeroshot_cls"

    monkeypatch.setattr(tasks, "entry_points", lambda group: [Entry] if group == "pointclip.tasks" else [])
    assert tasks.package_of("again") == "zeroshot_cls"
