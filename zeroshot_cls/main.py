"""Zero-shot classification of a data set or your own shapes: `python main.py --config configs/demo.yaml`."""

if __name__ == "__main__":  # from a checkout, installed or not
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from pointclip.runs.start import run_task

    run_task("zeroshot_cls")

import argparse
import time
from collections.abc import Sequence

from yacs.config import CfgNode

from pointclip.prompts import class_sentences, open_prompts
from pointclip.runs.answers import answering
from pointclip.runs.opening import keep_result, open_extractor, open_shapes
from pointclip.runs.pose_search import in_surest_poses
from pointclip.runs.poses import find_up_axes
from pointclip.runs.run import describe_run
from pointclip.search.result import read_result
from zeroshot_cls.calibrate import calibrate
from zeroshot_cls.calibration import open_calibration
from zeroshot_cls.classifier import TASK, classify
from zeroshot_cls.projections import open_projection, open_view_weights, selected_views
from zeroshot_cls.results import report_own_shapes, report_test
from zeroshot_cls.scores import evaluate
from zeroshot_cls.search import open_search, search_split
from zeroshot_cls.settings import own_classes, parse


def main(words: Sequence[str] | None = None) -> dict:
    """Run the command line `words` (default: sys.argv); returns the content of metrics.json."""
    args, settings = parse(words)
    return answering(args, lambda: run(args, settings))


def run(args: argparse.Namespace, settings: CfgNode) -> dict:
    """Classify as the arguments and settings say; returns the content of metrics.json."""
    # settings
    result = read_result(settings.SEARCHED, TASK) if settings.SEARCHED else None
    weights = open_view_weights(settings, searched="weights" in args.search or bool(result and result.weights))
    calibration = None if args.calibrate else open_calibration(settings)

    # data
    prompts = open_prompts(settings.PROMPTS.FILE)
    reader = open_shapes(settings, args, own_classes(args, prompts))
    sentences = class_sentences(reader.shapes.class_names, prompts, settings.PROMPTS.TEMPLATE)
    split = open_search(settings, args) if args.search else None

    # model
    extractor = open_extractor(settings, open_projection(settings), args)

    # search for sentences and view weights using labels, if requested
    if split:
        result = search_split(args.search, split, sentences, weights, extractor)
        settings = keep_result(result, settings, args, "accuracy")
    if result:
        views, _ = selected_views(settings)
        sentences, weights = result.apply_to_classes(sentences, weights, views)

    # features and predictions
    class_features = extractor.class_features(sentences)
    if args.calibrate:
        calibration, settings = calibrate(settings, args, extractor, class_features, weights.values)
    named = class_features, weights.values, reader.shapes.class_names
    find_up_axes(reader.shapes, reader.indices, extractor, *named)
    reader = in_surest_poses(reader, settings.POSE, extractor, *named[:2])
    start = time.perf_counter()
    answers = classify(reader, extractor, class_features, weights.values, calibration.temperature if calibration else 1)
    seconds = time.perf_counter() - start

    # results
    origins = sentences.origin, weights.origin
    described = describe_run(args, settings, extractor, reader, sentences, origins, result, seconds)
    if args.input:
        return report_own_shapes(described, reader, answers, extractor.projection, args.threshold, calibration)
    scores = evaluate(answers.labels, answers.top[:, 0], reader.shapes.class_names)
    return report_test(described, reader, answers, scores, extractor.projection, calibration)
