"""Zero-shot 3-D detection in a data set or in your own scans: `python main.py --config configs/demo.yaml`."""

if __name__ == "__main__":  # from a checkout, installed or not
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from pointclip.runs.start import run_task

    run_task("zeroshot_det")

import argparse
import time
from collections.abc import Sequence

from yacs.config import CfgNode

from pointclip.prompts import class_sentences, open_prompts
from pointclip.runs.answers import answering
from pointclip.runs.opening import open_extractor
from pointclip.runs.run import describe_run
from zeroshot_det.crop_classifier import detect_in_crops, open_crops
from zeroshot_det.proposals.scene_proposals import propose
from zeroshot_det.realistic_projection import open_projection, open_view_weights
from zeroshot_det.results import of_scenes, report_scenes
from zeroshot_det.scenes.opening import PreparedScenes, open_scenes
from zeroshot_det.scores import evaluate
from zeroshot_det.settings import background_names, parse, scan_classes
from zeroshot_det.size_filter import EXTENTS, read_extents


def main(words: Sequence[str] | None = None) -> dict:
    """Run the command line `words`, by default the process's arguments; returns what metrics.json holds."""
    args, settings = parse(words)
    return answering(args, lambda: run(args, settings))


def run(args: argparse.Namespace, settings: CfgNode) -> dict:
    """Detect as the arguments and settings say; returns what stands in metrics.json."""
    # settings
    weights = open_view_weights(settings, searched=False)
    extents = read_extents(settings.CLASSIFIER.TYPICAL_EXTENTS or EXTENTS)

    # data
    prompts = open_prompts(settings.PROMPTS.FILE)
    scenes = PreparedScenes(open_scenes(settings, args, scan_classes(args, prompts)), settings)
    classes = scenes.class_names
    sentences = class_sentences((*classes, *background_names(settings)), prompts, settings.PROMPTS.TEMPLATE)

    # boxes, without classes yet
    start = time.perf_counter()
    proposed = propose(scenes, settings, not args.quiet)
    seconds = {"proposals": time.perf_counter() - start}

    # model
    extractor = open_extractor(settings, open_projection(settings), args)
    class_features = extractor.class_features(sentences)  # [K + background, C]

    # classification of each box's points, as of a shape
    start = time.perf_counter()
    reader = open_crops(scenes, proposed, settings, extractor.device)
    detections = detect_in_crops(reader, extractor, class_features, weights.values, extents, settings)
    seconds["reading"] = time.perf_counter() - start

    # results
    scores = evaluate(proposed, detections, classes, settings) if scenes.has_truth else None
    origins = sentences.origin, weights.origin
    described = describe_run(args, settings, extractor, reader, sentences, origins, None, sum(seconds.values()))
    described = of_scenes(described, scenes)
    return report_scenes(described, scenes, proposed, detections, scores, seconds, extractor.projection)
