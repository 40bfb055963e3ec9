"""A table for the terminal, as Markdown and as CSV."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_lowercase

from pointclip.files import atomic_path
from pointclip.run import write_csv
from pointclip.tables.definition import Table
from pointclip.tables.identity import WITHOUT_EFFECT
from pointclip.tables.verdicts import NOTHING, Result, signed

TUNED = "†"
TUNED_NOTE = f"{TUNED} Labels of a test split chose the sentences or view weights: no zero-shot figure."
SHORT = 110  # characters of a reason in the terminal


def terminal(table: Table, results: Sequence[Result]) -> str:
    """The table in columns, with what a reader must know above and below it."""
    marks = footnotes(results)
    header, rows = lines(table, results, marks)
    rows = [[*row[:-1], shortened(row[-1])] for row in rows]
    parts = [table.title, "=" * len(table.title), columns(header, rows, numbers_from(table), 3)]
    if table.grid:
        header, rows = grid(table, results, marks)
        parts += ["", columns(header, rows, 1, len(header) - 1)]
    return "\n".join([*parts, "", *below(table, results, marks)])


def markdown(table: Table, results: Sequence[Result]) -> str:
    """The same as Markdown."""
    marks = footnotes(results)
    text = [f"# {table.title}", ""]
    if table.grid:
        header, rows = grid(table, results, marks)
        text += [*markdown_rows(header, rows, 1, len(header) - 1), ""]
    text += [*markdown_rows(*lines(table, results, marks), numbers_from(table), 3), ""]
    return "\n".join([*text, *(f"{line}\n" for line in below(table, results, marks))])


def write_table(table: Table, results: Sequence[Result], folder: Path, name: str) -> None:
    """Write NAME.md and NAME.csv."""
    with atomic_path(folder / f"{name}.md") as path:
        path.write_text(markdown(table, results), encoding="utf-8")
    header = ["row", "column", "metric", "published", "ours", "difference", "verdict"]
    header += ["shapes", "tuned_on_test_labels", "notes", "run"]
    rows = []
    for result in results:
        cell = result.cell
        values = [cell.published, result.ours, result.difference]
        figures = ["" if value is None else f"{value:.2f}" for value in values]
        notes = " ".join([cell.note, *result.notes]).strip()
        run = Path(result.folder).relative_to(folder) if result.folder else ""
        rows.append([cell.row, cell.column, cell.metric, *figures, result.verdict(table.tolerance)])
        rows[-1] += ["" if result.shapes is None else result.shapes, int(result.tuned), notes, run]
    write_csv(folder / f"{name}.csv", header, rows)


def footnotes(results: Sequence[Result]) -> dict[str, str]:
    """Every note of the cells and the letter that marks it, in order of appearance."""
    notes = dict.fromkeys(note for result in results for note in (result.cell.note, *result.notes) if note)
    letters = [a + b for a in ("", *ascii_lowercase) for b in ascii_lowercase]
    return dict(zip(notes, letters, strict=False))


def lines(table: Table, results: Sequence[Result], marks: Mapping[str, str]) -> tuple[list[str], list[list[str]]]:
    """Header and one line a cell."""
    header = [*table.heads[: numbers_from(table)], "published", "ours", "difference", "verdict"]
    rows = []
    for result in results:
        cell = result.cell
        names = [cell.row, cell.column][: numbers_from(table)]
        published = marked(cell.published, [cell.note], marks)
        rows.append(
            [*names, published, ours(result, marks), signed(result.difference), result.verdict(table.tolerance)]
        )
    return header, rows


def grid(table: Table, results: Sequence[Result], marks: Mapping[str, str]) -> tuple[list[str], list[list[str]]]:
    """Our figures alone, a table's rows by its columns."""
    names = list(dict.fromkeys(result.cell.column for result in results))
    cells = {(result.cell.row, result.cell.column): ours(result, marks) for result in results}
    rows = dict.fromkeys(result.cell.row for result in results)
    return [f"ours: {table.heads[0]}", *names], [[row, *(cells[row, name] for name in names)] for row in rows]


def below(table: Table, results: Sequence[Result], marks: Mapping[str, str]) -> list[str]:
    """What a reader must know: footnotes, what is measured, the tolerance."""
    said = [TUNED_NOTE] if any(result.tuned for result in results) else []
    said += [f"[{letter}] {note}" for note, letter in marks.items()]
    metrics = ", ".join(dict.fromkeys(cell.metric.split("/")[0] for cell in table.cells))
    said.append(f"Figures: {metrics} in percent; difference: ours less published, percentage points.")
    if any(cell.published is not None for cell in table.cells):
        said.append(f"“agrees”: within {table.tolerance:g} points. {table.reason}".strip())
    if table.about:
        said.append(table.about)
    if table.config:
        said.append(f"Config: {table.config}.")
    places = ("DATASET.ROOT", *WITHOUT_EFFECT)
    pairs = [pair for pair in zip(table.extra[::2], table.extra[1::2], strict=True) if pair[0] not in places]
    if pairs:
        said.append(f"Settings besides the config's: {', '.join(map(' '.join, pairs))}.")
    return said


def ours(result: Result, marks: Mapping[str, str]) -> str:
    return marked(result.ours, result.notes, marks, TUNED if result.tuned else "")


def marked(value: float | None, notes: Sequence[str], marks: Mapping[str, str], sign: str = "") -> str:
    """A figure with the letters of its notes: "64.26 [a,b]", "64.26† [a]"."""
    if value is None:
        return NOTHING
    letters = ",".join(sorted((marks[note] for note in notes if note), key=lambda mark: (len(mark), mark)))
    return f"{value:.2f}{sign} [{letters}]" if letters else f"{value:.2f}{sign}"


def numbers_from(table: Table) -> int:
    """How many columns of names stand before the figures."""
    return 2 if any(cell.column for cell in table.cells) else 1


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], names: int, figures: int) -> str:
    """Columns for the terminal: after the `names` come the `figures`, to the right; all others stand to the left."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    text = []
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if names <= place < names + figures else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
    return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def markdown_rows(header: Sequence[str], rows: Sequence[Sequence[str]], names: int, figures: int) -> list[str]:
    rule = ["---:" if names <= place < names + figures else "---" for place in range(len(header))]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in (header, rule, *rows)]


def shortened(text: str) -> str:
    return text if len(text) <= SHORT else f"{text[: SHORT - 1].rstrip()}…"
