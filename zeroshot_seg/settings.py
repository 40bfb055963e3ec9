"""Segmentation's settings and arguments. Imports no torch, so that wrong ones are answered at once."""

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
from pointclip.utils.command import names_from
from zeroshot_seg.protocol import check_rules

CONFIGS = Path(__file__).with_name("configs")
PUBLISHED_WEIGHTS = Path(__file__).with_name("view_weights.yaml")
PUBLISHED_SETS = PublishedSets(data={"shapenetpart": "shapenetpart"}, encoders={"ViT-B-16": "vit_b16"})


def segmentation_defaults() -> CfgNode:
    """The shared settings, as segmentation wants them, and its own."""
    c = defaults()
    c.DATASET.NUM_POINTS = 0  # all points
    c.SEARCH.FIXED_VIEWS = 4
    c.PROMPTS.TEMPLATE = "a depth map of the {} of a {category}."
    c.LOOKUP = "corrected"  # or "published", with the published code's swap of row and column
    c.FEATURES = "in_order"  # or "scrambled", as the published code multiplies them with sentences
    c.PROTOCOL = "standard"  # or "published": lamp's last two parts never predicted, unseen points get a fixed part
    c.IOU_RULE = "standard"  # a part absent from truth and prediction counts 100 %; "skip" leaves it out
    return c


def load(config: str | Path, overrides: Sequence[str] = (), encoder: str = "") -> tuple[Config, CfgNode]:
    """From a config's path or name, KEY VALUE words and an encoder preset to the config found and its settings."""
    found = find_config(config, encoder, CONFIGS)
    return found, PUBLISHED_SETS.with_prompts(load_config(segmentation_defaults(), found, overrides))


def parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = argument_parser("Zero-shot part segmentation of point clouds with CLIP (PointCLIP V2).")
    parser.add_argument("--parts", type=names_from, default=(), metavar="A,B,C", help="part names for --input")
    parser.add_argument("--category", default="", metavar="NAME", help="what the --input shapes are, such as chair")
    parser.add_argument("--save-ply", action="store_true", help="write each shape as .ply with its parts' colours")
    return parser


def parse(words: Sequence[str] | None = None) -> tuple[argparse.Namespace, CfgNode]:
    """The arguments and settings of a run; see `pointclip.runs.arguments.parse_settings`."""
    args, settings = parse_settings(parser(), segmentation_defaults(), load, words)
    check_rules(settings)
    if (args.parts or args.category) and not args.input:
        raise InputError("--parts and --category go with --input FILE…; a data set brings its own.")
    return args, settings


def own_parts(args: argparse.Namespace, prompts: PromptFile) -> tuple[str, ...]:
    """The part names of own shapes: those given, or those that the prompts have for the category."""
    known = {key_of(name): tuple(entry) for name, entry in prompts.entries.items() if isinstance(entry, dict)}
    parts = args.parts or known.get(key_of(args.category), ())
    if not parts:
        raise InputError(
            "No part names came for --input; name them with --parts a,b,c, or a --category of the prompts."
        )
    return parts
