"""A page of a segmentation run with names that look like markup."""

import numpy as np

from pointclip.report.page import Heading
from tests.report.reading import FACTS, NASTY
from zeroshot_seg.report import SegmentationCase, write_segmentation_report


def segmentation_case(name="chair_1", truth=True, points=60, names=("seat", NASTY), category="chair"):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(names), points)
    known = labels.copy() if truth else None
    pixel, visible = rng.integers(-5, 230, (10, points, 2)), rng.random((10, points)) < 0.5
    maps = rng.random((10, 224, 224))
    cloud = rng.random((points, 3))
    iou = 81.25 if truth else None
    return SegmentationCase(name, category, cloud, labels, known, names, iou, maps, pixel, visible)


def segmentation_page(path, cases=None):
    cases = [segmentation_case(NASTY), segmentation_case(truth=False)] if cases is None else cases
    rows = [
        {"category": NASTY, "shapes": 1234, "mIoU": 51.26},
        {"category": "bag", "chance": float("nan"), NASTY: None},
    ]
    write_segmentation_report(path, Heading(NASTY, FACTS, [NASTY]), rows, cases, cases[:1])
