"""Layout of tables: as a list or a grid, with footnote letters."""

from pathlib import Path

import pytest

from pointclip.errors import InputError
from pointclip.tables.definition import Cell, Job
from pointclip.tables.runs import Outcome
from pointclip.tables.show import footnotes
from pointclip.tables.verdicts import judge
from tests.tables.fake_task import TABLE


def test_a_grid_shows_rows_by_columns(fake, capsys):
    fake.table("t", TABLE | {"grid": True})
    fake.make()
    lines = capsys.readouterr().out.splitlines()
    at = next(k for k, line in enumerate(lines) if line.startswith("ours: sentences"))
    assert lines[at].split()[-3:] == ["canonical", "pose", "turned"]
    assert lines[at + 2].split() == ["template", "61.00", "62.00"]


@pytest.mark.parametrize("grid", [False, True])
def test_only_our_figures_without_published_ones(fake, capsys, grid):
    rows = [{"name": "a"}, {"name": "b", "settings": {"SEED": 2}}]
    fake.table("t", TABLE | {"rows": rows, "grid": grid})
    fake.make()
    markdown = (fake.output / "t_demo.md").read_text()
    for text in (capsys.readouterr().out, markdown):
        assert not [word for word in ("published", "difference", "verdict", "agrees") if word in text]
        assert text.count("61.00") == 1
    assert ("| a | 61.00 | 62.00 |" if grid else "| a | canonical pose | 61.00 |") in markdown
    assert "The CSV names each figure's run folder." in markdown
    row = fake.rows()["a", "canonical pose"]
    assert (row["published"], row["difference"], row["verdict"]) == ("", "", "—")
    assert (fake.output / row["run"] / "metrics.json").is_file()


def test_long_reasons_are_shortened_in_progress_lines(fake, capsys):
    reason = "It is not there, " + "and far away " * 20 + "fetch it."
    fake.config("far", {})
    fake.answers["far"] = InputError(reason)
    rows = [{"name": "a", "published": 60}, *({"name": name, "config": "far"} for name in "bc")]
    fake.table("t", TABLE | {"rows": rows, "columns": []})
    fake.make()
    printed, markdown = capsys.readouterr(), (fake.output / "t_demo.md").read_text()
    for text in (printed.out, markdown):
        assert text.count(reason) == text.count(f"[a] {reason}") == 1
        assert text.count("not run [a]") == 2
    assert "and far away" in printed.err
    assert "fetch it." not in printed.err
    assert [row["verdict"] for row in fake.rows().values()][1:] == [f"not run: {reason}"] * 2


def test_notes_of_all_cells_have_no_letter():
    def result(row, *notes):
        return judge(Cell(row, "", Job(Path("c")), "m"), Outcome({"m": 1, "notes": notes}))

    assert footnotes([result("a", "own", "all"), result("b", "all", "two")]) == {"all": "", "own": "a", "two": "b"}


def test_letters_continue_after_z():
    results = [judge(Cell("a", "", Job(Path("c")), "m"), Outcome({"m": 1, "notes": [str(k)]})) for k in range(28)]
    assert list(footnotes(results).values())[25:] == ["z", "aa", "ab"]
