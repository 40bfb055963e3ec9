"""Pages of classification runs with names that look like markup."""

from dataclasses import replace

import numpy as np

from pointclip.report.page import Footer, Heading
from tests.report.reading import FACTS, NASTY
from zeroshot_cls.report import ClassificationCase, write_classification_report, write_shapes_report


def classification_case(name="chair_1", truth="chair", views=10):
    maps = np.random.default_rng(0).random((views, 12, 12))
    return ClassificationCase(name, truth, "chair", 0.9, maps, [("chair", 0.9), (NASTY, 0.1)])


def classification_page(path, classes=3, cases=None):
    cases = [classification_case(NASTY)] if cases is None else cases
    names = [NASTY, *(f"class {number}" for number in range(1, classes))]
    confusion = np.arange(classes**2).reshape(classes, classes)
    accuracy = {name: (int(row[i]), int(row.sum())) for i, (name, row) in enumerate(zip(names, confusion, strict=True))}
    write_classification_report(path, Heading(NASTY, FACTS, [NASTY]), accuracy, confusion, names, cases, cases)


def shapes_page(path):
    first = replace(classification_case(NASTY, None), points=np.random.default_rng(0).random((3000, 3)))
    cases = [first, classification_case(views=3, truth=None)]
    footer = Footer(NASTY, "1970-01-01", "0", files=("report.html",))
    write_shapes_report(path, Heading(NASTY, FACTS, footer=footer), cases)
