"""Segmentation's settings and arguments. Does not import torch, so that errors are reported at once."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from yacs.config import CfgNode

from pointclip.config import defaults, load_config
from pointclip.config_files import Config, find_config
from pointclip.errors import InputError
from pointclip.prompts import PromptFile, key_of
from pointclip.published import PublishedSets
from pointclip.runs.arguments import argument_parser, parse_settings
from pointclip.runs.inputs import names_argument
from zeroshot_seg.protocol import check_rules

CONFIGS = Path(__file__).with_name("configs")
PUBLISHED_WEIGHTS = Path(__file__).with_name("view_weights.yaml")
PUBLISHED_SETS = PublishedSets(data={"shapenetpart": "shapenetpart"}, encoders={"ViT-B-16": "vit_b16"})


def segmentation_defaults() -> CfgNode:
    """The shared settings, with segmentation's defaults, and those of segmentation."""
    c = defaults()
    c.DATASET.NUM_POINTS = 0  # all points
    c.SEARCH.FIXED_VIEWS = 4
    c.PROMPTS.TEMPLATE = "a depth map of the {} of a {category}."
    c.LOOKUP = "corrected"  # or "published", with row and column swapped as in the published code
    c.FEATURES = "in_order"  # or "scrambled", as in the published code
    c.PROTOCOL = (
        "standard"  # or "published": lamp's last two parts are never predicted, invisible points get a fixed part
    )
    c.IOU_RULE = "standard"  # a part absent from truth and prediction counts as 100 %; "skip" ignores it
    return c


def load(config: str | Path, overrides: Sequence[str] = (), encoder: str = "") -> tuple[Config, CfgNode]:
    """Load a config by path or name, with KEY VALUE words and an encoder preset: the config and its settings."""
    found = find_config(config, encoder, CONFIGS)
    return found, PUBLISHED_SETS.with_prompts(load_config(segmentation_defaults(), found, overrides))


def parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = argument_parser("Zero-shot part segmentation of point clouds with CLIP (PointCLIP V2).")
    what = "part names for --input, or @FILE with one per line"
    parser.add_argument("--parts", type=names_argument, default=(), metavar="A,B,C", help=what)
    parser.add_argument(
        "--category", default="", metavar="NAME", help="the category of the --input shapes, such as chair"
    )
    what = "write each shape as .ply with its parts' labels and colours, an own file's in its own frame"
    parser.add_argument("--save-ply", action="store_true", help=what)
    parser.add_argument("--save-glb", action="store_true", help="the same as .glb, for viewers")
    what = "write each .las or .laz file of --input as it came, with its parts' labels as the field label"
    parser.add_argument("--save-las", action="store_true", help=what)
    return parser


def parse(words: Sequence[str] | None = None) -> tuple[argparse.Namespace, CfgNode]:
    """The arguments and settings of a run; see `pointclip.runs.arguments.parse_settings`."""
    args, settings = parse_settings(parser(), segmentation_defaults(), load, words)
    check_rules(settings)
    if (args.parts or args.category) and not args.input:
        raise InputError("--parts and --category need --input FILE…; a data set defines its own.")
    if args.save_las and not args.input:
        raise InputError(
            "--save-las writes .las and .laz files of --input as they came; use --save-ply for a data set."
        )
    return args, settings


def own_parts(args: argparse.Namespace, prompts: PromptFile) -> tuple[str, ...]:
    """The part names for --input: those given, or those of the prompts for the category."""
    known = {key_of(name): tuple(entry) for name, entry in prompts.entries.items() if isinstance(entry, dict)}
    parts = args.parts or known.get(key_of(args.category), ())
    if not parts:
        raise InputError(
            "There are no part names for --input; give them with --parts a,b,c, or a --category of the prompts."
        )
    return parts
