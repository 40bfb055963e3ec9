"""Segmentation's settings and arguments. Does not import torch, so that errors are reported at once."""

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from yacs.config import CfgNode

from pointclip.config import defaults, load_run
from pointclip.config_files import Config
from pointclip.errors import InputError
from pointclip.prompts import PromptFile, check_names, key_of, open_prompts, part_sentences
from pointclip.published import PublishedSets
from pointclip.runs.arguments import TaskArguments, argument_parser, parse_settings
from pointclip.runs.inputs import names_argument
from zeroshot_seg.protocol import check_rules

COMMAND = "segment"  # in the command `pointclip`
EXAMPLES = (
    ('chair.ply --category chair --parts "seat, back, leg"', "your own shapes"),
    ("chair.ply --category chair --save-ply --encoder demo", "bundled parts, labelled file, without CLIP's weights"),
    ("--config demo", "bundled shapes; needs no weights or data"),
    ("--config shapenetpart DATASET.ROOT /path/to/data", "a data set"),
)
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
    found, settings = load_run(segmentation_defaults(), config, overrides, encoder, CONFIGS)
    return found, PUBLISHED_SETS.with_prompts(settings)


def parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = argument_parser("Zero-shot part segmentation of point clouds with CLIP (PointCLIP V2).", EXAMPLES)
    what = "part names for your files, or @FILE with one per line"
    parser.add_argument("--parts", type=names_argument, default=(), metavar="A,B,C", help=what)
    parser.add_argument("--category", default="", metavar="NAME", help="the category of your shapes, such as chair")
    what = "write each shape as .ply with its parts' labels and colours, an own file's in its own frame"
    parser.add_argument("--save-ply", action="store_true", help=what)
    parser.add_argument("--save-glb", action="store_true", help="the same as .glb, for viewers")
    what = "write each .las or .laz file of --input as it came, with its parts' labels as the field label"
    parser.add_argument("--save-las", action="store_true", help=what)
    return parser


def parse(words: Sequence[str] | None = None) -> tuple[argparse.Namespace, CfgNode]:
    """The arguments and settings of a run; see `pointclip.runs.arguments.parse_settings`."""
    task = TaskArguments(
        verb=COMMAND,
        base=segmentation_defaults(),
        load=load,
        configs=CONFIGS,
        own_config="own_shapes",
        examples=EXAMPLES,
        check=_check,
    )
    return parse_settings(parser(), task, words)


def _check(args: argparse.Namespace, settings: CfgNode) -> None:
    check_rules(settings)
    if (args.parts or args.category) and not args.input:
        raise InputError("--parts and --category need files of your own (--input FILE…); a data set defines its own.")
    if args.save_las and not args.input:
        raise InputError(
            "--save-las writes .las and .laz files of your own (FILE…) as they came; use --save-ply for data sets."
        )
    if args.input:
        prompts = open_prompts(settings.PROMPTS.FILE)
        part_sentences(
            {own_category(args): own_parts(args.parts, args.category, prompts)}, prompts, settings.PROMPTS.TEMPLATE
        )


def own_category(args: argparse.Namespace) -> str:
    """The category of --input shapes, "shape" if it is not given."""
    return args.category or "shape"


def own_parts(parts: Sequence[str], category: str, prompts: PromptFile) -> tuple[str, ...]:
    """The part names for shapes of one's own: those given, or those of the prompts for the category ("" for none)."""
    known = {key_of(name): (name, tuple(entry)) for name, entry in prompts.entries.items() if isinstance(entry, dict)}
    parts = tuple(parts) or known.get(key_of(category), ("", ()))[1]
    if not parts and category:
        near = get_close_matches(key_of(category), known, n=1)
        guess = f" Did you mean {known[near[0]][0]}?" if near else ""
        names = ", ".join(name for name, _ in known.values()) or "no category"
        raise InputError(
            f"There are no part names for the category {category!r}; the prompts have those of {names}; or give "
            f'them with --parts "seat, back, leg".{guess}'
        )
    if not parts:
        raise InputError(
            'There are no part names for your files; give them with --parts "seat, back, leg", or a --category of the '
            "prompts."
        )
    check_names(parts, "part")
    if len(parts) == 1:
        raise InputError(
            f'{parts[0]!r} is the only part, so every point would be one; add the other parts: --parts "{parts[0]}, …".'
        )
    return parts
