"""Zero-shot classification of a data set or of own shapes: `python main.py --config configs/demo.yaml`."""

import os
import signal
import sys
import time
from pathlib import Path

if __name__ == "__main__":  # the imports take seconds; Ctrl-C ends them without a stack trace
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, installed or not

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
from pointclip.errors import InputError
from pointclip.prompts import sentences_for, text_features
from pointclip.run import Run, prompts_in_words, standing_notes
from pointclip.views import view_weights
from zeroshot_cls.classifier import extract_features, view_weighted_logits
from zeroshot_cls.realistic_projection import VIEWS, RealisticProjection
from zeroshot_cls.results import show_own_shapes, show_test

PUBLISHED_WEIGHTS = Path(__file__).with_name("view_weights.yaml")


def main() -> None:
    # settings
    parser = argument_parser("Zero-shot classification of point clouds with CLIP (PointCLIP V2).")
    parser.add_argument("--classes", type=names_from, default=(), metavar="A,B,C", help="class names for --input")
    args, settings = parse_settings(parser, defaults())
    if args.classes and not args.input:
        raise InputError("--classes goes with --input FILE…; a data set brings its own classes.")
    weights, weights_name, weights_note = view_weights(settings.VIEW_WEIGHTS, len(VIEWS), PUBLISHED_WEIGHTS)

    # data
    prompts = open_prompts(settings)
    classes = args.classes or tuple(prompts)
    if args.input and not classes:
        raise InputError("No class names came for --input; name them with --classes a,b,c.")
    shapes, reader = open_shapes(settings, args.input, args.up, classes)
    sentences = sentences_for(shapes.class_names, prompts, settings.PROMPTS.TEMPLATE)

    # model
    encoder = open_encoder(settings)
    projection = RealisticProjection(settings.PROJECTION.BACKEND).to(encoder.device)

    # features
    class_features = text_features(sentences, encoder, progress=not args.quiet).cpu()
    start = time.perf_counter()
    features = extract_features(reader, projection, encoder, progress=not args.quiet)
    seconds = time.perf_counter() - start

    # answer
    logits = view_weighted_logits(features.views, class_features, weights)
    run = Run(
        folder=run_folder(args.config, settings),
        settings=settings,
        data="own shapes" if args.input else f"{settings.DATASET.NAME} ({settings.DATASET.SPLIT})",
        encoder=f"{encoder.name}, {encoder.precision}",
        prompts=prompts_in_words(settings, sentences, prompts, "class"),
        view_weights=weights_name,
        seconds=seconds,
        notes=standing_notes(settings, weights_note, reader.bad),
    )
    show = show_own_shapes if args.input else show_test
    show(run, reader, features, logits, projection)


if __name__ == "__main__":
    run_command(main)
