"""The command line of tables: `scripts/table.sh NAME… [--root FOLDER] [--checkpoint FILE]`."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from pointclip.errors import InputError
from pointclip.tables.definition import Job, Table, config_path, read_table
from pointclip.tables.paired import with_differences
from pointclip.tables.runs import Outcome, Runner, Task
from pointclip.tables.show import terminal, write_table
from pointclip.tables.verdicts import Result, figure, judge
from pointclip.utils.command import ArgumentParser, typed
from pointclip.utils.files import expanded

INCOMPLETE = 1
_KEY = re.compile(r"[A-Z_.]+=")  # KEY=VALUE, which is the same as KEY VALUE
MAX_REASON = 72  # characters of a reason in a progress line


def make_tables(task: Task, arguments: Sequence[str] | None = None) -> int:
    """Make the tables that the arguments name, print them and write them as Markdown and CSV.

    Returns:
        The exit code: 0, or 1 if no cell has a figure, or, with --strict, if any cell lacks one.

    Raises:
        InputError: for unknown tables, arguments, settings or files named by flags. Failures of single cells are
            reported in the table instead.
    """
    args, names, extra = parse(task, arguments)
    tables = [read_table(definition(task, name), task.folder / "configs", args.config, extra) for name in names]
    files = [file_stem(table).casefold() for table in tables]  # some file systems are case-insensitive
    if duplicates := [name for name in files if files.count(name) > 1]:
        raise InputError(
            f"Two of the tables would write the same files, {duplicates[0]}.md and .csv; make one at a time."
        )
    cache = args.output / "cache" if args.cache is None else args.cache
    runner = Runner(task, args.output / "runs", str(cache), args.checkpoint, args.again)
    filled = [result.ours is not None for table in tables for result in make_table(table, runner, args.output)]
    if not any(filled):
        log("No cell has a figure; the reasons are given below each table.")
    return 0 if all(filled) or (any(filled) and not args.strict) else INCOMPLETE


def make_table(table: Table, runner: Runner, folder: Path) -> list[Result]:
    """Run everything that a table needs, updating its files after every run; returns its cells' results."""
    jobs = jobs_of(table)
    outcomes: dict[Job, Outcome] = {}
    name = file_stem(table)
    log(f"\n{table.title}")
    for number, (job, label) in enumerate(jobs.items(), start=1):
        log(f"{number}/{len(jobs)} {label} … ", end="")
        try:
            outcome = outcomes[job] = runner.run(job)
        except KeyboardInterrupt:
            log("stopped; run the same command again to continue from here")
            raise
        except Exception:  # a bug: keep what is written so far
            log("failed")
            raise
        log(summarise(table, job, outcome))
        results = with_differences([judge(cell, outcomes.get(cell.job)) for cell in table.cells])
        write_table(table, results, folder, name)
    print(f"\n{terminal(table, results)}\nFiles: {folder / name}.md and .csv.")
    return results


def file_stem(table: Table) -> str:
    """The name of a table's files without extension."""
    return f"{table.name}_{table.config}" if table.config else table.name


def jobs_of(table: Table) -> dict[Job, str]:
    """The table's jobs in the order in which they are run, with their labels in progress lines."""
    cells: dict[Job, list] = {}
    for cell in table.cells:
        if source := cell.job.searched or cell.job.trained:  # it comes before the runs that use its result
            cells.setdefault(source, [])
        cells.setdefault(cell.job, []).append(cell)
    return {job: _label(job_cells) for job, job_cells in cells.items()}


def _label(cells: list) -> str:
    """What a job's cells have in common: "ViT-B/16 × ModelNet40", or only the column if it fills several rows."""
    rows, columns = ({getattr(cell, name): None for cell in cells} for name in ("row", "column"))
    shared = [next(iter(names)) for names in (rows, columns) if len(names) == 1]
    return " × ".join(name for name in shared if name) or " + ".join(rows) or "the search"


def summarise(table: Table, job: Job, outcome: Outcome) -> str:
    """The end of a progress line: the run's figure and duration."""
    if outcome.reason:
        text = f"not run: {outcome.reason}"
        return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 1].rstrip()}…"
    metrics = [cell.metric for cell in table.cells if cell.job == job]
    value = figure(outcome.metrics, metrics[0]) if len(set(metrics)) == 1 else None
    duration = "from an earlier run" if outcome.reused else f"{outcome.seconds:.1f} s"
    return f"{value:.2f} ({duration})" if value is not None else duration


def parse(task: Task, arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str], list[str]]:
    """The flags, the tables' names, and the KEY VALUE words."""
    arguments = sys.argv[1:] if arguments is None else arguments
    known = sorted(path.stem for path in (task.folder / "tables").glob("*.yaml"))
    parser = _parser(task, known, arguments[0] if arguments and arguments[0] in known else "")
    args = parser.parse_intermixed_args(arguments)
    args.words = [part for word in args.words for part in (word.split("=", 1) if _KEY.match(word) else [word])]
    names = list(takewhile(lambda word: word in known or word.endswith((".yaml", ".yml")), args.words))
    extra = args.words[len(names) :]
    if not names or (extra and not re.fullmatch(r"[A-Z_.]+", extra[0])):
        problem = f"There is no table {extra[0]!r}" if extra else "No table was given"
        raise InputError(f"{problem}; expected {', '.join(known)} or a definition file (.yaml).")
    if "OUTPUT" in extra[::2]:
        raise InputError("OUTPUT is set for each run of a table; give the folder as --output instead.")
    args.output = expanded(args.output)
    args.cache, args.checkpoint = (path and str(expanded(path)) for path in (args.cache, args.checkpoint))
    if args.checkpoint and not os.path.exists(args.checkpoint):
        raise InputError(f"--checkpoint {args.checkpoint} does not exist; give a weights file or a folder of them.")
    for key, value in (("DATASET.ROOT", args.root), ("DEVICE", args.device)):
        if value and key not in extra[::2]:
            extra = [key, value, *extra]
    config = config_path(args.config or "demo", task.folder / "configs")
    if args.config or extra:
        task.load(config, extra)  # so that misspelt settings fail at once
    return args, names, extra


def _parser(task: Task, known: Sequence[str], table: str) -> ArgumentParser:
    """The argument parser; `table` is shown in the usage if it is known already."""
    parser = ArgumentParser(
        prog=f"{typed('scripts/table.sh')} {table or 'NAME'}",
        description="Make tables that compare published results with those of this code. If interrupted, the same "
        "command continues where it stopped, unless code, settings or files have changed; runs that fail are explained "
        "below the table. KEY VALUE pairs take precedence over flags, and flags over environment variables.",
        epilog=f"Tables: {', '.join(known)}; or a definition file (.yaml).",
    )
    words, metavar = ("settings", "KEY VALUE…") if table else ("tables, then settings", "TABLE… KEY VALUE…")
    parser.add_argument("words", nargs="*", metavar=metavar, help=f"{words} for all runs")
    parser.add_argument("--root", default=os.environ.get("ROOT", ""), help="folder of the data sets (or ROOT=…)")
    parser.add_argument("--checkpoint", default=os.environ.get("CHECKPOINT", ""), metavar="FILE",
                        help="CLIP's weights: a file, or a folder with RN50.pt, ViT-B-16.pt … (or CHECKPOINT=…); "
                        "downloaded by default")  # fmt: skip
    parser.add_argument("--config", default="", metavar="NAME",
                        help="name or file of the config, for tables of any data set (default: demo)")  # fmt: skip
    output = Path("output/tables") / task.folder.name
    parser.add_argument("--output", type=Path, default=output, metavar="FOLDER",
                        help=f"folder for tables and runs (default: {output})")  # fmt: skip
    parser.add_argument("--cache", default=None, metavar="FOLDER",
                        help="folder for features shared by runs (default: cache in --output; '' for none); it is "
                        "never cleaned up. Part segmentation takes 2 MB per shape: 6 GB for ShapeNetPart's test split "
                        "for each encoder, projection and pose, 25 GB for its training split")  # fmt: skip
    parser.add_argument("--device", default="", help="auto, cpu, cuda, cuda:1 (like DEVICE)")
    parser.add_argument("--again", action="store_true", help="repeat runs even if their results exist")
    parser.add_argument("--strict", action="store_true", help=f"exit with code {INCOMPLETE} if any cell has no figure")
    return parser


def definition(task: Task, name: str) -> Path:
    """The path of a table's definition."""
    return expanded(name) if name.endswith((".yaml", ".yml")) else task.folder / "tables" / f"{name}.yaml"


def log(text: str, end: str = "\n") -> None:
    """Print progress to standard error; standard output is for the tables only."""
    print(text, end=end, file=sys.stderr, flush=True)
