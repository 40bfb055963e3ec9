"""Predictions beside zero-shot's: by class, by shape in predictions.csv, and those that changed, for the page."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fewshot_cls.report import Change
from fewshot_cls.scores import Scores, evaluate
from pointclip.datasets.batches import BatchReader
from pointclip.projection.view_projection import ViewProjection
from pointclip.runs.own_shapes import NONE
from zeroshot_cls.classifier import Features

SHOWN = 4  # shapes on the page for each kind of change


@dataclass(frozen=True)
class Compared:
    """The shapes to classify, with the logits of zero-shot and of a head for the same classes."""

    reader: BatchReader  # of the shapes
    test: Features  # theirs; labels are indices into `names`, -1 if unknown
    names: Sequence[str]  # of the K classes
    zero: Tensor  # [n, K], zero-shot's logits
    logits: Tensor  # [n, K], the head's, divided by its temperature; the first one's of several draws
    projection: ViewProjection  # draws the depth maps
    calibrated: bool  # whether the head's temperature is; see `fewshot_cls.methods.head.Head`
    threshold: float = 0.0  # shapes whose top probability is lower are called none of these; accuracy is of all
    learned: Sequence[int] | None = None  # columns of the classes with shots, where others have none

    def score(self, logits: Tensor) -> Scores:
        """The scores of logits [n, K] of these shapes."""
        return evaluate(logits, self.test.labels, self.names)


def by_class(before: Scores, after: np.ndarray) -> dict[str, tuple[float, float, int]]:
    """Zero-shot's accuracy, another one, and the number of shapes, of each class that has shapes.

    Args:
        after: [K] the other accuracies in percent, in the order of `before.names`.
    """
    counts = before.confusion.sum(1)
    triples = zip(before.names, before.class_accuracy, after, counts.tolist(), strict=True)
    return {name: (old, new, count) for name, old, new, count in triples if count}


def class_rows(classes: dict[str, tuple[float, float, int]]) -> list[list]:
    """Rows of a printed table from `by_class`."""
    return [[name, count, f"{old:.1f}", f"{new:.1f}"] for name, (old, new, count) in classes.items()]


def scored_in_words(scores: Scores, threshold: float) -> str:
    """The accuracy with its standard error, and of the shapes that reach the threshold, as text."""
    words = (
        f"accuracy {scores.accuracy:.1f} % ± {scores.accuracy_error:.1f} (standard error over {scores.shapes} shapes)"
    )
    if not threshold:
        return words
    found = scores.answered(threshold)
    below = f"{100 - found['answered']:.1f} % of the shapes are {NONE} (below {100 * threshold:g} %)"
    accuracy = found["answered_accuracy"]
    return f"{words}; {below}" + ("" if accuracy is None else f", {accuracy:.1f} % of the others correct")


def predictions(tuned: bool, compared: Compared, before: Scores, after: Scores) -> tuple[list[str], list[list]]:
    """The header and the rows of predictions.csv: of each shape its true class if known, zero-shot's and the head's."""
    header = ["shape", "truth", "zeroshot", "prediction", "probability", "correct", "tuned_on_test_labels"]
    names, test = compared.names, compared.test
    first, second = before.probabilities.argmax(1), after.probabilities.argmax(1)
    rows = []
    for i, (name, label) in enumerate(zip(test.names, test.labels.tolist(), strict=True)):
        share, known = after.probabilities[i, second[i]], label >= 0
        called = names[second[i]] if share >= compared.threshold else NONE
        row = [name, names[label] if known else "", names[first[i]], called, f"{share:.6f}"]
        rows.append([*row, int(second[i] == label) if known else "", int(tuned)])
    return header, rows


def changed_sections(compared: Compared, before: Scores, after: Scores) -> list[tuple[str, str, list[Change]]]:
    """Sections of the page: predictions corrected and spoilt by few-shot, the most confident first."""
    changed = {
        ("Corrected by few-shot", "Wrong with zero-shot, correct with few-shot."): after.correct & ~before.correct,
        ("Wrong only with few-shot", "Correct with zero-shot, wrong with few-shot."): ~after.correct & before.correct,
    }
    sections = []
    for (heading, explanation), mask in changed.items():
        places = np.flatnonzero(mask)
        places = places[np.argsort(-after.probabilities[places].max(1), kind="stable")]
        cases = [_change(i, compared, before, after) for i in places[:SHOWN]]
        sections.append((heading, f"{explanation} {len(places)} shape{'s' * (len(places) != 1)}.", cases))
    return sections


def _change(i: int, compared: Compared, before: Scores, after: Scores) -> Change:
    names, first, second = after.names, before.probabilities[i], after.probabilities[i]
    return Change(
        compared.test.names[i],
        names[after.truth[i]],
        names[first.argmax()],
        float(first.max()),
        names[second.argmax()],
        float(second.max()),
        depth_maps(compared, i),
        calibrated=compared.calibrated,
    )


@torch.no_grad()
def depth_maps(compared: Compared, i: int) -> np.ndarray:
    """The depth maps of a shape, [V, H, W] in [0, 1]."""
    projection = compared.projection
    shape = compared.reader.shapes[compared.test.indices[i]]
    points = torch.from_numpy(shape.points)[None].to(projection.rotations.device)
    maps = projection.depth_maps(points)[0].cpu().numpy()
    return maps / max(1, maps.max())  # PointCLIP V1's reach 2.6
