"""Classification's settings and arguments. Does not import torch, so that errors are reported at once."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from yacs.config import CfgNode

from pointclip.config import defaults, load_run
from pointclip.config_files import Config
from pointclip.errors import InputError
from pointclip.prompts import PromptFile, class_sentences, open_prompts
from pointclip.published import PublishedSets
from pointclip.runs.arguments import TaskArguments, add_threshold, argument_parser, check_threshold, parse_settings
from pointclip.runs.inputs import names_argument

COMMAND = "classify"  # in the command `pointclip`
EXAMPLES = (
    ('chair.ply scans/ --classes "chair, sofa, bench"', "your own shapes"),
    ('chair.ply --classes "chair, sofa" --encoder demo', "the same without CLIP's weights"),
    ("--config demo", "bundled shapes; needs no weights or data"),
    ("--config modelnet40 DATASET.ROOT /path/to/data", "a data set"),
)
CONFIGS = Path(__file__).with_name("configs")
PUBLISHED_WEIGHTS = Path(__file__).with_name("view_weights.yaml")
PUBLISHED_SETS = PublishedSets(
    data={
        "modelnet40": "modelnet40",
        "modelnet10": "modelnet40",  # nothing is published for this, OBJ_ONLY and OBJ_BG
        "scanobjectnn_obj_only": "scanobjectnn",
        "scanobjectnn_obj_bg": "scanobjectnn",
        "scanobjectnn_pb_t50_rs": "scanobjectnn",
        "h5_folder": "scanobjectnn",  # the published code's layout, in which it reads ScanObjectNN
    },
    encoders={"RN50": "rn50", "RN101": "rn101", "ViT-B-32": "vit_b32", "ViT-B-16": "vit_b16"},
)


def classification_defaults() -> CfgNode:
    """The shared settings, and those of classification."""
    c = defaults()
    c.PROJECTION.METHOD = "realistic"  # or "pointclip_v1", the baseline: six views in perspective
    c.CALIBRATION = "auto"  # a calibration.yaml, "none", or "auto": the bundled one for the demo encoder, else none
    return c


def load(config: str | Path, overrides: Sequence[str] = (), encoder: str = "") -> tuple[Config, CfgNode]:
    """Load a config by path or name, with KEY VALUE words and an encoder preset: the config and its settings."""
    found, settings = load_run(classification_defaults(), config, overrides, encoder, CONFIGS)
    return found, PUBLISHED_SETS.with_view_weights(PUBLISHED_SETS.with_prompts(settings))


def parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = argument_parser("Zero-shot classification of point clouds with CLIP (PointCLIP V2).", EXAMPLES)
    parser.add_argument(
        "--classes",
        type=names_argument,
        default=(),
        metavar="A,B,C",
        help="class names for your files, or @FILE with one per line",
    )
    add_threshold(parser)
    what = "first fit the temperature of the probabilities on the labels of --search-split"
    parser.add_argument("--calibrate", action="store_true", help=what)
    return parser


def parse(words: Sequence[str] | None = None) -> tuple[argparse.Namespace, CfgNode]:
    """The arguments and settings of a run; see `pointclip.runs.arguments.parse_settings`."""
    task = TaskArguments(
        verb=COMMAND,
        base=classification_defaults(),
        load=load,
        configs=CONFIGS,
        own_config="own_shapes",
        examples=EXAMPLES,
        files=("SEARCHED", "CALIBRATION"),
        check=_check,
    )
    return parse_settings(parser(), task, words)


def _check(args: argparse.Namespace, settings: CfgNode) -> None:
    if args.classes and not args.input:
        raise InputError("--classes needs files of your own (--input FILE…); a data set defines its classes.")
    check_threshold(args)
    if args.calibrate and args.input:
        raise InputError(
            "--calibrate needs labels, which files of your own do not have; set CALIBRATION to a file instead."
        )
    if args.input:
        prompts = open_prompts(settings.PROMPTS.FILE)
        class_sentences(own_classes(args, prompts), prompts, settings.PROMPTS.TEMPLATE)


def own_classes(args: argparse.Namespace, prompts: PromptFile) -> tuple[str, ...]:
    """The classes for --input: those given, or all of the prompt file; () without --input."""
    classes = args.classes or tuple(prompts.entries)
    if args.input and not classes:
        raise InputError('There are no class names for your files; give them with --classes "chair, sofa, bench".')
    if args.input:
        check_candidates(classes)
    return classes if args.input else ()


def check_candidates(classes: Sequence[str]) -> None:
    """Raise an InputError for a single class."""
    if len(classes) == 1:
        raise InputError(
            f"{classes[0]!r} is the only class, so every shape would be one with 100 %; add the classes that it could "
            f'be mistaken for: "{classes[0]}, …".'
        )
