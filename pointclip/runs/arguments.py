"""The command line of a task: its arguments and settings, checked before anything slow is imported."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yacs.config import CfgNode

from pointclip.config import check_search, with_changes
from pointclip.config_files import Config, is_name
from pointclip.errors import InputError
from pointclip.renamed import current_name
from pointclip.runs.atomic_folder import OWN_SHAPES, check_ours, staging_place
from pointclip.runs.command_line import command_line
from pointclip.runs.words import check_files, check_lists, files_and_settings
from pointclip.utils.caches import feature_cache
from pointclip.utils.command import ArgumentParser, names_from
from pointclip.utils.files import expanded
from pointclip.utils.hub import check_encoder

SPLITS = ("auto", "nodes", "parts")  # see `pointclip.datasets.shape_files.pieces.Split`
UPS = ("auto", "x", "y", "z", "-x", "-y", "-z")  # see `pointclip.datasets.axes`
EXIT_CODES = """exit codes: 0 all is well, 2 wrong use, 3 some of your files could not be read, 4 none could,
130 interrupted"""
Load = Callable[..., tuple[Config, CfgNode]]  # (config, overrides, encoder) -> config and settings; a task's `load`
Examples = Sequence[tuple[str, str]]  # words of a command line, and what they do


@dataclass(frozen=True)
class TaskArguments:
    """What differs between the command lines of tasks.

    Attributes:
        verb: what a task does: "classify".
        base: the settings' defaults.
        load: a task's `load`.
        configs: the folder of the task's configs.
        own_config: the name of the config for files of one's own.
        examples: of the command line.
        flags: {argument: setting that it sets}.
        pairs: KEY VALUE pairs that follow from the arguments otherwise.
        files: names of settings that may be files.
        no_search: why the task has no --search, and what to do; "" if it has.
        check: raises an InputError for arguments and settings that are wrong, alone or together.
    """

    verb: str
    base: CfgNode
    load: Load
    configs: Path
    own_config: str
    examples: Examples
    flags: Mapping[str, str] = field(default_factory=dict)
    pairs: Callable[[argparse.Namespace], Sequence[str]] = lambda args: ()
    files: Sequence[str] = ("SEARCHED",)
    no_search: str = ""
    check: Callable[[argparse.Namespace, CfgNode], object] = lambda args, settings: None


def argument_parser(
    description: str,
    examples: Examples,
    searches: bool = True,
    splits: bool = True,
    up: str = "auto guesses it for each file (default)",
) -> argparse.ArgumentParser:
    """The arguments common to all tasks.

    Args:
        description: what the task does.
        examples: of its command line.
        searches, splits: whether the task has --search and --split.
        up: what --up auto does.
    """
    parser = ArgumentParser(description=description)
    parser.epilog = "\n".join(["examples:", *example_lines(parser, examples), "", EXIT_CODES])
    what = "a settings file, or its name (`pointclip configs` lists them); with files of your own it can be left out"
    parser.add_argument("--config", default="", metavar="FILE", help=what)
    what = "an encoder preset instead of the config's encoder, such as vit_b16 (`pointclip encoders` lists them)"
    parser.add_argument("--encoder", default="", metavar="NAME", help=what)
    what = "your shapes, instead of a data set: files, folders, patterns such as 'scans/*.ply', and @LIST, a file of "
    what += "them; files may also be given without --input"
    parser.add_argument("--input", nargs="+", metavar="FILE", help=what)
    parser.add_argument("--up", choices=UPS, default="auto", help=f"the files' up axis, such as z or -y; {up}")
    add_json(parser)
    if splits:
        what = "split each file: scenes by nodes, others into connected parts (auto), or as named"
        parser.add_argument("--split", nargs="?", const="auto", choices=SPLITS, help=what)
    else:
        parser.set_defaults(split=None)
    what = "first search prompts, weights or prompts,weights using labels (procedure: SEARCH.*)"
    what = what if searches else argparse.SUPPRESS  # see `TaskArguments.no_search`
    parser.add_argument("--search", type=names_from, default=(), metavar="WHAT", help=what)
    where = "the split to search on: train (default), val or test" if searches else argparse.SUPPRESS
    parser.add_argument("--search-split", metavar="SPLIT", help=where)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--under", default="", help=argparse.SUPPRESS)  # the results' folder in OUTPUT, for run_task
    what = "your files, and settings that override the config's: KEY VALUE or KEY=VALUE"
    parser.add_argument("words", nargs="*", metavar="FILE | KEY VALUE", help=what)
    return parser


def _command(parser: argparse.ArgumentParser) -> str:
    """The command as typed: "pointclip classify", "python main.py", "python -m zeroshot_cls"."""
    if parser.prog.startswith(("pointclip", "python")):
        return parser.prog
    script = Path(sys.argv[0])
    return f"python -m {script.parent.name}" if script.name == "__main__.py" else f"python {parser.prog}"


def example_lines(parser: argparse.ArgumentParser, examples: Examples) -> list[str]:
    """Examples of a command line, with the command as it was typed."""
    prog = _command(parser)
    width = max(len(words) for words, _ in examples)
    return [f"  {prog} {words:<{width}}  # {what}" for words, what in examples]


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json, which `pointclip.runs.own_shapes.answering` follows."""
    what = "print the answers for your files as one JSON document, and everything else to standard error"
    parser.add_argument("--json", action="store_true", help=what)


def add_threshold(parser: argparse.ArgumentParser) -> None:
    """Add --threshold, for tasks that name own shapes."""
    what = "report your shapes as none of the classes if no probability reaches this value (0 to 1)"
    parser.add_argument("--threshold", type=float, default=0.0, metavar="P", help=what)


def check_threshold(args: argparse.Namespace) -> None:
    """Raise an InputError for a threshold out of range or without --input."""
    if not 0 <= args.threshold <= 1 or (args.threshold and not (args.input or getattr(args, "test", None))):
        raise InputError(
            f"--threshold is {args.threshold}; expected 0 to 1, and only with files of your own (--input FILE…)."
        )


def parse_settings(
    parser: argparse.ArgumentParser,
    task: TaskArguments,
    words: Sequence[str] | None = None,
) -> tuple[argparse.Namespace, CfgNode]:
    """The arguments and the settings of a run, checked as far as that is quick; its folder is created now.

    Args:
        parser: based on `argument_parser`.
        words: the command line, by default the process's arguments.

    Returns:
        The arguments, whose `config` is the `Config` found, whose `input` are the files given in any way, and whose
        `folder` is the run's, and the settings.

    Raises:
        InputError: for anything that is wrong with them, including missing files.
    """
    words = with_values(sys.argv[1:] if words is None else words)
    check_lists(words, task.base)
    args = parser.parse_intermixed_args(words)
    given = [files_and_settings(group, task.base) for group in (args.words, args.input or [])]
    args.input, overrides = ([word for group in column for word in group] for column in zip(*given, strict=True))
    if not args.config:
        if not (args.input or getattr(args, "train", None) or getattr(args, "test", None)):
            raise _nothing_given(parser, task)
        args.config = task.own_config
    for flag, setting in task.flags.items():
        if (value := getattr(args, flag)) is not None:
            overrides += [setting, str(value)]
    overrides += task.pairs(args)
    args.config, settings = task.load(args.config, overrides, args.encoder)
    if args.search and task.no_search:
        raise InputError(task.no_search)
    _check_flags(args, settings)
    settings = _without_data_set(args, settings, overrides)
    task.check(args, settings)
    check_files(args.input, settings.ON_BAD_SHAPE == "stop", task.configs)
    for name in task.files:
        _check_file(name, settings)
    check_encoder(settings.ENCODER)
    args.folder = run_folder(args, settings)
    report = ["report.html"] if settings.REPORT else []
    check_ours(args.folder.resolve(), ["metrics.json", "predictions.csv", "config.yaml", *report])
    make_folder(args.folder, "OUTPUT")
    make_folder(staging_place(args.folder.resolve()), "OUTPUT")
    if cache := cache_folder(settings, bool(args.search)):
        make_folder(cache, "CACHE")
    args.command = command_line(parser.prog, words[2:] if args.under else words)  # without run_task's --under
    return args, settings


def _nothing_given(parser: argparse.ArgumentParser, task: TaskArguments) -> InputError:
    configs = "`pointclip configs` lists" if parser.prog.startswith("pointclip") else f"{task.configs} has"
    return InputError(
        f"Nothing to {task.verb} was given; name files of your own, or a data set's --config.",
        [*example_lines(parser, task.examples), f"{configs} the configs; --help lists all arguments."],
    )


def _check_flags(args: argparse.Namespace, settings: CfgNode) -> None:
    if args.search and args.input:
        raise InputError("--search needs labels, which files of your own do not have; use a data set.")
    if args.search_split and not (args.search or getattr(args, "calibrate", False)):
        raise InputError("--search-split needs --search prompts, weights or prompts,weights.")
    args.search_split = args.search_split or "train"
    own = args.input or getattr(args, "train", None) or getattr(args, "test", None)
    if args.up not in ("auto", None) and not own:
        raise InputError("--up needs files of your own (--input FILE…); a data set's up axis is known.")
    check_needs_input(args, "split", "json")
    check_search(args.search, settings)


def _check_file(name: str, settings: CfgNode) -> None:
    """Raise an InputError if the file of a setting is missing; bare words such as "auto" are no files."""
    value = settings
    for part in name.split("."):
        value = value[part]
    if value and not (is_name(value) or os.path.exists(expanded(value))):
        raise InputError(f"{name} is {value!r}, which does not exist; check the path.")


def with_values(words: Sequence[str]) -> list[str]:
    """The command line with values that argparse would take for flags, or miss, in the same word as their flag.

    --split is --split=auto if a flag, a KEY or nothing follows it, --up -y is --up=-y, and so is SCENE.UP -y.
    """
    result: list[str] = []
    for place, word in enumerate(words):
        after = words[place + 1] if place + 1 < len(words) else "-"
        if word in UPS and word.startswith("-") and result and result[-1] in ("--up", "SCENE.UP"):
            result[-1] = f"--up={word}"
        else:
            result.append("--split=auto" if word == "--split" and re.match("-|[A-Z]", after) else word)
    return result


def check_needs_input(args: argparse.Namespace, *flags: str) -> None:
    """Raise an InputError for flags that are given without --input."""
    for flag in flags:
        if getattr(args, flag) and not args.input:
            raise InputError(f"--{flag} goes with files of your own (--input FILE…), but there are none.")


def run_folder(args: argparse.Namespace, settings: CfgNode) -> Path:
    """The folder of a run's files: OUTPUT/[task/]<config, encoder and variant>/, or input/ below it for own files."""
    return expanded(settings.OUTPUT) / args.under / args.config.name / (OWN_SHAPES if args.input else "")


def cache_folder(settings: CfgNode, searching: bool) -> Path | None:
    """The feature cache: CACHE, or for a search OUTPUT/cache; None for no cache."""
    if settings.CACHE == "auto":
        return feature_cache()
    given = "" if settings.CACHE == "none" else settings.CACHE
    folder = given or (f"{settings.OUTPUT}/cache" if searching else "")
    return expanded(folder) if folder else None


def make_folder(folder: Path, setting: str) -> None:
    """Create the folder given by a setting. Raises an InputError if it cannot be created or is not writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"Cannot create the folder {folder} ({reason}); set {setting} to another folder.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"Cannot write to the folder {folder}; set {setting} to another folder.")


def _without_data_set(args: argparse.Namespace, settings: CfgNode, overrides: Sequence[str]) -> CfgNode:
    """The settings without the config's choice of a data set's shapes, where files are given instead."""
    given = list(map(current_name, overrides[::2]))
    for name, rest in (
        (("ROTATION", "none"), ("CORRUPT", "none"), ("CATEGORIES", ""), ("MAX_SHAPES", 0)) if args.input else ()
    ):
        value = settings.DATASET[name]
        if value != rest and f"DATASET.{name}" in given:
            raise InputError(f"DATASET.{name} is {value!r}, but has no effect on your files; leave it out.")
        settings = with_changes(settings, {f"DATASET.{name}": rest})
    return settings
