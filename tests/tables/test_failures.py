"""Failed runs are reported in their cells, and interruptions and bugs do not damage results."""

import json
from dataclasses import replace
from pathlib import Path

import open_clip
import pytest
import torch

from pointclip.encoder import load_encoder
from pointclip.errors import CannotFetch, InputError
from tests.tables.fake_task import TABLE


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("ModelNet40 is\nnot there: fetch it."), "not run: ModelNet40 is not there: fetch it."),
        (torch.OutOfMemoryError("CUDA out of memory."), "not run: Out of memory (CUDA out of memory)."),
        (MemoryError(), "not run: Out of memory (MemoryError)."),
        (OSError(28, "No space left"), "not run: File error: [Errno 28] No space left."),
    ],
)
def test_failed_runs_are_reported_in_their_cells(fake, error, message):
    rows = [{"name": "there"}, {"name": "missing", "config": "other"}]
    fake.config("other", {})
    fake.answers["other"] = error
    fake.table("t", TABLE | {"rows": rows, "columns": []})
    assert fake.make() == 0
    rows = fake.rows()
    assert rows["there", ""]["ours"] == "61.00"
    assert (rows["missing", ""]["ours"], rows["missing", ""]["verdict"]) == ("", message)
    markdown = (fake.output / "t_demo.md").read_text()
    assert "| missing | not run [a] |" in markdown
    assert message.replace("not run: ", "[a] ") in markdown
    assert fake.make("--strict") == 1
    assert [config for config, *_ in fake.calls] == ["demo", "other", "other"]  # it is tried again
    del fake.answers["other"]
    assert fake.make("--strict") == 0


def test_cell_of_a_failed_search_is_reported(fake):
    main, turned = fake.main, dict(TABLE, rows=TABLE["rows"][1:])
    fake.table("t", turned)

    def fails(words):
        if "--search" in words:
            raise InputError("No training shapes.")
        return main(words)

    fake.task = replace(fake.task, main=fails)
    fake.make()
    assert not fake.calls
    assert "result it uses failed: No training shapes." in fake.rows()["searched", "turned"]["verdict"]


def test_missing_config_is_reported_in_its_cell(fake):
    fake.table("t", TABLE | {"rows": [{"name": "a", "config": "nowhere"}], "columns": []})
    fake.make()
    assert "There is no config 'nowhere'" in fake.rows()["a", ""]["verdict"]
    assert str(fake.folder.parent) not in fake.rows()["a", ""]["verdict"]


@pytest.mark.parametrize(("noise", "left"), [("", []), ("Reading.", ["log.txt"])])
def test_failed_run_leaves_only_a_useful_log(fake, noise, left):
    def fails(words):
        (Path(words[words.index("OUTPUT") + 1]) / "demo").mkdir()
        print(noise, end="")
        raise InputError("No such data.")

    fake.task = replace(fake.task, main=fails)
    fake.make()
    runs = fake.output / "runs"
    assert sorted({path.name for path in runs.glob("*/*")}) == left
    assert runs.exists() == bool(left)
    assert all("InputError: No such data." in path.read_text() for path in runs.glob("*/log.txt"))


def test_failed_download_is_not_repeated(fake):
    for name, encoder in {"a": "RN50", "b": "RN50", "c": "RN101"}.items():
        fake.config(name, {"ENCODER": {"NAME": encoder, "PRETRAINED": "openai"}})
        fake.answers[name] = CannotFetch(f"No hub for {name}.")
    rows = [{"name": name, "config": name} for name in "abc"] + [{"name": "demo"}]
    fake.table("t", TABLE | {"rows": rows, "columns": []})
    fake.make()
    assert [config for config, *_ in fake.calls] == ["a", "c", "demo"]
    verdicts = [row["verdict"] for row in fake.rows().values()]
    assert verdicts[:3] == ["not run: No hub for a.", "not run: No hub for a.", "not run: No hub for c."]
    fake.answers.clear()  # the next call asks again
    fake.make("--strict")
    assert [config for config, *_ in fake.calls[3:]] == ["a", "b", "c"]


def test_unreachable_hub_counts_as_a_failed_download(monkeypatch):
    def refuse(entry):
        raise FileNotFoundError("no route to host")

    monkeypatch.setattr(open_clip, "download_pretrained", refuse)
    with pytest.raises(CannotFetch, match="could not be downloaded from"):
        load_encoder("ViT-B-16", "openai", precision="fp32")


def test_bugs_are_not_hidden(fake):
    fake.config("other", {})
    fake.answers["other"] = KeyError("a bug")
    fake.table("t", TABLE | {"rows": [{"name": "a"}, {"name": "b", "config": "other"}], "columns": []})
    with pytest.raises(KeyError):
        fake.make()
    assert [row["verdict"] for row in fake.rows().values()] == ["—", "not run yet"]  # runs completed so far are kept


def test_ctrl_c_leaves_complete_files_and_the_next_call_resumes(fake, capsys):
    main = fake.main

    def interrupted(words):
        if len(fake.calls) == 2:
            raise KeyboardInterrupt
        return main(words)

    fake.task = replace(fake.task, main=interrupted)
    with pytest.raises(KeyboardInterrupt):
        fake.make()
    assert "3/4 searched × canonical pose … stopped" in capsys.readouterr().err
    assert [row["verdict"] for row in fake.rows().values()][2:] == ["not run yet", "not run yet"]
    assert not list(fake.output.rglob(".*"))
    for path in fake.output.rglob("*.json"):
        json.loads(path.read_text())
    fake.task = replace(fake.task, main=main)
    fake.make()
    assert len(fake.calls) == 4
    assert all(row["ours"] for row in fake.rows().values())
