"""How a page says what made it."""

from pathlib import Path

import pytest

from pointclip.runs.command_line import command_line, date_in_words, shortened


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    (tmp_path / "home/work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home/work")


def test_paths_are_shortened_and_words_quoted(tmp_path):
    words = [
        "--config",
        "demo",
        "--input",
        f"{tmp_path}/home/work/a b.ply",
        f"{tmp_path}/home/x.ply",
        f"OUTPUT={tmp_path}/o",
    ]
    said = command_line("main.py", [*words, "--classes", "chair, sofa"])
    assert (
        said
        == f"python main.py --config demo --input 'a b.ply' ~/x.ply OUTPUT=…/{tmp_path.name}/o --classes 'chair, sofa'"
    )
    assert str(tmp_path) not in said
    assert command_line("pointclip classify", ["--config=demo"]) == "pointclip classify --config=demo"
    assert command_line("pointclip classify", ["a.ply"] * 1040).endswith("a.ply … (1,000 more)")
    assert shortened("/a.ply") == "/a.ply"


def test_the_date_can_be_set(monkeypatch):
    assert date_in_words().endswith(" UTC")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert date_in_words() == "1970-01-02 00:00 UTC"
