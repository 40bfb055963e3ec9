"""A table's definition: a YAML file of rows and columns, from which cells and their runs are made.

Fields of a table: title, about, metric, tolerance {value, reason}, published_note, config, settings, for, heads (the
headings above the rows' and columns' names), grid (whether to show our figures as rows by columns, in addition to the
comparison if anything was published), columns, rows. Fields of a row or column:

    name       as shown in the table; unique
    config     name of one of the task's configs, composed or not, or a path; {words} in it are filled in from `with`
    with       {word: text} for config and settings
    settings   {KEY: value} for the runs; a PROMPTS.FILE that is not a bare name is relative to the definition's folder
    metric     the entry of metrics.json to show, such as accuracy or category_miou/chair
    published  a number in percent, or {column name: number}
    note       a note on the published figure, or {column name: text}
    search     {what: "prompts,weights", split: train, in: a column}; the row's other columns use the result found there
    head       {in: a column}; the row's other columns are scored by the head that a few-shot run trained there
    kind       one of the command kinds: the run uses only the sentences of this kind from its config's file
    only       names of the configs for which the row exists
    for        {config name: fields} that apply with that config only

Columns cannot have search, head, kind or only, and no row has both search and head; `schema` defines the valid values.
A row's fields take precedence over its column's, and those over the table's. If the table itself names a `config`,
--config replaces it, so that the same table can be made for any data set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pointclip.config_files import find_config, is_name
from pointclip.errors import InputError
from pointclip.renamed import RENAMED, RenamedSettings
from pointclip.tables.schema import check
from pointclip.utils.files import expanded, read_yaml


@dataclass(frozen=True)
class Job:
    """One run of a task; cells of equal jobs share the run."""

    config: Path
    settings: tuple[tuple[str, str], ...] = ()  # KEY, VALUE
    search: tuple[str, str] | None = None  # what to search for, and on which split
    searched: "Job | None" = None  # the run whose searched.yaml this one uses
    trained: "Job | None" = None  # the run whose head.safetensors this one scores
    kind: str = ""  # of command, if only sentences of this kind are used


@dataclass(frozen=True)
class Cell:
    """One figure of a table."""

    row: str
    column: str  # "" if the table has only one
    job: Job
    metric: str
    published: float | None = None  # percent
    note: str = ""  # on the published figure


@dataclass(frozen=True)
class Table:
    """A table's definition, resolved for one config."""

    name: str
    title: str
    metric: str
    cells: tuple[Cell, ...]  # row by row
    tolerance: float  # percentage points
    reason: str  # for the tolerance
    about: str = ""
    heads: tuple[str, ...] = ("row", "column")
    grid: bool = False
    config: str = ""  # the table's config, "" if rows or columns name their own
    extra: tuple[str, ...] = ()  # KEY VALUE words that override the definition's settings


def read_table(path: Path, configs: Path, config: str = "", extra: Sequence[str] = ()) -> Table:
    """Read a definition.

    Args:
        path: the definition.
        configs: the folder in which to look up config names.
        config: name or path of the config to use instead of the table's.
        extra: KEY VALUE words; they override the table's settings, but not those of its rows and columns.

    Raises:
        InputError: for an unreadable file, unknown, missing or invalid fields, or a `config` if the rows name theirs.
    """
    top = read_yaml(path, "the table", "see the tables/ folder")
    check(path.name, top)
    if config and "config" not in top:
        raise InputError(f"The table {path.stem} fixes its data sets, so it cannot be made for --config {config}.")
    chosen = config or top.get("config", "")
    stem = find_config(config_path(chosen, configs)).name if chosen else ""
    top = _specialise(top, stem)
    if config:
        top["config"] = config
    if len(extra) % 2:
        raise InputError(f"{extra[-1]!r} has no value; give KEY VALUE pairs.")
    rows, columns = _entries(path, top, stem)
    maker = _CellMaker(path, configs, top, list(zip(extra[::2], extra[1::2], strict=True)))
    cells = [maker.cell(row, column, columns) for row in rows for column in columns]
    maker.renamed.print_note()
    tolerance = top.get("tolerance") or {}
    if "value" not in tolerance and any(cell.published is not None for cell in cells):
        raise InputError(f"{path.name} has published figures but no tolerance; give {{value, reason}}.")
    return Table(
        name=path.stem,
        title=top["title"],
        metric=top["metric"],
        cells=tuple(cells),
        tolerance=_percent(tolerance.get("value", 0), path),
        reason=tolerance.get("reason", ""),
        about=" ".join(top.get("about", "").split()),
        heads=tuple(top.get("heads", ("row", "column"))),
        grid=bool(top.get("grid")),
        config=stem,
        extra=tuple(extra),
    )


def _entries(path: Path, top: dict, config: str) -> tuple[list[dict], list[dict]]:
    """The rows and columns that exist for a config, specialised to it."""
    rows = [_specialise(row, config) for row in top["rows"]]
    rows = [row for row in rows if config in row.get("only", [config])]
    columns = [_specialise(column, config) for column in top.get("columns") or [{"name": ""}]]
    if not rows:
        detail = f" for the config {config!r}; see the field `only` of its rows" if top["rows"] else ""
        raise InputError(f"{path.name} has no rows{detail}.")
    for entries in (rows, columns):
        if len({entry["name"] for entry in entries}) < len(entries):
            raise InputError(f"{path.name} has rows or columns with the same name; names must be unique.")
    return rows, columns


def _percent(value: float, path: Path) -> float:
    if not abs(value) < 1e6:  # also nan, and whole numbers that no float holds
        raise InputError(f"{path.name} has {value} as a figure or tolerance; expected a number in percent.")
    return float(value)


class _CellMaker:
    """Makes cells from a table's rows and columns."""

    def __init__(self, path: Path, configs: Path, top: dict, extra: list[tuple[str, str]]):
        self.path, self.configs, self.top = path, configs, top
        self.renamed = RenamedSettings(RENAMED.values())
        self.extra = dict(self.renamed.in_pairs(extra, "the command line"))

    def cell(self, row: dict, column: dict, columns: Sequence[dict]) -> Cell:
        published = row.get("published", column.get("published"))
        if isinstance(published, Mapping):
            published = published.get(column["name"])
        notes = [row.get("note"), column.get("note"), self.top.get("published_note")]
        notes = [note.get(column["name"]) if isinstance(note, Mapping) else note for note in notes]
        return Cell(
            row["name"],
            column["name"],
            self.job(row, column, columns),
            row.get("metric") or column.get("metric") or self.top["metric"],
            None if published is None else _percent(published, self.path),
            " ".join(note for note in notes if note) if published is not None else "",
        )

    def job(self, row: dict, column: dict, columns: Sequence[dict]) -> Job:
        words = {**column.get("with", {}), **row.get("with", {})}
        config = row.get("config") or column.get("config") or self.top.get("config")
        if not config:
            raise InputError(f"{self.path.name}: {row['name']!r} has no config; give one for the row or the table.")
        cell = {**self._filled(column.get("settings", {}), words), **self._filled(row.get("settings", {}), words)}
        settings = {**self._filled(self.top.get("settings", {}), words), **self.extra, **cell}
        path = config_path(_fill(str(config), words), self.configs)
        job = Job(path, tuple(settings.items()), kind=row.get("kind", ""))
        search, head = row.get("search"), row.get("head")
        if search and head:
            raise InputError(f"{self.path.name}: {row['name']!r} has both search and head; give one of them.")
        home = (search or head or {}).get("in", column["name"])
        if column["name"] == home:
            what = (search["what"], search.get("split", "train")) if search else None
            return Job(job.config, job.settings, what, kind=job.kind)
        homes = [other for other in columns if other["name"] == home]
        if not homes:
            does = "searches" if search else "trains its head"
            raise InputError(f"{self.path.name}: {row['name']!r} {does} in {home!r}, which is not a column.")
        source = self.job(row, homes[0], columns)
        searched, trained = (source, None) if search else (None, source)
        return Job(job.config, job.settings, searched=searched, trained=trained, kind=job.kind)

    def _filled(self, settings: Mapping[str, object], words: Mapping[str, str]) -> dict[str, str]:
        pairs = [(key, _fill(str(value), words)) for key, value in settings.items()]
        filled = dict(self.renamed.in_pairs(pairs, self.path.name))
        if not is_name(filled.get("PROMPTS.FILE", "")):
            filled["PROMPTS.FILE"] = str((self.path.parent / expanded(filled["PROMPTS.FILE"])).resolve())
        return filled


def config_path(name: str, configs: Path) -> Path:
    """The path of a config: `name` itself if it is a file name, else the config of that name in `configs`."""
    if name.endswith((".yaml", ".yml")):
        return expanded(name).resolve()
    return configs.resolve() / f"{name}.yaml"


def _specialise(entry: dict, config: str) -> dict:
    """Apply an entry's `for` fields for this config; settings are merged, other fields replaced."""
    special = entry.get("for", {}).get(config, {})
    merged = {**entry, **special}
    if "settings" in special:
        merged["settings"] = {**entry.get("settings", {}), **special["settings"]}
    return merged


def _fill(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", str(value))
    return text
