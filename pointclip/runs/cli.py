"""What the command lines of both tasks share: arguments, what they open, and how they end."""

import argparse
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import nn
from yacs.config import CfgNode

from pointclip.config import is_setting, load_config, with_searched
from pointclip.datasets import ShapeFiles, ShapeSet, open_dataset
from pointclip.datasets.batches import BatchReader, subset, usual_batch_size
from pointclip.datasets.turned import turned
from pointclip.encoder import Encoder, check_device, load_encoder
from pointclip.errors import InputError
from pointclip.features.store import FeatureStore
from pointclip.prompts import key_of, read_prompts
from pointclip.runs import command
from pointclip.runs.command import ArgumentParser, names_from
from pointclip.runs.provenance import Origin, passed_on
from pointclip.search.procedure import check_search
from pointclip.search.result import Searched, write_searched
from pointclip.utils.files import expanded

MEMORY_ADVICE = "set BATCH_SIZE 1, or DATASET.NUM_POINTS to a smaller number"


def run_command(main: Callable[[], object]) -> None:
    """As `pointclip.runs.command.run_command`, for commands that take settings."""
    command.run_command(main, MEMORY_ADVICE)


def argument_parser(description: str) -> argparse.ArgumentParser:
    """The arguments that every task takes."""
    parser = ArgumentParser(description=description)
    parser.add_argument("--config", type=Path, required=True, help="a file of settings, such as configs/demo.yaml")
    parser.add_argument("--input", nargs="+", metavar="FILE", help="own shapes instead of a data set")
    parser.add_argument("--up", choices=("y", "z"), default="y", help="the up axis of the --input files (default: y)")
    what = "first choose prompts, weights or prompts,weights by labels (SEARCH.* says how)"
    parser.add_argument("--search", type=names_from, default=(), metavar="WHAT", help=what)
    where = "the split whose labels choose: train (default), val or test"
    parser.add_argument("--search-split", metavar="SPLIT", help=where)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("overrides", nargs="*", metavar="KEY VALUE", help="settings that win over the config's")
    return parser


def parse_settings(
    parser: argparse.ArgumentParser, base: CfgNode, words: Sequence[str] | None = None
) -> tuple[argparse.Namespace, CfgNode]:
    """The arguments and the settings of a run; the run's folder is made, so that a bad place shows before the work.

    `words` are the process's own where None comes. KEY VALUE pairs may also stand right behind --input's files.
    """
    args = parser.parse_intermixed_args(words)
    if args.input:
        args.input, settings_words = split_settings(args.input, base)
        args.overrides = [*args.overrides, *settings_words]
    settings = load_config(base, args.config, args.overrides)
    if args.search and args.input:
        raise InputError("--search needs labels, which --input files have not; search on a data set.")
    if args.search_split and not args.search:
        raise InputError("--search-split goes with --search prompts, weights or prompts,weights; say what to search.")
    args.search_split = args.search_split or "train"
    _check_settings_of_input(args, settings)
    check_search(args.search, settings)
    _make_folder(run_folder(args, settings), "OUTPUT")
    if cache := cache_folder(settings, bool(args.search)):
        _make_folder(cache, "CACHE")
    return args, settings


def _make_folder(folder: Path, setting: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"Cannot make the folder {folder} ({reason}); set {setting} to another place.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"Cannot write to the folder {folder}; set {setting} to another place.")


def _check_settings_of_input(args: argparse.Namespace, settings: CfgNode) -> None:
    for name, rest in (("TURN", "none"), ("CATEGORIES", ""), ("MAX_SHAPES", 0)):
        value = settings.DATASET[name]
        if args.input and value != rest:
            raise InputError(f"DATASET.{name} is {value!r}, but does nothing with --input files; leave it {rest!r}.")


def split_settings(words: Sequence[str], base: CfgNode) -> tuple[list[str], list[str]]:
    """Files, and the KEY VALUE pairs behind them: known by a setting's name, or what looks like one and is no file."""
    for place, word in enumerate(words):
        if is_setting(base, word) or (re.fullmatch(r"[A-Z_]+(\.[A-Z_]+)*", word) and not Path(word).exists()):
            return list(words[:place]), list(words[place:])
    return list(words), []


def run_folder(args: argparse.Namespace, settings: CfgNode) -> Path:
    """Where a run's files go: OUTPUT/<config name>, for own shapes input/ in there."""
    return expanded(settings.OUTPUT) / args.config.stem / ("input" if args.input else "")


def open_prompts(settings: CfgNode) -> dict:
    """The sentences of the settings' prompt file, {} where none is named."""
    return read_prompts(settings.PROMPTS.FILE) if settings.PROMPTS.FILE else {}


def open_shapes(
    settings: CfgNode,
    files: Sequence[str] | None,
    up: str,
    class_names: tuple[str, ...] = (),
    parts_wanted: bool = False,
) -> tuple[ShapeSet, BatchReader]:
    """The data set that the settings name, or own shape files, and a reader of the shapes that are wanted of it.

    `parts_wanted`: whether a shape of a data set is bad when no part label of it is known.
    """
    c = settings.DATASET
    if files:
        shapes = ShapeFiles(files, c.NUM_POINTS or None, up, class_names, settings.SEED)
        wanted = list(range(len(shapes)))
    elif up != "y":
        raise InputError("--up goes with --input FILE…; a data set brings its own up axis.")
    else:
        shapes = turned(open_dataset(c.NAME, expanded(c.ROOT), c.SPLIT, c.NUM_POINTS or None), c.TURN, settings.SEED)
        of_categories = _of_categories(shapes, c.CATEGORIES)
        wanted = of_categories[subset(len(of_categories), c.MAX_SHAPES, settings.SEED)].tolist()
    batch_size = settings.BATCH_SIZE or usual_batch_size(check_device(settings.DEVICE))
    return shapes, BatchReader(shapes, batch_size, settings.ON_BAD_SHAPE, wanted, parts_wanted and not files)


def open_search(settings: CfgNode, args: argparse.Namespace, parts_wanted: bool = False) -> tuple[CfgNode, BatchReader]:
    """What --search chooses on: the settings with --search-split as DATASET.SPLIT, and a reader of its shapes."""
    own = settings.clone()
    own.defrost()
    own.DATASET.SPLIT = args.search_split
    own.DATASET.MAX_SHAPES = settings.SEARCH.MAX_SHAPES or settings.DATASET.MAX_SHAPES
    own.freeze()
    return own, open_shapes(own, None, "y", parts_wanted=parts_wanted)[1]


def keep_search(
    searched: Searched, origins: Sequence[Origin], settings: CfgNode, folder: Path, measure: str
) -> tuple[Searched, CfgNode]:
    """Write what a search chose to the run's folder and say so, before what it leads to.

    Args:
        origins: of the sentences and view weights that it began with.
        measure: what its score is.

    Returns:
        The outcome, marked if what it began with was chosen by test labels; the settings that name its file.
    """
    searched, path = passed_on(searched, origins), folder / "searched.yaml"
    write_searched(path, searched)
    print(f"{searched.words}: {searched.what}, {measure} {searched.score:.2f} % there; see {path}\n", flush=True)
    return searched, with_searched(settings, path)


def cache_folder(settings: CfgNode, searching: bool) -> Path | None:
    """Where features are kept: CACHE, or for a search OUTPUT/cache; None to keep none."""
    folder = settings.CACHE or (f"{settings.OUTPUT}/cache" if searching else "")
    return expanded(folder) if folder else None


def open_store(settings: CfgNode, searching: bool, encoder: Encoder, projection: nn.Module) -> FeatureStore | None:
    """The store of features in `cache_folder`; None where none are kept."""
    folder = cache_folder(settings, searching)
    return FeatureStore(folder, encoder, projection) if folder else None


def open_encoder(settings: CfgNode) -> Encoder:
    """The encoder that the settings name, on their device."""
    c = settings.ENCODER
    known = {"auto": None, "yes": True, "no": False}
    if c.QUICK_GELU not in known:
        raise InputError(f"ENCODER.QUICK_GELU is {c.QUICK_GELU!r}; 'auto', 'yes' or 'no' was expected.")
    return load_encoder(c.NAME, c.PRETRAINED, settings.DEVICE, c.PRECISION, known[c.QUICK_GELU])


def _of_categories(shapes: ShapeSet, categories: str) -> np.ndarray:
    """Indices of the shapes of the named categories, of all where none is named."""
    if not categories:
        return np.arange(len(shapes))
    numbers = {key_of(name): number for number, name in enumerate(shapes.class_names)}
    wanted = [numbers.get(key_of(name)) for name in names_from(categories)]
    if None in wanted:
        known = ", ".join(shapes.class_names)
        raise InputError(f"DATASET.CATEGORIES is {categories!r}; names out of these were expected: {known}.")
    return np.flatnonzero(np.isin(shapes.labels, wanted))
