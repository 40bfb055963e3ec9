"""The command line of tables: `scripts/table.sh NAME… [--root FOLDER] [--checkpoint FILE]`."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from pointclip.bundled import CHECKOUT
from pointclip.errors import InputError
from pointclip.tables.definition import Job, Table, config_path, read_table
from pointclip.tables.runs import Outcome, Runner, Task
from pointclip.tables.show import terminal, write_table
from pointclip.tables.verdicts import Result, figure, judge
from pointclip.utils.command import ArgumentParser
from pointclip.utils.files import expanded

INCOMPLETE = 1
SHORT = 72  # characters of a reason in a progress line


def make_tables(task: Task, arguments: Sequence[str] | None = None) -> int:
    """Make the tables that the arguments name, print them and write them as Markdown and CSV.

    Returns:
        The exit code: 0, or 1 where no cell has a figure, or with --strict where one has none.

    Raises:
        InputError: for unknown tables, arguments, settings or files that flags name; what keeps single cells from
            running stands in them.
    """
    args, names, extra = parse(task, arguments)
    tables = [read_table(definition(task, name), task.folder / "configs", args.config, extra) for name in names]
    files = [files_of(table).casefold() for table in tables]  # some file systems do not tell A from a
    if twice := [name for name in files if files.count(name) > 1]:
        raise InputError(f"Two of the tables would write the same files, {twice[0]}.md and .csv; make one at a time.")
    cache = args.output / "cache" if args.cache is None else args.cache
    runner = Runner(task, args.output / "runs", str(cache), args.checkpoint, args.again)
    there = [result.ours is not None for table in tables for result in make_table(table, runner, args.output)]
    if not any(there):
        tell("No cell has a figure; what is missing stands beneath each table.")
    return 0 if all(there) or (any(there) and not args.strict) else INCOMPLETE


def make_table(table: Table, runner: Runner, folder: Path) -> list[Result]:
    """Make one table's runs, a line each, and its files after every run; returns its cells' results."""
    jobs = jobs_of(table)
    outcomes: dict[Job, Outcome] = {}
    name = files_of(table)
    tell(f"\n{table.title}")
    for number, (job, label) in enumerate(jobs.items(), start=1):
        tell(f"{number}/{len(jobs)} {label} … ", end="")
        try:
            outcome = outcomes[job] = runner.run(job)
        except KeyboardInterrupt:
            tell("stopped; the same command goes on here")
            raise
        except Exception:  # a fault of the program: what is written so far stays
            tell("failed")
            raise
        tell(in_short(table, job, outcome))
        results = [judge(cell, outcomes.get(cell.job)) for cell in table.cells]
        write_table(table, results, folder, name)
    print(f"\n{terminal(table, results)}\nFiles: {folder / name}.md and .csv.")
    return results


def files_of(table: Table) -> str:
    """The name of a table's files, without .md and .csv."""
    return f"{table.name}_{table.config}" if table.config else table.name


def jobs_of(table: Table) -> dict[Job, str]:
    """The table's runs in the order in which they are made, with what a progress line calls them."""
    cells: dict[Job, list] = {}
    for cell in table.cells:
        if cell.job.searched:  # a search comes before what rests on it
            cells.setdefault(cell.job.searched, [])
        cells.setdefault(cell.job, []).append(cell)
    return {job: _label(own) for job, own in cells.items()}


def _label(cells: list) -> str:
    """What a run's cells have in common: "ViT-B/16 × ModelNet40", or the column where it fills more than one row."""
    rows, columns = ({getattr(cell, name): None for cell in cells} for name in ("row", "column"))
    shared = [next(iter(names)) for names in (rows, columns) if len(names) == 1]
    return " × ".join(name for name in shared if name) or " + ".join(rows) or "the search"


def in_short(table: Table, job: Job, outcome: Outcome) -> str:
    """The end of a progress line: the run's figure, and the time it took."""
    if outcome.reason:
        text = f"not run: {outcome.reason}"
        return text if len(text) <= SHORT else f"{text[: SHORT - 1].rstrip()}…"
    metrics = [cell.metric for cell in table.cells if cell.job == job]
    value = figure(outcome.metrics, metrics[0]) if len(set(metrics)) == 1 else None
    took = "kept from before" if outcome.kept else f"{outcome.seconds:.1f} s"
    return f"{value:.2f} ({took})" if value is not None else took


def parse(task: Task, arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str], list[str]]:
    """The flags, the tables' names, and the KEY VALUE words."""
    arguments = sys.argv[1:] if arguments is None else arguments
    known = sorted(path.stem for path in (task.folder / "tables").glob("*.yaml"))
    parser = _parser(task, known, arguments[0] if arguments and arguments[0] in known else "")
    args = parser.parse_intermixed_args(arguments)
    names = list(takewhile(lambda word: word in known or word.endswith((".yaml", ".yml")), args.words))
    extra = args.words[len(names) :]
    if not names or (extra and not re.fullmatch(r"[A-Z_.]+", extra[0])):
        said = f"There is no table {extra[0]!r}" if extra else "No table came"
        raise InputError(f"{said}; {', '.join(known)} or a definition's file (.yaml) was expected.")
    if "OUTPUT" in extra[::2]:
        raise InputError("OUTPUT is set by the tables for each of their runs; give the folder as --output.")
    args.output = expanded(args.output)
    args.cache, args.checkpoint = (path and str(expanded(path)) for path in (args.cache, args.checkpoint))
    if args.checkpoint and not os.path.exists(args.checkpoint):
        raise InputError(f"--checkpoint is {args.checkpoint}, which is not there; give a file of weights or a folder.")
    for key, value in (("DATASET.ROOT", args.root), ("DEVICE", args.device)):
        if value and key not in extra[::2]:
            extra = [key, value, *extra]
    config = config_path(args.config or "demo", task.folder / "configs")
    if args.config or extra:
        task.load(config, extra)  # misspelt settings end it before the work
    return args, names, extra


def _parser(task: Task, known: Sequence[str], table: str) -> ArgumentParser:
    """The flags; where a `table` comes first, as from a table's script, the usage does not ask for one."""
    parser = ArgumentParser(
        prog=f"{'scripts/table.sh' if CHECKOUT else 'pointclip table'} {table or 'NAME'}",
        description="Make tables: what was published beside what this code gives. A call that was stopped goes on "
        "where it stopped, unless code, settings or files changed meanwhile; what cannot run is told beneath a table. "
        "KEY VALUE pairs win over flags, and flags over environment variables.",
        epilog=f"Tables: {', '.join(known)}; or a definition's file (.yaml).",
    )
    what, words = ("settings", "KEY VALUE…") if table else ("tables, then settings", "TABLE… KEY VALUE…")
    parser.add_argument("words", nargs="*", metavar=words, help=f"{what} of all runs")
    parser.add_argument("--root", default=os.environ.get("ROOT", ""), help="the folder of the data sets (or ROOT=…)")
    parser.add_argument("--checkpoint", default=os.environ.get("CHECKPOINT", ""), metavar="FILE",
                        help="CLIP's weights: a file, or a folder with RN50.pt, ViT-B-16.pt … (or CHECKPOINT=…); "
                        "by default they come from the hub")  # fmt: skip
    parser.add_argument("--config", default="", metavar="NAME",
                        help="name or file of the config for tables of any data set (default: demo)")  # fmt: skip
    output = Path("output/tables") / task.folder.name
    parser.add_argument("--output", type=Path, default=output, metavar="FOLDER",
                        help=f"for tables and runs (default: {output})")  # fmt: skip
    parser.add_argument("--cache", default=None, metavar="FOLDER",
                        help="for features that runs share (default: cache in --output; '' keeps none); nothing is "
                        "ever removed. A shape takes 2 MB in part segmentation: ShapeNetPart's test split 6 GB for "
                        "each encoder and projection, as much again in each turned pose; its training split "
                        "25 GB")  # fmt: skip
    parser.add_argument("--device", default="", help="auto, cpu, cuda, cuda:1 (as DEVICE)")
    parser.add_argument("--again", action="store_true", help="make runs anew that were made before")
    parser.add_argument(
        "--strict",
        action="store_true",
        help=f"end with exit code {INCOMPLETE} if a cell has no figure, not only if none has",
    )
    return parser


def definition(task: Task, name: str) -> Path:
    """The file of a table's definition."""
    return expanded(name) if name.endswith((".yaml", ".yml")) else task.folder / "tables" / f"{name}.yaml"


def tell(text: str, end: str = "\n") -> None:
    """Progress goes to the standard error, so that the standard output holds the tables alone."""
    print(text, end=end, file=sys.stderr, flush=True)
