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

from pointclip.config import defaults
from pointclip.datasets.shapenetpart_labels import PART_NAMES
from pointclip.errors import InputError
from pointclip.features.extractor import text_features
from pointclip.projection.views import view_weights
from pointclip.prompts import key_of, part_sentences
from pointclip.runs.cli import (
    argument_parser,
    keep_search,
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
from pointclip.runs.provenance import (
    Origin,
    origin_of_prompts,
    origin_of_weights,
    provenance,
    standing_notes,
    weights_to_begin_with,
)
from pointclip.runs.run import Run, data_in_words
from pointclip.search.result import Searched, read_searched
from zeroshot_seg.evaluate import TASK, Category, check_rules, segment
from zeroshot_seg.projections import open_projection, views_of
from zeroshot_seg.results import show_own_shapes, show_test
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
    folder, progress = run_folder(args, settings), not args.quiet
    searched = read_searched(settings.SEARCHED, TASK, by_part=True) if settings.SEARCHED else None

    # data
    prompts = open_prompts(settings)
    shapes, reader = open_shapes(settings, args.input, args.up, (args.category or "shape",), parts_wanted=True)
    parts = {shapes.class_names[0]: own_parts(args, prompts)} if args.input else shapes.part_names
    if not parts:
        raise InputError(f"The data set {settings.DATASET.NAME!r} has no part labels; use shapenetpart or synthetic.")
    template = settings.PROMPTS.TEMPLATE
    sentences = {name: part_sentences(name, own, prompts, template) for name, own in parts.items()}
    flat = {f"{part} of {name}": group for name, own in sentences.items() for part, group in own.items()}
    weights, weights_origin = weights_by_category(settings, args.search, searched, list(parts))
    origins = origin_of_prompts(settings, flat, prompts, "part"), weights_origin
    search_settings, search_reader = open_search(settings, args, parts_wanted=True) if args.search else (None, None)

    # model
    projection = open_projection(settings)
    encoder = open_encoder(settings)
    projection.to(encoder.device)
    store = open_store(settings, bool(args.search), encoder, projection)

    # choice of sentences and view weights by labels, where one is asked for
    if args.search:
        searched = search_split(
            args.search,
            search_reader,
            sentences,
            weights,
            settings=search_settings,
            projection=projection,
            encoder=encoder,
            store=store,
            progress=progress,
        )
        searched, settings = keep_search(searched, origins, settings, folder, "instance mIoU")
    if searched:
        views, _ = views_of(settings)
        sentences = {name: searched.part_sentences(name, own) for name, own in sentences.items()}
        weights = {name: searched.weights_for(name, views, own) for name, own in weights.items()}

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
    seconds = time.perf_counter() - start
    run = Run(
        folder=folder,
        settings=settings,
        data="own shapes" if args.input else data_in_words(settings),
        encoder=f"{encoder.name}, {encoder.precision}",
        origin=provenance(settings, *origins, searched, encoder, reader, bool(args.input)),
        seconds=None if store else seconds,
        notes=standing_notes(settings, encoder, reader, flat),
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


def weights_by_category(
    settings: CfgNode, sought: Sequence[str], searched: Searched | None, categories: Sequence[str]
) -> tuple[dict[str, Tensor], Origin]:
    """The view weights of each category before any search, and their origin; "published" has a set for each."""
    setting, (views, all_views) = weights_to_begin_with(settings, sought, searched), views_of(settings)
    weights, told = {}, ("", "")
    for name in categories:
        own = key_of(name) if setting == "published" else setting
        if setting == "published" and own not in PART_NAMES:
            raise InputError(f"VIEW_WEIGHTS is 'published', but there are none for {name!r}; use 'uniform' instead.")
        weights[name], *told = view_weights(own, views, all_views, PUBLISHED_WEIGHTS)
    words, note = told
    return weights, origin_of_weights("published, a set a category" if setting == "published" else words, note)


def own_parts(args, prompts: dict) -> tuple[str, ...]:
    """The part names of own shapes: those given, or those that the prompts have for the category."""
    known = {key_of(name): tuple(entry) for name, entry in prompts.items() if isinstance(entry, dict)}
    parts = args.parts or known.get(key_of(args.category), ())
    if not parts:
        raise InputError(
            "No part names came for --input; name them with --parts a,b,c, or a --category of the prompts."
        )
    return parts


if __name__ == "__main__":
    run_command(main)
