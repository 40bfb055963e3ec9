"""Zero-shot classification of a data set or of own shapes: `python main.py --config configs/demo.yaml`."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":  # the imports take seconds; Ctrl-C ends them without a stack trace
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

from yacs.config import CfgNode

from pointclip.config import defaults
from pointclip.errors import InputError
from pointclip.features.extractor import text_features
from pointclip.projection.views import view_weights
from pointclip.prompts import sentences_for
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
    origin_of_prompts,
    origin_of_weights,
    provenance,
    standing_notes,
    weights_to_begin_with,
)
from pointclip.runs.run import Run, data_in_words
from pointclip.search.result import ALL, read_searched
from zeroshot_cls.classifier import TASK, extract_features, view_weighted_logits
from zeroshot_cls.projections import open_projection, views_of
from zeroshot_cls.results import show_own_shapes, show_test
from zeroshot_cls.search import search_split

PUBLISHED_WEIGHTS = Path(__file__).with_name("view_weights.yaml")


def main(words: Sequence[str] | None = None) -> dict:
    """Run the command line `words`, the process's own by default; returns what stands in metrics.json."""
    # settings
    parser = argument_parser("Zero-shot classification of point clouds with CLIP (PointCLIP V2).")
    parser.add_argument("--classes", type=names_from, default=(), metavar="A,B,C", help="class names for --input")
    args, settings = parse_settings(parser, classification_defaults(), words)
    if args.classes and not args.input:
        raise InputError("--classes goes with --input FILE…; a data set brings its own classes.")
    folder, progress = run_folder(args, settings), not args.quiet
    searched = read_searched(settings.SEARCHED, TASK) if settings.SEARCHED else None
    views, all_views = views_of(settings)
    begin = weights_to_begin_with(settings, args.search, searched)
    weights, *told = view_weights(begin, views, all_views, PUBLISHED_WEIGHTS)

    # data
    prompts = open_prompts(settings)
    classes = args.classes or tuple(prompts)
    if args.input and not classes:
        raise InputError("No class names came for --input; name them with --classes a,b,c.")
    shapes, reader = open_shapes(settings, args.input, args.up, classes)
    sentences = sentences_for(shapes.class_names, prompts, settings.PROMPTS.TEMPLATE)
    origins = origin_of_prompts(settings, sentences, prompts, "class"), origin_of_weights(*told)
    search_settings, search_reader = open_search(settings, args) if args.search else (None, None)

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
        searched, settings = keep_search(searched, origins, settings, folder, "accuracy")
    if searched and searched.sentences:
        sentences = searched.class_sentences(shapes.class_names)
    if searched:
        weights = searched.weights_for(ALL, views, weights)

    # features
    class_features = text_features(sentences, encoder, progress, store).cpu()
    start = time.perf_counter()
    features = extract_features(reader, projection, encoder, progress, store)
    seconds = time.perf_counter() - start

    # answer
    logits = view_weighted_logits(features.views, class_features, weights)
    run = Run(
        folder=folder,
        settings=settings,
        data="own shapes" if args.input else data_in_words(settings),
        encoder=f"{encoder.name}, {encoder.precision}",
        origin=provenance(settings, *origins, searched, encoder, reader, bool(args.input)),
        seconds=None if store else seconds,
        notes=standing_notes(settings, encoder, reader, sentences),
    )
    show = show_own_shapes if args.input else show_test
    return show(run, reader, features, logits, projection)


def classification_defaults() -> CfgNode:
    """The shared settings and classification's own."""
    c = defaults()
    c.PROJECTION.METHOD = "realistic"  # or "pointclip_v1", the baseline's: six views in perspective
    return c


if __name__ == "__main__":
    run_command(main)
