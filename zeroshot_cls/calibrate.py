"""Fitting a temperature on the labels of one split, for --calibrate."""

import argparse

from torch import Tensor
from yacs.config import CfgNode

from pointclip.config import with_changes
from pointclip.features import FeatureExtractor
from pointclip.runs.opening import open_split, search_settings
from pointclip.runs.run import data_in_words
from zeroshot_cls.calibration import FILE, Calibration, fit
from zeroshot_cls.classifier import extract_features, view_weighted_logits


def calibrate(
    settings: CfgNode, args: argparse.Namespace, extractor: FeatureExtractor, classes: Tensor, weights: Tensor
) -> tuple[Calibration, CfgNode]:
    """Fit on the labels of --search-split; returns the calibration, and settings with the file it will be written to.

    Args:
        classes: [K, C], unit features of the classes' sentences.
        weights: [V], view weights.
    """
    split = search_settings(settings, args.search_split)
    reader = open_split(split)
    features = extract_features(reader, extractor)
    logits = view_weighted_logits(features.views, classes.cpu(), weights)
    data, encoder = data_in_words(split), extractor.encoder.name
    calibration = fit(logits, features.labels, data, encoder, reader.shapes.class_names)
    path = args.folder / FILE
    before, after = calibration.error_before, calibration.error_after
    gain = f"calibration error {before:.2f} % before, {after:.2f} % after"
    print(f"{calibration.words}: {gain}; will be written to {path}\n", flush=True)
    return calibration, with_changes(settings, {"CALIBRATION": str(path)})
