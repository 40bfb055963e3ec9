"""The command line of a task: its arguments and settings, checked before anything slow is imported."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from yacs.config import CfgNode

from pointclip.config import check_search, is_setting
from pointclip.config_files import Config
from pointclip.errors import InputError
from pointclip.runs.atomic_folder import OWN_SHAPES, staging_place
from pointclip.utils.command import ArgumentParser, names_from
from pointclip.utils.files import expanded

SPLITS = ("auto", "nodes", "parts")  # see `pointclip.datasets.shape_files.pieces.Split`
UPS = ("auto", "x", "y", "z", "-x", "-y", "-z")  # see `pointclip.datasets.axes`
Load = Callable[..., tuple[Config, CfgNode]]  # (config, overrides, encoder) -> config and settings; a task's `load`


def argument_parser(description: str) -> argparse.ArgumentParser:
    """The arguments common to all tasks."""
    parser = ArgumentParser(description=description)
    parser.add_argument("--config", required=True, metavar="FILE", help="a settings file, such as configs/demo.yaml")
    what = "an encoder preset, such as vit_b16, instead of the config's encoder"
    parser.add_argument("--encoder", default="", metavar="NAME", help=what)
    what = (
        "your shapes, instead of a data set: files, folders, patterns such as 'scans/*.ply', and @LIST, a file of them"
    )
    parser.add_argument("--input", nargs="+", metavar="FILE", help=what)
    what = "the up axis of the --input files, such as z or -y; auto guesses it for each file (default)"
    parser.add_argument("--up", choices=UPS, default="auto", help=what)
    what = "split each --input file: scenes by nodes, others into connected parts (auto), or as named"
    parser.add_argument("--split", nargs="?", const="auto", choices=SPLITS, help=what)
    add_json(parser)
    what = "first search prompts, weights or prompts,weights using labels (procedure: SEARCH.*)"
    parser.add_argument("--search", type=names_from, default=(), metavar="WHAT", help=what)
    where = "the split to search on: train (default), val or test"
    parser.add_argument("--search-split", metavar="SPLIT", help=where)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="settings that override the config's")
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json, which `pointclip.runs.own_shapes.answering` follows."""
    what = "print the answers for --input as one JSON document, and everything else to standard error"
    parser.add_argument("--json", action="store_true", help=what)


def add_threshold(parser: argparse.ArgumentParser) -> None:
    """Add --threshold, for tasks that name own shapes."""
    what = "report --input shapes as none of the classes if no probability reaches this value (0 to 1)"
    parser.add_argument("--threshold", type=float, default=0.0, metavar="P", help=what)


def check_threshold(args: argparse.Namespace) -> None:
    """Raise an InputError for a threshold out of range or without --input."""
    if not 0 <= args.threshold <= 1 or (args.threshold and not args.input):
        raise InputError(f"--threshold is {args.threshold}; expected 0 to 1, and only with --input FILE….")


def parse_settings(
    parser: argparse.ArgumentParser, base: CfgNode, load: Load, words: Sequence[str] | None = None
) -> tuple[argparse.Namespace, CfgNode]:
    """The arguments and the settings of a run; its folder is created now, so that a bad path fails early.

    Args:
        base: the task's defaults.
        load: (config, overrides, encoder) -> the task's settings.
        words: the command line, by default the process's arguments. KEY VALUE pairs may also directly follow the files
            of --input.

    Returns:
        The arguments, whose `config` is the `Config` found and whose `folder` is the run's, and the settings.
    """
    args = parser.parse_intermixed_args(with_values(sys.argv[1:] if words is None else words))
    if args.input:
        args.input, settings_words = split_settings(args.input, base)
        args.overrides = [*args.overrides, *settings_words]
    args.config, settings = load(args.config, args.overrides, args.encoder)
    if args.search and args.input:
        raise InputError("--search needs labels, which --input files do not have; use a data set.")
    if args.search_split and not (args.search or getattr(args, "calibrate", False)):
        raise InputError("--search-split needs --search prompts, weights or prompts,weights.")
    args.search_split = args.search_split or "train"
    if args.up != "auto" and not (args.input or getattr(args, "train", None)):
        raise InputError("--up needs --input FILE…; a data set's up axis is known.")
    check_needs_input(args, "split", "json")
    _check_settings_of_input(args, settings)
    check_search(args.search, settings)
    args.folder = run_folder(args, settings)
    make_folder(args.folder, "OUTPUT")
    make_folder(staging_place(args.folder.resolve()), "OUTPUT")
    if cache := cache_folder(settings, bool(args.search)):
        make_folder(cache, "CACHE")
    return args, settings


def split_settings(words: Sequence[str], base: CfgNode) -> tuple[list[str], list[str]]:
    """Files, and the KEY VALUE pairs after them, which start at a setting's name or a non-existing file like one."""
    for i, word in enumerate(words):
        if is_setting(base, word) or (re.fullmatch(r"[A-Z_]+(\.[A-Z_]+)*", word) and not Path(word).exists()):
            return list(words[:i]), list(words[i:])
    return list(words), []


def with_values(words: Sequence[str], up_setting: str = "--up") -> list[str]:
    """The command line with values that argparse would take for flags, or miss, in the same word as their flag.

    --split is --split=auto if a flag, a KEY or nothing follows it, and --up -y is --up=-y.

    Args:
        up_setting: a task's setting that --up is short for.
    """
    result: list[str] = []
    for word, after in zip(words, [*words[1:], "-"], strict=True):
        if word in UPS and word.startswith("-") and result and result[-1] in ("--up", up_setting):
            result[-1] = f"--up={word}"
        else:
            result.append("--split=auto" if word == "--split" and re.match("-|[A-Z]", after) else word)
    return result


def check_needs_input(args: argparse.Namespace, *flags: str) -> None:
    """Raise an InputError for flags that are given without --input."""
    for flag in flags:
        if getattr(args, flag) and not args.input:
            raise InputError(f"--{flag} goes with --input FILE…, but there is none.")


def run_folder(args: argparse.Namespace, settings: CfgNode) -> Path:
    """The folder of a run's files: OUTPUT/<config, encoder and variant>/, or input/ below it for --input files."""
    return expanded(settings.OUTPUT) / args.config.name / (OWN_SHAPES if args.input else "")


def cache_folder(settings: CfgNode, searching: bool) -> Path | None:
    """The feature cache: CACHE, or for a search OUTPUT/cache; None for no cache."""
    folder = settings.CACHE or (f"{settings.OUTPUT}/cache" if searching else "")
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


def _check_settings_of_input(args: argparse.Namespace, settings: CfgNode) -> None:
    for name, rest in (("ROTATION", "none"), ("CATEGORIES", ""), ("MAX_SHAPES", 0)):
        value = settings.DATASET[name]
        if args.input and value != rest:
            raise InputError(f"DATASET.{name} is {value!r}, but has no effect on --input files; leave it {rest!r}.")
