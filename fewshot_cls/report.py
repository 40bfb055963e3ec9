"""A few-shot run's page: learning curve, accuracy per class beside zero-shot, shapes whose prediction changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fewshot_cls.training import Training
from pointclip.report import pictures
from pointclip.report.album import Album, cell, column, short_names
from pointclip.report.page import Heading, render
from pointclip.report.pictures import INK, LINE

TEMPLATE = Path(__file__).with_name("report.html.j2")
COLOURS = ("#0072b2", "#d55e00")  # safe for colour-blind readers


@dataclass(frozen=True)
class Change:
    """One shape on the page: few-shot's prediction beside zero-shot's."""

    name: str
    truth: str  # "" where unknown
    before: str  # zero-shot's prediction
    before_share: float  # its probability
    after: str  # few-shot's
    after_share: float
    maps: np.ndarray  # [V, H, W] in [0, 1]
    details: str = ""  # more on the shape
    points: np.ndarray | None = None  # [N, 3], y up, if the shape itself is shown
    calibrated: bool = False  # whether the probability is


def write_fewshot_report(
    path: Path,
    heading: Heading,
    trainings: Mapping[str, Training],
    classes: Mapping[str, tuple[float, float, int]],
    sections: Sequence[tuple[str, str, Sequence[Change]]],
) -> None:
    """Write the page and its pictures.

    Args:
        trainings: one for each seed, by name; empty for methods without training.
        classes: class -> (zero-shot's accuracy, few-shot's, both in percent, number of shapes); may be empty.
        sections: heading, explanation, shapes.
    """
    album = Album(path)
    curves = [
        {"name": name, "curve": album.add(f"curve-{number}", learning_curve(training))}
        for number, (name, training) in enumerate(trainings.items())
    ]
    rows = [
        [name, after, cell(after), cell(before), cell(after - before), cell(count)]
        for name, (before, after, count) in sorted(classes.items(), key=lambda item: -item[1][1])
    ]
    columns = [column("class", text=True), column("few-shot", bar=True)]
    columns += map(column, ("few-shot %", "zero-shot %", "gain", "shapes"))
    shown = [
        (heading, explanation, _drawn(album, place, cases))
        for place, (heading, explanation, cases) in enumerate(sections)
    ]
    explanation = (
        "Loss on the shots, accuracy on the shots and on the shapes that the epoch was selected on; the line marks it."
    )
    table = {
        "title": "Accuracy of each class",
        "caption": "The mean, if there are several draws.",
        "columns": columns,
        "rows": rows,
    }
    page = render(
        TEMPLATE,
        heading,
        clouds=any(case["cloud"] for *_, cases in shown for case in cases),
        table=table,
        sections=[("Learning curve", explanation, curves), *shown],
    )
    album.write_page(page)


def learning_curve(training: Training) -> Figure:
    """Loss and accuracies over the epochs, with the kept epoch marked."""
    epochs = [epoch.number + 1 for epoch in training.epochs]
    figure = Figure(figsize=(9, 3), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(epochs, [epoch.loss for epoch in training.epochs], color=COLOURS[0])
    right.plot(epochs, [epoch.accuracy for epoch in training.epochs], color=COLOURS[0], label="shots")
    if training.epochs[0].chosen_on is not None:
        selection = [epoch.chosen_on for epoch in training.epochs]
        right.plot(epochs, selection, color=COLOURS[1], linestyle="--", label="selected on")
        right.legend(frameon=False, fontsize=8)
    for axes, label in ((left, "loss"), (right, "accuracy %")):
        axes.axvline(training.chosen + 1, color=LINE, linewidth=1)
        axes.set_xlabel("epoch", color=INK)
        axes.set_ylabel(label, color=INK)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _drawn(album: Album, place: int, cases: Sequence[Change]) -> list[dict]:
    """The cases of a section as the template takes them, without their large arrays."""
    drawn = []
    for i, (case, name) in enumerate(zip(cases, short_names([case.name for case in cases]), strict=True)):
        entry = {key: value for key, value in vars(case).items() if key not in ("maps", "points")}
        entry |= {"path": case.name, "name": name, "correct": case.after == case.truth, "views": len(case.maps)}
        entry["cloud"] = None if case.points is None else pictures.figure_json(pictures.shape_cloud(case.points))
        entry["picture"] = album.add(f"change-{place}-{i}", pictures.depth_map_strip(case.maps))
        drawn.append(entry)
    return drawn
