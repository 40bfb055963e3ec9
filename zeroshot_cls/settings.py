"""Classification's settings and arguments. Imports no torch, so that wrong ones are answered at once."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from yacs.config import CfgNode

from pointclip.config import defaults, load_config
from pointclip.config_files import Config, find_config
from pointclip.errors import InputError
from pointclip.prompts import PromptFile
from pointclip.published import PublishedSets
from pointclip.runs.arguments import argument_parser, parse_settings
from pointclip.runs.inputs import names_or_list

CONFIGS = Path(__file__).with_name("configs")
PUBLISHED_WEIGHTS = Path(__file__).with_name("view_weights.yaml")
PUBLISHED_SETS = PublishedSets(
    data={
        "modelnet40": "modelnet40",
        "modelnet10": "modelnet40",  # for this, OBJ_ONLY and OBJ_BG nothing else is published
        "scanobjectnn_obj_only": "scanobjectnn",
        "scanobjectnn_obj_bg": "scanobjectnn",
        "scanobjectnn_pb_t50_rs": "scanobjectnn",
        "h5_folder": "scanobjectnn",  # the published code's layout, in which it reads ScanObjectNN
    },
    encoders={"RN50": "rn50", "RN101": "rn101", "ViT-B-32": "vit_b32", "ViT-B-16": "vit_b16"},
)


def classification_defaults() -> CfgNode:
    """The shared settings and classification's own."""
    c = defaults()
    c.PROJECTION.METHOD = "realistic"  # or "pointclip_v1", the baseline's: six views in perspective
    c.CALIBRATION = "auto"  # a calibration.yaml, "none", or "auto": the bundled one for the demo encoder, else none
    return c


def load(config: str | Path, overrides: Sequence[str] = (), encoder: str = "") -> tuple[Config, CfgNode]:
    """From a config's path or name, KEY VALUE words and an encoder preset to the config found and its settings."""
    found = find_config(config, encoder, CONFIGS)
    settings = PUBLISHED_SETS.with_prompts(load_config(classification_defaults(), found, overrides))
    return found, PUBLISHED_SETS.with_view_weights(settings)


def parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = argument_parser("Zero-shot classification of point clouds with CLIP (PointCLIP V2).")
    parser.add_argument(
        "--classes",
        type=names_or_list,
        default=(),
        metavar="A,B,C",
        help="class names for --input, or @FILE with one a line",
    )
    what = "call --input shapes whose likeliest class has less than this probability (0 to 1) none of these"
    parser.add_argument("--threshold", type=float, default=0.0, metavar="P", help=what)
    what = "first fit the temperature of the probabilities on the labels of --search-split"
    parser.add_argument("--calibrate", action="store_true", help=what)
    return parser


def parse(words: Sequence[str] | None = None) -> tuple[argparse.Namespace, CfgNode]:
    """The arguments and settings of a run; see `pointclip.runs.arguments.parse_settings`."""
    args, settings = parse_settings(parser(), classification_defaults(), load, words)
    if args.classes and not args.input:
        raise InputError("--classes goes with --input FILE…; a data set brings its own classes.")
    if not 0 <= args.threshold <= 1 or (args.threshold and not args.input):
        raise InputError(f"--threshold is {args.threshold}; it goes with --input FILE… and lies between 0 and 1.")
    if args.calibrate and args.input:
        raise InputError("--calibrate needs labels, which --input files do not have; then set CALIBRATION to its file.")
    return args, settings


def own_classes(args: argparse.Namespace, prompts: PromptFile) -> tuple[str, ...]:
    """The classes of own shapes: those given, or all of the prompt file's; () without --input."""
    classes = args.classes or tuple(prompts.entries)
    if args.input and not classes:
        raise InputError("No class names came for --input; name them with --classes a,b,c.")
    return classes if args.input else ()
