"""Zero-shot part segmentation of a data set or your own shapes: `python main.py --config configs/demo.yaml`."""

if __name__ == "__main__":  # from a checkout, installed or not
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from pointclip.runs.start import run_task

    run_task("zeroshot_seg")

import argparse
import time
from collections.abc import Sequence

from yacs.config import CfgNode

from pointclip.errors import InputError
from pointclip.prompts import open_prompts, part_sentences
from pointclip.runs.answers import answering
from pointclip.runs.opening import keep_result, open_extractor, open_shapes
from pointclip.runs.pose_search import in_surest_poses
from pointclip.runs.poses import find_up_axes
from pointclip.runs.run import describe_run
from pointclip.search.result import read_result
from zeroshot_seg.labelling import TASK, category_features, check_encoder, make_categories, segment
from zeroshot_seg.projections import open_projection, open_view_weights, selected_views
from zeroshot_seg.results import check_saving, report_own_shapes, report_test
from zeroshot_seg.scores import evaluate
from zeroshot_seg.search import open_search, search_split
from zeroshot_seg.settings import own_category, own_parts, parse


def main(words: Sequence[str] | None = None) -> dict:
    """Run the command line `words` (default: sys.argv); returns the content of metrics.json."""
    args, settings = parse(words)
    return answering(args, lambda: run(args, settings))


def run(args: argparse.Namespace, settings: CfgNode) -> dict:
    """Segment as the arguments and settings say; returns the content of metrics.json."""
    # settings
    result = read_result(settings.SEARCHED, TASK, by_part=True) if settings.SEARCHED else None

    # data
    prompts = open_prompts(settings.PROMPTS.FILE)
    reader = open_shapes(settings, args, (own_category(args),), parts_wanted=True, every_vertex=True)
    check_saving(args, reader)
    names = reader.shapes.class_names
    parts = {names[0]: own_parts(args.parts, args.category, prompts)} if args.input else reader.shapes.part_names
    if not parts:
        raise InputError(f"The data set {settings.DATASET.NAME!r} has no part labels; use shapenetpart or synthetic.")
    sentences = part_sentences(parts, prompts, settings.PROMPTS.TEMPLATE)
    weights = open_view_weights(settings, parts, "weights" in args.search or bool(result and result.weights))
    split = open_search(settings, args) if args.search else None

    # model
    extractor = open_extractor(settings, open_projection(settings, not args.quiet), args)
    check_encoder(extractor.encoder, settings.FEATURES)

    # search for sentences and view weights using labels, if requested
    if split:
        result = search_split(args.search, split, sentences, weights, extractor)
        settings = keep_result(result, settings, args, "instance mIoU")
    if result:
        views, _ = selected_views(settings)
        sentences, weights = result.apply_to_parts(sentences, weights, views, reader.classes_read())

    # part features and view weights
    categories = make_categories(parts, extractor.class_features(sentences.flat()), weights)

    if args.category:  # the --input shapes' up axis, if it is undecided
        named = category_features(extractor, [args.category]), weights[args.category].values, [args.category]
        find_up_axes(reader.shapes, reader.indices, extractor, *named)

    if settings.POSE not in ("default", "as_is"):  # the classes, not their parts, say which pose is sure
        named = category_features(extractor, reader.shapes.class_names), next(iter(weights.values())).values
        reader = in_surest_poses(reader, settings.POSE, extractor, *named)

    # predictions
    start = time.perf_counter()
    shapes = segment(reader, extractor, categories, settings.PROTOCOL, settings.FEATURES)
    seconds = time.perf_counter() - start
    origins = sentences.origin, next(iter(weights.values())).origin
    described = describe_run(args, settings, extractor, reader, sentences.flat(), origins, result, seconds)
    if args.input:
        return report_own_shapes(described, reader, shapes, parts, extractor.projection, args)
    scores = evaluate(shapes, parts, settings.IOU_RULE, settings.SEED)
    return report_test(described, reader, shapes, scores, parts, extractor.projection, args)
