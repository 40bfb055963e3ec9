"""A table's definition: a YAML file with rows and columns, which become cells and the runs behind them.

Fields of a table: title, about, metric, tolerance {value, reason}, published_note, config, settings, for, heads (of the
rows' and the columns' names), grid (whether to show our figures as rows by columns too, or so alone where nothing was
published), columns, rows. Fields of a row or column:

    name       what stands in the table; no two have the same
    config     name of a config of the task's, composed or not, or a path; {words} in it are filled from `with`
    with       {word: text} for config and settings
    settings   {KEY: value} of the runs; a PROMPTS.FILE that is no bare name is taken from the definition's folder
    metric     what of metrics.json is shown, such as accuracy or category_miou/chair
    published  a number in percent, or {column's name: number}
    note       what a reader must know of the published figure; or {column's name: text}
    search     {what: "prompts,weights", split: train, in: a column}; the row's other columns use what was found there
    kind       one of the command kinds of sentences: the run gets those of its config's file alone
    only       names of the configs for which there is such a row
    for        {config's name: fields} that hold with that config alone

Columns have no search, kind or only; `schema` tells what a field may hold. A row's fields win over its column's, and
those over the table's. With a `config` of the table's own, --config replaces it, so that the table can be made of any
data set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pointclip.config_files import find_config, is_name
from pointclip.errors import InputError
from pointclip.tables.schema import check
from pointclip.utils.files import expanded, read_yaml


@dataclass(frozen=True)
class Job:
    """One run of a task; cells of equal jobs share the run."""

    config: Path
    settings: tuple[tuple[str, str], ...] = ()  # KEY, VALUE
    search: tuple[str, str] | None = None  # what is sought, on which split
    searched: "Job | None" = None  # the run whose searched.yaml this one takes
    kind: str = ""  # of command; only its sentences


@dataclass(frozen=True)
class Cell:
    """One figure of a table."""

    row: str
    column: str  # "" where the table has but one
    job: Job
    metric: str
    published: float | None = None  # percent
    note: str = ""  # on the published figure


@dataclass(frozen=True)
class Table:
    """What a definition says, for one config."""

    name: str
    title: str
    metric: str
    cells: tuple[Cell, ...]  # row by row
    tolerance: float  # percentage points
    reason: str  # for the tolerance
    about: str = ""
    heads: tuple[str, ...] = ("row", "column")
    grid: bool = False
    config: str = ""  # the one that all cells build on, "" where they name theirs
    extra: tuple[str, ...] = ()  # KEY VALUE words over the definition's


def read_table(path: Path, configs: Path, config: str = "", extra: Sequence[str] = ()) -> Table:
    """Read a definition.

    Args:
        path: the definition.
        configs: the folder in which names of configs are looked up.
        config: name or path of the config to use instead of the table's own.
        extra: KEY VALUE words; they win over the table's settings, not over what makes up its rows and columns.

    Raises:
        InputError: for an unreadable file, unknown, missing or wrong fields, and a `config` where the rows name theirs.
    """
    top = read_yaml(path, "the table", "see the tables/ folder")
    check(path.name, top)
    if config and "config" not in top:
        raise InputError(f"The table {path.stem} is of data sets of its own; --config {config} is for other tables.")
    named = config or top.get("config", "")
    stem = find_config(config_path(named, configs)).name if named else ""
    top = _specialise(top, stem)
    if config:
        top["config"] = config
    if len(extra) % 2:
        raise InputError(f"{extra[-1]!r} stands alone; give its value too.")
    rows, columns = _entries(path, top, stem)
    maker = _CellMaker(path, configs, top, dict(zip(extra[::2], extra[1::2], strict=True)))
    cells = [maker.cell(row, column, columns) for row in rows for column in columns]
    tolerance = top.get("tolerance") or {}
    if "value" not in tolerance and any(cell.published is not None for cell in cells):
        raise InputError(f"{path.name} has published figures but no tolerance; give {{value, reason}}.")
    return Table(
        path.stem,
        top["title"],
        top["metric"],
        tuple(cells),
        _percent(tolerance.get("value", 0), path),
        tolerance.get("reason", ""),
        " ".join(top.get("about", "").split()),
        tuple(top.get("heads", ("row", "column"))),
        bool(top.get("grid")),
        stem,
        tuple(extra),
    )


def _entries(path: Path, top: dict, config: str) -> tuple[list[dict], list[dict]]:
    """The rows and columns that there are for a config, each with what it says for it."""
    rows = [_specialise(row, config) for row in top["rows"]]
    rows = [row for row in rows if config in row.get("only", [config])]
    columns = [_specialise(column, config) for column in top.get("columns") or [{"name": ""}]]
    if not rows:
        alone = f" for the config {config or 'of none'!r}; see `only` of its rows" if top["rows"] else ""
        raise InputError(f"{path.name} has no rows{alone}.")
    for entries in (rows, columns):
        if len({entry["name"] for entry in entries}) < len(entries):
            raise InputError(f"{path.name} has rows or columns of the same name; give each its own.")
    return rows, columns


def _percent(value: float, path: Path) -> float:
    if not abs(value) < 1e6:  # also nan, and whole numbers that no float holds
        raise InputError(f"{path.name} has {value} as a figure or tolerance; a number in percent was expected.")
    return float(value)


class _CellMaker:
    """Makes cells of a table's rows and columns."""

    def __init__(self, path: Path, configs: Path, top: dict, extra: dict[str, str]):
        self.path, self.configs, self.top, self.extra = path, configs, top, extra

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
            raise InputError(f"{self.path.name}: {row['name']!r} names no config; give it one, or the whole table.")
        own = {**column.get("settings", {}), **row.get("settings", {})}
        settings = {**self._filled(self.top.get("settings", {}), words), **self.extra, **self._filled(own, words)}
        path = config_path(_fill(str(config), words), self.configs)
        job = Job(path, tuple(settings.items()), kind=row.get("kind", ""))
        search = row.get("search")
        if not search:
            return job
        home = search.get("in", column["name"])
        if column["name"] == home:
            return Job(job.config, job.settings, (search["what"], search.get("split", "train")), kind=job.kind)
        at = [other for other in columns if other["name"] == home]
        if not at:
            raise InputError(f"{self.path.name}: the search of {row['name']!r} is in {home!r}, which is no column.")
        return Job(job.config, job.settings, searched=self.job(row, at[0], columns), kind=job.kind)

    def _filled(self, settings: Mapping[str, object], words: Mapping[str, str]) -> dict[str, str]:
        filled = {key: _fill(str(value), words) for key, value in settings.items()}
        if not is_name(filled.get("PROMPTS.FILE", "")):
            filled["PROMPTS.FILE"] = str((self.path.parent / expanded(filled["PROMPTS.FILE"])).resolve())
        return filled


def config_path(name: str, configs: Path) -> Path:
    """Where a config is looked up: at `name` where that is a file's, else under that name in the folder `configs`."""
    if name.endswith((".yaml", ".yml")):
        return expanded(name).resolve()
    return configs.resolve() / f"{name}.yaml"


def _specialise(entry: dict, config: str) -> dict:
    """The entry with what it says for this config; settings are merged, other fields replaced."""
    special = entry.get("for", {}).get(config, {})
    merged = {**entry, **special}
    if "settings" in special:
        merged["settings"] = {**entry.get("settings", {}), **special["settings"]}
    return merged


def _fill(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", str(value))
    return text
