"""A table for the terminal, as Markdown and as CSV."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_lowercase

from pointclip.errors import escaped
from pointclip.runs.output import write_csv
from pointclip.tables.definition import Table
from pointclip.tables.identity import WITHOUT_EFFECT
from pointclip.tables.paired import Difference
from pointclip.tables.verdicts import NOTHING, Result, signed
from pointclip.utils.files import atomic_path

Layout = tuple[list[str], list[list[str]], int, int]  # header, rows, number of name columns, number of figure columns

TUNED = "†"
TUNED_NOTE = f"{TUNED} Labels of a test split chose sentences, view weights or a trained head: not a zero-shot figure."


def terminal(table: Table, results: Sequence[Result]) -> str:
    """The table as aligned text, with its title and notes."""
    marks = footnotes(results)
    texts = [aligned(*layout) for layout in reversed(layouts(table, results, marks))]
    return "\n".join([table.title, "=" * len(table.title), "\n\n".join(texts), "", *below(table, results, marks)])


def markdown(table: Table, results: Sequence[Result]) -> str:
    """The table as Markdown, with its title and notes."""
    marks = footnotes(results)
    text = [f"# {table.title}", ""]
    for layout in layouts(table, results, marks):
        text += [*markdown_rows(*layout), ""]
    return "\n".join([*text, *(f"{line}\n" for line in below(table, results, marks))])


def write_table(table: Table, results: Sequence[Result], folder: Path, name: str) -> None:
    """Write NAME.md and NAME.csv."""
    with atomic_path(folder / f"{name}.md") as path:
        path.write_text(markdown(table, results), encoding="utf-8")
    header = ["row", "column", "metric", "published", "ours", "difference", "verdict"]
    header += ["standard_error", "less_row_above", "less_row_above_error", "less_row_above_p"]
    header += ["shapes", "tuned_on_test_labels", "notes", "run"]
    rows: list[list[object]] = []
    for result in results:
        cell = result.cell
        values = [cell.published, result.ours, result.difference]
        figures = ["" if value is None else f"{value:.2f}" for value in values]
        notes = " ".join([cell.note, *result.notes]).strip()
        run = Path(result.folder).relative_to(folder) if result.folder else ""
        rows.append([cell.row, cell.column, cell.metric, *figures, result.verdict(table.tolerance)])
        paired = [getattr(result.above, name, None) for name in ("mean", "error", "p")]
        rows[-1] += ["" if value is None else f"{value:.4g}" for value in (result.error, *paired)]
        rows[-1] += ["" if result.shapes is None else result.shapes, int(result.tuned), notes, run]
    write_csv(folder / f"{name}.csv", header, rows)


def footnotes(results: Sequence[Result]) -> dict[str, str]:
    """The cells' notes and their footnote letters, in order of appearance; "" for notes that all cells share."""
    by_cell = [(result.cell.note, result.reason, *result.notes) for result in results]
    notes = dict.fromkeys(note for cell_notes in by_cell for note in cell_notes if note)
    general = dict.fromkeys((note for note in notes if all(note in cell_notes for cell_notes in by_cell)), "")
    letters = (a + b for a in ("", *ascii_lowercase) for b in ascii_lowercase)
    return general | {note: next(letters) for note in notes if note not in general}


def layouts(table: Table, results: Sequence[Result], marks: Mapping[str, str]) -> list[Layout]:
    """The layouts in which the table is shown: a grid if it has one, and a list if that adds something to the grid."""
    grids = [grid(table, results, marks)] if table.grid else []
    shown = grids if grids and not has_published(table) else [*grids, lines(table, results, marks)]
    return [*shown, differences(table, results)] if any(result.above for result in results) else shown


def lines(table: Table, results: Sequence[Result], marks: Mapping[str, str]) -> Layout:
    """One line per cell: published and our figure, difference and verdict, or only our figure if none was published."""
    names = count_name_columns(table)
    header, rows = [*table.heads[:names], "published", "ours", "difference", "verdict"], []
    for result in results:
        cell = result.cell
        verdict = result.verdict(table.tolerance) if result.ours is not None else no_figure(result, marks)
        our_figure = NOTHING if result.ours is None else ours(result, marks)
        figures = [marked(cell.published, [cell.note], marks), our_figure, signed(result.difference)]
        rows.append([*[cell.row, cell.column][:names], *figures, verdict])
    if has_published(table):
        return header, rows, names, 3
    ours_only = [[*row[:names], ours(result, marks)] for row, result in zip(rows, results, strict=True)]
    return [*table.heads[:names], "ours"], ours_only, names, 1


def grid(table: Table, results: Sequence[Result], marks: Mapping[str, str]) -> Layout:
    """Our figures only, rows by columns."""
    names = list(dict.fromkeys(result.cell.column for result in results))
    cells = {(result.cell.row, result.cell.column): ours(result, marks) for result in results}
    rows = dict.fromkeys(result.cell.row for result in results)
    header = [f"ours: {table.heads[0]}", *names]
    return header, [[row, *(cells[row, name] for name in names)] for row in rows], 1, len(names)


def differences(table: Table, results: Sequence[Result]) -> Layout:
    """Rows by columns: the paired differences from the row above, with their standard errors and p."""
    names = list(dict.fromkeys(result.cell.column for result in results))
    cells = {(result.cell.row, result.cell.column): in_words(result.above) for result in results}
    rows = list(dict.fromkeys(result.cell.row for result in results))[1:]
    header = [f"less the row above: {table.heads[0]}", *(name or "ours" for name in names)]
    return header, [[row, *(cells[row, name] for name in names)] for row in rows], 1, len(names)


def in_words(difference: Difference | None) -> str:
    """A paired difference, such as "+33.33 ± 8.50 (p 0.001)"."""
    if difference is None:
        return NOTHING
    return f"{signed(difference.mean)} ± {difference.error:.2f} (p {difference.p:.2g})"


def below(table: Table, results: Sequence[Result], marks: Mapping[str, str]) -> list[str]:
    """The notes below a table: footnotes, metric, tolerance, config."""
    notes = [TUNED_NOTE] if any(result.tuned for result in results) else []
    general = {result.reason: f"{result.missing.capitalize()}: {result.reason}" for result in results}
    notes += [f"[{letter}] {note}" if letter else general.get(note, note) for note, letter in marks.items()]
    metrics = ", ".join(dict.fromkeys(cell.metric.split("/")[0] for cell in table.cells))
    difference = "; difference: ours minus published, in percentage points" if has_published(table) else ""
    notes.append(f"Figures: {metrics} in percent{difference}.")
    if any(result.error is not None for result in results):
        notes.append(
            "±: standard error over the shapes. Differences from the row above are paired: p is of no difference."
        )
    if has_published(table):
        notes.append(f"“agrees”: within {table.tolerance:g} points. {table.reason}".strip())
    if table.about:
        notes.append(table.about)
    if table.config:
        notes.append(f"Config: {table.config}.")
    hidden = ("DATASET.ROOT", *WITHOUT_EFFECT)
    pairs = [pair for pair in zip(table.extra[::2], table.extra[1::2], strict=True) if pair[0] not in hidden]
    if pairs:
        notes.append(f"Settings in addition to the config: {', '.join(map(' '.join, pairs))}.")
    if any(result.folder for result in results):
        notes.append("The CSV names each figure's run folder.")
    return notes


def has_published(table: Table) -> bool:
    return any(cell.published is not None for cell in table.cells)


def ours(result: Result, marks: Mapping[str, str]) -> str:
    """Our figure with its footnote marks, or "not run [a]"."""
    if result.ours is None:
        return no_figure(result, marks)
    error = "" if result.error is None else f" ± {result.error:.2f}"
    return marked(result.ours, result.notes, marks, error + (TUNED if result.tuned else ""))


def no_figure(result: Result, marks: Mapping[str, str]) -> str:
    return with_letters(result.missing, [result.reason], marks)


def marked(value: float | None, notes: Sequence[str], marks: Mapping[str, str], sign: str = "") -> str:
    """A figure with the letters of its notes: "64.26 [a,b]", "64.26† [a]"."""
    if value is None:
        return NOTHING
    return with_letters(f"{value:.2f}{sign}", notes, marks)


def with_letters(text: str, notes: Sequence[str], marks: Mapping[str, str]) -> str:
    letters = sorted({marks[note] for note in notes if note} - {""}, key=lambda mark: (len(mark), mark))
    return f"{text} [{','.join(letters)}]" if letters else text


def count_name_columns(table: Table) -> int:
    """The number of name columns before the figures."""
    return 2 if any(cell.column for cell in table.cells) else 1


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], names: int, figures: int) -> str:
    """Aligned text for the terminal: figure columns (after the first `names` columns) to the right, others left."""
    header, *rows = [list(map(escaped, row)) for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    text = []
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if names <= index < names + figures else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
    return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def markdown_rows(header: Sequence[str], rows: Sequence[Sequence[str]], names: int, figures: int) -> list[str]:
    rule = ["---:" if names <= index < names + figures else "---" for index in range(len(header))]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in (header, rule, *rows)]
