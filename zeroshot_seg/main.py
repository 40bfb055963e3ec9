"""Zero-shot part segmentation of a data set or of own shapes: `python main.py --config configs/demo.yaml`."""

import os
import signal
import sys
import time
from pathlib import Path

if __name__ == "__main__":  # the imports take seconds; Ctrl-C ends them without a stack trace
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

from torch import Tensor
from yacs.config import CfgNode

from pointclip.cli import (
    argument_parser,
    names_from,
    open_encoder,
    open_prompts,
    open_shapes,
    parse_settings,
    run_command,
    run_folder,
)
from pointclip.config import defaults
from pointclip.datasets.shapenetpart_labels import PART_NAMES
from pointclip.errors import InputError
from pointclip.prompts import part_sentences, spoken, text_features
from pointclip.run import Run, prompts_in_words, standing_notes
from pointclip.views import view_weights
from zeroshot_seg.evaluate import Category, check_rules, segment
from zeroshot_seg.realistic_projection import VIEWS, RealisticProjection
from zeroshot_seg.results import show_own_shapes, show_test

PUBLISHED_WEIGHTS = Path(__file__).with_name("view_weights.yaml")


def main() -> None:
    # settings
    parser = argument_parser("Zero-shot part segmentation of point clouds with CLIP (PointCLIP V2).")
    parser.add_argument("--parts", type=names_from, default=(), metavar="A,B,C", help="part names for --input")
    parser.add_argument("--category", default="", metavar="NAME", help="what the --input shapes are, such as chair")
    parser.add_argument("--save-ply", action="store_true", help="write each shape as .ply with its parts' colours")
    args, settings = parse_settings(parser, segmentation_defaults())
    check_rules(settings.PROTOCOL, settings.IOU_RULE)
    if (args.parts or args.category) and not args.input:
        raise InputError("--parts and --category go with --input FILE…; a data set brings its own.")

    # data
    prompts = open_prompts(settings)
    shapes, reader = open_shapes(settings, args.input, args.up, (args.category or "shape",))
    parts = {shapes.class_names[0]: own_parts(args, prompts)} if args.input else shapes.part_names
    if not parts:
        raise InputError(f"The data set {settings.DATASET.NAME!r} has no part labels; use shapenetpart or synthetic.")
    template = settings.PROMPTS.TEMPLATE
    by_category = {name: part_sentences(name, own, prompts, template) for name, own in parts.items()}
    sentences = {f"{part} of {name}": group for name, own in by_category.items() for part, group in own.items()}

    # model
    encoder = open_encoder(settings)
    projection = RealisticProjection(settings.LOOKUP, settings.PROJECTION.BACKEND).to(encoder.device)

    # what to look for, and where
    features = text_features(sentences, encoder, progress=not args.quiet).split([len(own) for own in parts.values()])
    categories = {}
    for name, own in zip(parts, features, strict=True):
        weights, weights_note = category_weights(settings.VIEW_WEIGHTS, name)
        categories[name] = Category(parts[name], own, weights.to(encoder.device))

    # answer
    start = time.perf_counter()
    results = segment(reader, projection, encoder, categories, settings.PROTOCOL, progress=not args.quiet)
    run = Run(
        folder=run_folder(args.config, settings),
        settings=settings,
        data="own shapes" if args.input else f"{settings.DATASET.NAME} ({settings.DATASET.SPLIT})",
        encoder=f"{encoder.name}, {encoder.precision}",
        prompts=prompts_in_words(settings, sentences, prompts, "part"),
        view_weights=settings.VIEW_WEIGHTS,
        seconds=time.perf_counter() - start,
        notes=standing_notes(settings, weights_note, reader.bad),
    )
    show = show_own_shapes if args.input else show_test
    show(run, reader, results, parts, projection, args.save_ply)


def segmentation_defaults() -> CfgNode:
    """The shared settings, as segmentation wants them, and its own."""
    c = defaults()
    c.DATASET.NUM_POINTS = 0  # all points
    c.PROMPTS.TEMPLATE = "a depth map of the {} of a {category}."
    c.LOOKUP = "corrected"  # or "published", with the published code's swap of row and column
    c.PROTOCOL = "standard"  # or "published": lamp's last two parts never predicted, unseen points get the first part
    c.IOU_RULE = "standard"  # a part absent from truth and prediction counts 100 %; "skip" leaves it out
    return c


def category_weights(setting: str, category: str) -> tuple[Tensor, str]:
    """The view weights for a category, and what a reader must know of them; "published" has a set for each category."""
    if setting == "published":
        setting = spoken(category).casefold()
        if setting not in PART_NAMES:
            raise InputError(
                f"VIEW_WEIGHTS is 'published', but there are none for {category!r}; use 'uniform' instead."
            )
    weights, _, note = view_weights(setting, len(VIEWS), PUBLISHED_WEIGHTS)
    return weights, note


def own_parts(args, prompts: dict) -> tuple[str, ...]:
    """The part names of own shapes: those given, or those that the prompts have for the category."""
    known = {spoken(name).casefold(): tuple(entry) for name, entry in prompts.items() if isinstance(entry, dict)}
    parts = args.parts or known.get(spoken(args.category).casefold(), ())
    if not parts:
        raise InputError(
            "No part names came for --input; name them with --parts a,b,c, or a --category of the prompts."
        )
    return parts


if __name__ == "__main__":
    run_command(main)
