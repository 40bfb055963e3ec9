"""Fitting a temperature on the labels of one split, for --calibrate."""

import argparse

from torch import Tensor
from yacs.config import CfgNode

from pointclip.config import with_changes
from pointclip.features import FeatureExtractor
from pointclip.runs.opening import open_split, search_settings
from pointclip.runs.run import data_in_words
from zeroshot_cls.calibration import fit, write_calibration
from zeroshot_cls.classifier import extract_features, view_weighted_logits


def calibrate(
    settings: CfgNode, args: argparse.Namespace, extractor: FeatureExtractor, classes: Tensor, weights: Tensor
) -> CfgNode:
    """Fit on the labels of --search-split and write calibration.yaml to the run's folder; returns settings that use it.

    Args:
        classes: [K, C], unit features of the classes' sentences.
        weights: [V], view weights.
    """
    split = search_settings(settings, args.search_split)
    features = extract_features(open_split(split), extractor)
    logits = view_weighted_logits(features.views, classes.cpu(), weights)
    calibration = fit(logits, features.labels, data_in_words(split), extractor.encoder.name)
    path = args.folder / "calibration.yaml"
    write_calibration(path, calibration)
    before, after = calibration.error_before, calibration.error_after
    print(
        f"{calibration.words}: calibration error {before:.2f} % before, {after:.2f} % after; see {path}\n", flush=True
    )
    return with_changes(settings, {"CALIBRATION": str(path)})
