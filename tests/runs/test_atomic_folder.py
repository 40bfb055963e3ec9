"""A run's folder is replaced atomically, and other files in it are kept."""

import contextlib
import errno
import multiprocessing
import os
import shutil
import threading

import pytest

from pointclip.errors import InputError
from pointclip.runs import atomic_folder as implementation
from pointclip.runs.atomic_folder import LISTING, UNFINISHED, atomic_folder


def write(folder, text, names=("metrics.json", "report.html")):
    with atomic_folder(folder) as new:
        for name in names:
            (new / name).write_text(text)


def content(folder):
    inside = {path.name: path for path in folder.iterdir() if path.name != LISTING}
    return {name: "" if path.is_dir() else path.read_text() for name, path in inside.items()}


@pytest.fixture(params=["one step", "two steps"])
def run(request, tmp_path, monkeypatch):
    """A run's folder with results, on systems that can swap folders atomically and that cannot."""
    if request.param == "two steps":
        monkeypatch.setattr(implementation, "_exchange", lambda one, other: False)
    write(tmp_path / "run", "one")
    return tmp_path / "run"


def test_new_results_replace_all_old_ones(run):
    write(run, "two", ["metrics.json", "predictions.csv"])
    assert content(run) == {"metrics.json": "two", "predictions.csv": "two"}
    assert sorted(path.name for path in run.parent.iterdir()) == [".run.lock", "run"]


def test_other_files_are_kept(run):
    write(run / "input", "shapes")
    (run / "notes.txt").write_text("mine")
    (run / "searched.yaml").write_text("result")
    write(run, "two")
    two = {"metrics.json": "two", "report.html": "two"}
    assert content(run) == {**two, "input": "", "notes.txt": "mine", "searched.yaml": "result"}
    assert content(run / "input") == {"metrics.json": "shapes", "report.html": "shapes"}
    write(run, "three", ["searched.yaml"])
    assert content(run)["searched.yaml"] == "three"


def test_folder_without_a_listing_loses_only_files_of_runs(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for name in ("metrics.json", "mine.md"):
        (run / name).write_text("old")
    write(run, "new", ["report.html"])
    assert content(run) == {"mine.md": "old", "report.html": "new"}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), ZeroDivisionError()])
def test_failed_run_keeps_the_old_results(run, error):
    def rows():
        yield "two"
        raise error

    with pytest.raises((InputError, ZeroDivisionError)), atomic_folder(run) as new:
        (new / "metrics.json").write_text("".join(rows()))
    assert content(run) == {"metrics.json": "one", "report.html": "one"}
    assert sorted(path.name for path in run.parent.iterdir()) == [".run.lock", "run"]


@pytest.mark.parametrize("step", range(1, 12))
def test_kill_at_any_step_leaves_results_of_one_run(run, step, monkeypatch):
    (run / "notes.txt").write_text("mine")
    (run / "input").mkdir()

    class Killed(BaseException):
        pass

    steps = []

    def dying(function):
        def act(*arguments, **options):
            steps.append(function)
            if len(steps) >= step:  # the process is dead from here on
                raise Killed
            return function(*arguments, **options)

        return act

    with monkeypatch.context() as patch:
        for module, names in (
            (os, ("replace", "mkdir", "unlink")),
            (shutil, ("rmtree",)),
            (implementation, ("_exchange",)),
        ):
            for name in names:
                patch.setattr(module, name, dying(getattr(module, name)))
        with contextlib.suppress(Killed):
            write(run, "two")
    if run.is_dir():  # without an atomic swap it may be missing
        assert {text for name, text in content(run).items() if name in ("metrics.json", "report.html")} in (
            {"one"},
            {"two"},
        )
    with atomic_folder(run):
        kept = content(run)
    assert kept.pop(UNFINISHED, "") == ""
    assert kept["notes.txt"] == "mine"
    assert "input" in kept
    write(run, "three")
    assert content(run) == {"metrics.json": "three", "report.html": "three", "notes.txt": "mine", "input": ""}


def _hold(folder, begun, end):
    with atomic_folder(folder) as new:
        (new / "metrics.json").write_text("first")
        begun.set()
        end.wait(30)


def test_second_process_waits_with_a_message(run, capsys):
    context = multiprocessing.get_context("fork")
    begun, end = context.Event(), context.Event()
    first = context.Process(target=_hold, args=(run, begun, end))
    first.start()
    assert begun.wait(30)
    with (
        pytest.raises(InputError, match=f"Process {first.pid} has been writing"),
        atomic_folder(run, wait_seconds=0.05),
    ):
        pass
    threading.Timer(0.2, end.set).start()
    write(run, "second")
    first.join()
    assert f"waiting for process {first.pid}, which is writing to {run}" in capsys.readouterr().out
    assert content(run) == {"metrics.json": "second", "report.html": "second"}


def test_lock_file_of_a_dead_process_is_ignored(run, capsys):
    run.with_name(".run.lock").write_text("1\n")
    write(run, "two")
    assert capsys.readouterr().out == ""


def test_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "far")
    write(tmp_path / "run", "one")
    write(tmp_path / "run", "two")
    assert (tmp_path / "run").is_symlink()
    assert content(tmp_path / "far") == {"metrics.json": "two", "report.html": "two"}


def test_unwritable_folder_is_rejected(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Cannot write the results to"), atomic_folder(tmp_path / "file" / "run"):
        pass
