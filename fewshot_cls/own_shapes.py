"""The output of a few-shot run on own shapes: the classes, metrics.json, predictions.csv, report.html, config.yaml."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from torch import Tensor, nn

from fewshot_cls.comparison import depth_maps
from fewshot_cls.report import Change, write_fewshot_report
from fewshot_cls.settings import TASK
from fewshot_cls.training import Training
from pointclip.datasets.batches import BatchReader
from pointclip.runs.answers import ANSWERS
from pointclip.runs.output import write_csv, write_json, write_settings
from pointclip.runs.own_shapes import UP_COLUMNS, answers_of, class_answers, details, print_classes
from pointclip.runs.run import Run, summary_of
from zeroshot_cls.classifier import TOP, Features

PAGED = 100  # --input shapes printed and shown on the page
CALIBRATED = "Probabilities are calibrated on the training shapes, for shapes similar to those."
UNCALIBRATED = "Probabilities are uncalibrated: it takes four training shapes a class, or validation shots."


def report_own_shapes(
    folder: Path,
    run: Run,
    names: Sequence[str],
    reader: BatchReader,
    test: Features,
    zero: Tensor,
    logits: Tensor,
    projection: nn.Module,
    threshold: float,
    calibrated: bool,
    trainings: Mapping[str, Training] = MappingProxyType({}),
) -> dict:
    """Print the most probable classes of each of the user's shapes, and write the run's files.

    Args:
        folder: for the run's files.
        names: of the K classes.
        zero: the zero-shot logits [n, K] of the same classes.
        logits: [n, K] of the head.
        threshold: shapes whose top probability is lower are called none of these.
        calibrated: whether the head's temperature is; see `fewshot_cls.methods.head.Head`.
        trainings: whose curves the page shows, by the draw in words.
    """
    shares = logits.softmax(1).numpy()  # [n, K]
    order = np.argsort(-shares, axis=1, kind="stable")[:, :TOP]
    best = np.take_along_axis(shares, order, 1)
    listed = answers_of(reader, test.indices, class_answers(names, order, best, threshold, calibrated))
    count = len(test.names)
    before = zero.softmax(1).numpy()
    cases = [
        Change(
            name,
            "",
            names[before[i].argmax()],
            float(before[i].max()),
            listed[i]["class"],
            float(best[i, 0]),
            depth_maps(reader.shapes, test.indices[i], projection),
            details(listed[i]),
            reader.shapes[test.indices[i]].points,
            calibrated,
        )
        for i, name in enumerate(test.names[:PAGED] if run.settings.REPORT else ())
    ]
    notes = [*run.notes, CALIBRATED if calibrated else UNCALIBRATED]
    if count > PAGED:
        notes.append(f"The first {PAGED} of {count:,} shapes are shown; all of them are in predictions.csv.")
    run = replace(run, notes=notes)
    given = {"input": reader.shapes.given, "classes": list(names), "threshold": threshold}
    summary = {"task": TASK, **given, **summary_of(run, count), ANSWERS: listed}
    summary["method"] = run.settings.METHOD
    write_json(folder / "metrics.json", summary)
    rows = [
        [one["shape"], one["class"], f"{one['probability']:.6f}", int(calibrated), *(one[name] for name in UP_COLUMNS)]
        for one in listed[:count]
    ]
    write_csv(folder / "predictions.csv", ["shape", "prediction", "probability", "calibrated", *UP_COLUMNS], rows)
    if run.settings.REPORT:
        explanation = "Zero-shot's prediction, few-shot's, the shape itself, and the depth maps that CLIP saw. "
        explanation += "Drag a shape to rotate it; its colours show the height."
        sections = [("Shapes", explanation, cases)]
        write_fewshot_report(
            folder / "report.html",
            "Few-shot classification: own shapes",
            run.facts,
            run.all_notes,
            trainings,
            {},
            sections,
            run.page_footer,
        )
    write_settings(folder / "config.yaml", run.settings)
    print_classes(listed, threshold, PAGED)
    run.print_footer(count)
    return summary
