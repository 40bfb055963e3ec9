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
from pointclip.runs.atomic_folder import LISTING, UNFINISHED, atomic_folder, check_ours, claim


def write(folder, text, names=("metrics.json", "report.html")):
    with atomic_folder(folder) as new:
        for name in names:
            (new / name).parent.mkdir(exist_ok=True)
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
    write(run, "two")
    assert content(run) == {"metrics.json": "two", "report.html": "two", "input": "", "notes.txt": "mine"}
    assert content(run / "input") == {"metrics.json": "shapes", "report.html": "shapes"}


def test_a_users_files_among_ours_are_kept(run):
    write(run, "two", ["pictures/0.png", "pictures/1.png"])
    (run / "pictures" / "holiday.jpg").write_text("mine")
    (run / "report.html").mkdir()  # ours before, but no longer
    write(run, "three", ["pictures/0.png"])
    assert (run / "pictures" / "holiday.jpg").read_text() == "mine"
    assert (run / "pictures" / "0.png").read_text() == "three"
    assert not (run / "pictures" / "1.png").exists()
    write(run, "four", ["metrics.json"])
    assert sorted(path.name for path in (run / "pictures").iterdir()) == ["holiday.jpg"]
    assert (run / "report.html").is_dir()


@pytest.mark.parametrize("names", [["report.html"], ["pictures/holiday.jpg"], ["notes"], [".hidden"], ["input/x"]])
def test_folder_without_a_listing_is_refused(tmp_path, names):
    run = tmp_path / "run"
    for name in names:
        (run / name).parent.mkdir(parents=True)
        (run / name).write_text("mine")
    before = sorted(run.rglob("*"))
    for attempt in (lambda: write(run, "new"), lambda: check_ours(run)):
        with pytest.raises(InputError, match=r"holds files that are not listed.*set OUTPUT"):
            attempt()
    assert sorted(run.rglob("*")) == before
    assert all((run / name).read_text() == "mine" for name in names)


def test_empty_folders_and_those_with_our_input_are_taken(tmp_path):
    (tmp_path / "run" / "input").mkdir(parents=True)  # left by a run that failed
    write(tmp_path / "run", "one")
    write(tmp_path / "other" / "input", "shapes")
    (tmp_path / "other" / ".DS_Store").write_text("")
    write(tmp_path / "other", "one")
    assert (tmp_path / "other" / "input" / "metrics.json").read_text() == "shapes"
    claim(tmp_path / "claimed")
    (tmp_path / "claimed" / "checkpoint").write_text("half")
    write(tmp_path / "claimed", "one")
    assert content(tmp_path / "claimed") == {"metrics.json": "one", "report.html": "one", "checkpoint": "half"}


@pytest.mark.parametrize("mine", ["predictions.csv", "pictures", "ply/0.ply"])
def test_a_result_with_the_name_of_a_users_file_is_refused(run, mine):
    (run / mine).parent.mkdir(exist_ok=True)
    (run / mine).write_text("mine")
    names = ["metrics.json", "predictions.csv", "pictures/0.png", "ply/0.ply"]
    with pytest.raises(InputError, match="not listed as an earlier run's"):
        write(run, "two", names)
    assert (run / mine).read_text() == "mine"
    assert (run / "metrics.json").read_text() == "one"
    with pytest.raises(InputError, match="set OUTPUT"):
        check_ours(run, names)


def test_folders_in_an_old_listing_are_ours_but_only_what_is_written_anew_is_replaced(run):
    write(run, "two", ["pictures/0.png", "pictures/1.png"])
    (run / LISTING).write_text("pictures\n")
    write(run, "three", ["pictures/0.png"])
    assert [(run / "pictures" / f"{n}.png").read_text() for n in (0, 1)] == ["three", "two"]


def test_what_other_runs_refer_to_lasts_and_stays_ours(run):
    for names in (["searched.yaml"], ["metrics.json"], ["metrics.json"], ["searched.yaml"]):
        write(run, str(names), names)
        assert (run / "searched.yaml").is_file()
    assert content(run) == {"searched.yaml": "['searched.yaml']"}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), ZeroDivisionError()])
def test_failed_run_keeps_the_old_results(run, error):
    def rows():
        yield "two"
        raise error

    with pytest.raises((InputError, ZeroDivisionError)), atomic_folder(run) as new:
        (new / "metrics.json").write_text("".join(rows()))
    assert content(run) == {"metrics.json": "one", "report.html": "one"}
    assert sorted(path.name for path in run.parent.iterdir()) == [".run.lock", "run"]


@pytest.mark.parametrize("step", range(1, 14))
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


@pytest.mark.parametrize("deleted", range(6))
def test_kill_while_old_results_are_deleted_leaves_none_of_them(run, deleted, monkeypatch):
    class Killed(BaseException):
        pass

    def partly(folder, **_):
        """Deletes some files, the listing first, and then nothing more."""
        for path in sorted(folder.rglob("*"))[:deleted]:
            path.unlink()
        raise Killed

    write(run, "one", ("metrics.json", "a.csv", "b.csv", "c.csv"))
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", partly)
        with contextlib.suppress(Killed):
            write(run, "two", ("metrics.json",))
    write(run, "three", ("metrics.json",))
    assert content(run) == {"metrics.json": "three"}
    assert sorted(path.name for path in run.parent.iterdir()) == [".run.lock", "run"]


@pytest.mark.parametrize("ending", ["new", "old", "gone"])
def test_links_in_place_of_our_folders_are_refused(run, tmp_path, ending):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    (tmp_path / f".run.{ending}").symlink_to(mine)
    with pytest.raises(InputError, match=rf"\.run\.{ending} is a link"):
        write(run, "two")
    assert content(mine) == {"thesis.txt": "mine"}
    assert content(run) == {"metrics.json": "one", "report.html": "one"}


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
