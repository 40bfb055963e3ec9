"""Zero-shot part segmentation of a data set or of own shapes: `python main.py --config configs/demo.yaml`."""

import os
import signal
import sys
import time
from collections.abc import Sequence
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
    open_search,
    open_shapes,
    open_store,
    parse_settings,
    run_command,
    run_folder,
)
from pointclip.config import defaults, with_searched
from pointclip.datasets.shapenetpart_labels import PART_NAMES
from pointclip.errors import InputError
from pointclip.prompts import part_sentences, spoken, text_features
from pointclip.run import Run, choice_notes, data_in_words, prompts_in_words, standing_notes
from pointclip.searched import read_searched, write_searched
from pointclip.views import view_weights
from zeroshot_seg.evaluate import Category, check_rules, segment
from zeroshot_seg.projections import open_projection, views_of
from zeroshot_seg.results import TASK, show_own_shapes, show_test
from zeroshot_seg.search import search_split

PUBLISHED_WEIGHTS = Path(__file__).with_name("view_weights.yaml")


def main(words: Sequence[str] | None = None) -> dict:
    """Run the command line `words`, the process's own by default; returns what stands in metrics.json."""
    # settings
    parser = argument_parser("Zero-shot part segmentation of point clouds with CLIP (PointCLIP V2).")
    parser.add_argument("--parts", type=names_from, default=(), metavar="A,B,C", help="part names for --input")
    parser.add_argument("--category", default="", metavar="NAME", help="what the --input shapes are, such as chair")
    parser.add_argument("--save-ply", action="store_true", help="write each shape as .ply with its parts' colours")
    args, settings = parse_settings(parser, segmentation_defaults(), words)
    check_rules(settings.PROTOCOL, settings.IOU_RULE)
    if (args.parts or args.category) and not args.input:
        raise InputError("--parts and --category go with --input FILE…; a data set brings its own.")
    folder, progress = run_folder(args.config, settings), not args.quiet
    searched = read_searched(settings.SEARCHED, TASK) if settings.SEARCHED else None

    # data
    prompts = open_prompts(settings)
    shapes, reader = open_shapes(settings, args.input, args.up, (args.category or "shape",))
    parts = {shapes.class_names[0]: own_parts(args, prompts)} if args.input else shapes.part_names
    if not parts:
        raise InputError(f"The data set {settings.DATASET.NAME!r} has no part labels; use shapenetpart or synthetic.")
    template = settings.PROMPTS.TEMPLATE
    sentences = {name: part_sentences(name, own, prompts, template) for name, own in parts.items()}
    begin = "uniform" if "weights" in args.search else settings.VIEW_WEIGHTS
    weights, weights_note = weights_by_category(begin, list(parts), settings)
    search_settings, search_reader = open_search(settings, args) if args.search else (None, None)

    # model
    projection = open_projection(settings)
    encoder = open_encoder(settings)
    projection.to(encoder.device)
    store = open_store(settings, bool(args.search), encoder, projection)

    # choice of sentences and view weights by labels, where one is asked for
    if args.search:
        model = (projection, encoder, store)
        searched = search_split(args.search, search_reader, sentences, weights, *model, search_settings, progress)
        write_searched(folder / "searched.yaml", searched)
        settings = with_searched(settings, folder / "searched.yaml")
    if searched:
        sentences = {name: own | searched.part_sentences(name) for name, own in sentences.items()}
        weights = {name: searched.weights_for(name, own) for name, own in weights.items()}
        weights_note = "" if searched.weights else weights_note

    # what to look for, and where
    flat = {f"{part} of {name}": group for name, own in sentences.items() for part, group in own.items()}
    features = text_features(flat, encoder, progress, store).split([len(own) for own in parts.values()])
    categories = {
        name: Category(parts[name], own, weights[name].to(encoder.device))
        for name, own in zip(parts, features, strict=True)
    }

    # answer
    start = time.perf_counter()
    results = segment(reader, projection, encoder, categories, settings.PROTOCOL, progress, store)
    notes, tuned = choice_notes(settings, encoder, reader, weights_note, searched, bool(args.input))
    run = Run(
        folder=folder,
        settings=settings,
        data="own shapes" if args.input else data_in_words(settings),
        encoder=f"{encoder.name}, {encoder.precision}",
        prompts=prompts_in_words(settings, flat, prompts, "part", searched),
        view_weights=searched.words if searched and searched.weights else settings.VIEW_WEIGHTS,
        seconds=time.perf_counter() - start,
        notes=notes + standing_notes(settings, encoder, reader, flat),
        tuned_on_test=tuned,
        searched=searched,
    )
    show = show_own_shapes if args.input else show_test
    return show(run, reader, results, parts, projection, args.save_ply)


def segmentation_defaults() -> CfgNode:
    """The shared settings, as segmentation wants them, and its own."""
    c = defaults()
    c.DATASET.NUM_POINTS = 0  # all points
    c.SEARCH.FIXED_VIEWS = 4
    c.PROMPTS.TEMPLATE = "a depth map of the {} of a {category}."
    c.LOOKUP = "corrected"  # or "published", with the published code's swap of row and column
    c.PROTOCOL = "standard"  # or "published": lamp's last two parts never predicted, unseen points get the first part
    c.IOU_RULE = "standard"  # a part absent from truth and prediction counts 100 %; "skip" leaves it out
    return c


def weights_by_category(setting: str, categories: Sequence[str], settings: CfgNode) -> tuple[dict[str, Tensor], str]:
    """The view weights of each category, and what a reader must know of them; "published" has a set for each."""
    views, all_views = views_of(settings)
    weights, note = {}, ""
    for name in categories:
        own = spoken(name).casefold() if setting == "published" else setting
        if setting == "published" and own not in PART_NAMES:
            raise InputError(f"VIEW_WEIGHTS is 'published', but there are none for {name!r}; use 'uniform' instead.")
        weights[name], _, note = view_weights(own, views, all_views, PUBLISHED_WEIGHTS)
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
