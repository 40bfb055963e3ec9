"""The command line of a task's tables: `python reproduce.py TABLE… [--root FOLDER] [--checkpoint FILE]`."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from pointclip.cli import ArgumentParser
from pointclip.config import load_config
from pointclip.errors import InputError
from pointclip.tables.definition import Job, Table, read_table
from pointclip.tables.runs import Outcome, Runner, Task
from pointclip.tables.show import shortened, terminal, write_table
from pointclip.tables.verdicts import figure, judge

INCOMPLETE = 1


def make_tables(task: Task, arguments: Sequence[str] | None = None) -> int:
    """Make the tables that the arguments name, print them and write them as Markdown and CSV.

    Returns:
        The exit code: 0, or 1 where a cell could not run and --strict was asked for.

    Raises:
        InputError: for unknown tables, arguments or settings; what keeps single cells from running stands in them.
    """
    args, names, extra = parse(task, arguments)
    tables = [read_table(definition(task, name), task.folder / "configs", args.config, extra) for name in names]
    cache = args.output / "cache" if args.cache is None else args.cache
    runner = Runner(task, args.output / "runs", str(cache), args.checkpoint, args.again)
    complete = True
    for table in tables:
        complete &= make_table(table, runner, args.output)
    return 0 if complete or not args.strict else INCOMPLETE


def make_table(table: Table, runner: Runner, folder: Path) -> bool:
    """Make one table's runs, a line each, and its files after every run; returns whether all cells have figures."""
    jobs = jobs_of(table)
    outcomes: dict[Job, Outcome] = {}
    name = f"{table.name}_{table.config}" if table.config else table.name
    tell(f"\n{table.title}")
    for number, (job, label) in enumerate(jobs.items(), start=1):
        tell(f"{number}/{len(jobs)} {label} … ", end="")
        try:
            outcome = outcomes[job] = runner.run(job)
        except KeyboardInterrupt:
            tell("stopped; the same command goes on here")
            raise
        tell(in_short(table, job, outcome))
        results = [judge(cell, outcomes.get(cell.job)) for cell in table.cells]
        write_table(table, results, folder, name)
    print(f"\n{terminal(table, results)}\nFiles: {folder / name}.md and .csv; each run's below {runner.folder}.")
    return all(result.ours is not None for result in results)


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
        return shortened(f"not run: {outcome.reason}")
    metrics = [cell.metric for cell in table.cells if cell.job == job]
    value = figure(outcome.metrics, metrics[0]) if len(set(metrics)) == 1 else None
    took = "kept from before" if outcome.kept else f"{outcome.seconds:.1f} s"
    return f"{value:.2f} ({took})" if value is not None else took


def parse(task: Task, arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str], list[str]]:
    """The flags, the tables' names, and the KEY VALUE words."""
    known = sorted(path.stem for path in (task.folder / "tables").glob("*.yaml"))
    parser = ArgumentParser(
        description="Make tables: what was published beside what this code gives. A call that was stopped goes on "
        "where it stopped, unless code, settings or files changed meanwhile; what cannot run is named in its cell. "
        "KEY VALUE pairs win over flags, and flags over environment variables.",
        epilog=f"Tables: {', '.join(known)}; or a definition's file (.yaml).",
    )
    parser.add_argument("words", nargs="*", metavar="TABLE… KEY VALUE…", help="tables, then settings of all runs")
    parser.add_argument("--root", default=os.environ.get("ROOT", ""), help="the folder of the data sets (or ROOT=…)")
    parser.add_argument("--checkpoint", default=os.environ.get("CHECKPOINT", ""), metavar="FILE",
                        help="CLIP's weights: a file, or a folder with RN50.pt, ViT-B-16.pt … (or CHECKPOINT=…); "
                        "by default they come from the hub")  # fmt: skip
    parser.add_argument("--config", default="", metavar="NAME",
                        help="name or file of the config for tables of any data set (default: demo)")  # fmt: skip
    parser.add_argument("--output", type=Path, default=Path("output/tables"), metavar="FOLDER",
                        help="for tables and runs (default: output/tables)")  # fmt: skip
    parser.add_argument("--cache", default=None, metavar="FOLDER",
                        help="for features that runs share (default: cache in --output; '' keeps none); nothing is "
                        "ever removed. A shape takes 2 MB in part segmentation: ShapeNetPart's test split 6 GB for "
                        "each encoder and projection, as much again in each turned pose; its training split "
                        "25 GB")  # fmt: skip
    parser.add_argument("--device", default="", help="auto, cpu, cuda, cuda:1 (as DEVICE)")
    parser.add_argument("--again", action="store_true", help="make runs anew that were made before")
    parser.add_argument(
        "--strict", action="store_true", help=f"end with exit code {INCOMPLETE} if a cell has no figure"
    )
    args = parser.parse_intermixed_args(arguments)
    names = list(takewhile(lambda word: word in known or word.endswith((".yaml", ".yml")), args.words))
    extra = args.words[len(names) :]
    if not names or (extra and not re.fullmatch(r"[A-Z_.]+", extra[0])):
        said = f"There is no table {extra[0]!r}" if extra else "No table came"
        raise InputError(f"{said}; {', '.join(known)} or a definition's file (.yaml) was expected.")
    for key, value in (("DATASET.ROOT", args.root), ("DEVICE", args.device)):
        if value and key not in extra[::2]:
            extra = [key, value, *extra]
    if "OUTPUT" in extra[::2]:
        raise InputError("OUTPUT is set by the tables for each of their runs; give the folder as --output.")
    load_config(task.defaults(), None, extra)  # a misspelt setting is told before the work
    return args, names, extra


def definition(task: Task, name: str) -> Path:
    """The file of a table's definition."""
    return Path(name) if name.endswith((".yaml", ".yml")) else task.folder / "tables" / f"{name}.yaml"


def tell(text: str, end: str = "\n") -> None:
    """Progress goes to the standard error, so that the standard output holds the tables alone."""
    print(text, end=end, file=sys.stderr, flush=True)
