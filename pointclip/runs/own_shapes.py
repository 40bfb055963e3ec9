"""Results for --input shapes: one answer per shape, for the terminal, metrics.json and --json."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from pointclip.datasets import ShapeFiles
from pointclip.datasets.batches import BatchReader
from pointclip.datasets.shape_files import printable
from pointclip.runs.notes import gathered
from pointclip.runs.output import table

FEW = 3  # up to this many shapes are printed with all their top classes, and files with their up axes
NONE = "none of these"  # the prediction for a shape whose top probability is below the threshold
UP_COLUMNS = ("up", "up_by", "up_sure")  # of predictions.csv, see `answers_of`


def answers_of(reader: BatchReader, indices: Sequence[int], answers: Sequence[Mapping]) -> list[dict]:
    """One dict a shape: what it is, the task's answer, and how its up axis was chosen; those left out come last.

    Args:
        reader: of `ShapeFiles`, after they were read.
        indices: of the shapes that were read.
        answers: of the task, for each of them.
    """
    shapes = reader.files
    found = [
        _shape(shapes, i) | dict(answer) | _up(shapes, i) | {"outliers": reader.outliers.get(i, 0)}
        for i, answer in zip(indices, answers, strict=True)
    ]
    return found + [_shape(shapes, i) | {"error": reason} for i, reason in reader.bad.items()]


def class_answers(
    names: Sequence[str],
    top: np.ndarray,
    probabilities: np.ndarray,
    threshold: float,
    calibrated: bool,
    margins: np.ndarray | None = None,
) -> list[dict]:
    """The answers of a classification: the class, or `NONE`, and the top classes.

    Args:
        top, probabilities: [n, T], the most probable classes, best first, and their probabilities.
        margins: [n], cosine margins of the best class over the second; None if the method has none.
    """
    answers = []
    for i, (best, shares) in enumerate(zip(top, probabilities, strict=True)):
        answer = {"class": names[best[0]] if shares[0] >= threshold else NONE, "probability": shares[0]}
        answer |= {"calibrated": calibrated} | ({} if margins is None else {"margin": margins[i]})
        ranked = zip(best, shares, strict=True)
        answers.append(answer | {"top": [{"class": names[k], "probability": share} for k, share in ranked]})
    return answers


def print_classes(answers: Sequence[Mapping], threshold: float, shown: int) -> None:
    """Print the top classes of each of a few shapes, or one line per shape.

    Args:
        answers: see `answers_of` and `class_answers`.
        shown: shapes printed at most.
    """
    answers = [answer for answer in answers if "error" not in answer]
    for answer in answers if len(answers) <= FEW else ():
        rows = [[guess["class"], f"{100 * guess['probability']:.1f}"] for guess in answer["top"]]
        rows += [[f"({NONE}: below {100 * threshold:g} %)", ""]] if answer["class"] == NONE else []
        print(f"\n{table([answer['shape'], heading(answer)], rows)}\n{details(answer)}", flush=True)
    if len(answers) > FEW:
        has_margin = "margin" in answers[0]
        rows = [
            [answer["shape"], answer["class"], f"{100 * answer['probability']:.1f}",
             *([cosine(answer["margin"])] if has_margin else []), up_cell(answer)]
            for answer in answers[:shown]
        ]  # fmt: skip
        head = ["shape", "class", heading(answers[0]), *(["margin"] if has_margin else []), "up"]
        print(f"\n{table(head, rows)}", flush=True)


def heading(answer: Mapping) -> str:
    """The heading of probabilities, which says if they are not calibrated."""
    return "probability %" if answer["calibrated"] else "uncalibrated %"


def details(answer: Mapping) -> str:
    """A line on an answer: its margin, its up axis, and its outliers."""
    margin = f"cosine margin over the second class {cosine(answer['margin'])}; " if "margin" in answer else ""
    origin = "the default" if answer["up_by"] == "undecided" else f"from {answer['up_by']}"
    count = answer["outliers"]
    outliers = f"; {count:,} outlier{'s' * (count != 1)} left out" if count else ""
    return f"{margin}up axis {answer['up']} ({origin}{'' if answer['up_sure'] else ', uncertain'}){outliers}"


def cosine(margin: float) -> str:
    """A cosine margin; a dash if there is no second class."""
    return "–" if margin is None or np.isnan(margin) else f"{margin:.4f}"


def up_cell(answer: Mapping) -> str:
    """An up axis for a table, with a question mark if it is unsure."""
    return answer["up"] + ("" if answer["up_sure"] else "?")


def up_notes(shapes: object) -> list[str]:
    """Notes on the up axes that were guessed: of each of a few files, or how many for which reason."""
    if not isinstance(shapes, ShapeFiles) or shapes.up != "auto":
        return []
    guesses = shapes.guesses
    disagree = gathered([f"{path}: {guess.remark}." for path, guess in guesses.items() if guess.remark])[:FEW]
    if len(guesses) <= FEW:
        return [f"{path}: {guess.words}" for path, guess in guesses.items()]
    counts = Counter((guess.axis, guess.reason, "" if guess.sure else ", unsure") for guess in guesses.values())
    parts = [f"{axis} for {count} ({reason}{unsure})" for (axis, reason, unsure), count in sorted(counts.items())]
    summary = "; ".join(parts)
    return [f"assumed up axes: {summary}; use --up to change this.", *disagree]


def notes_of(shapes: ShapeFiles | None) -> list[str]:
    """Notes on shape files as a whole: those passed over, and their up axes."""
    return [*(shapes.notes if shapes else ()), *up_notes(shapes)]


def _shape(shapes: ShapeFiles, index: int) -> dict:
    entry = shapes.entries[index]
    return {"shape": entry.name, "file": printable(entry.path), "piece": entry.piece or None}


def _up(shapes: ShapeFiles, index: int) -> dict:
    guess = shapes.up_of(index)
    found = {"up": guess.axis, "up_by": guess.reason, "up_sure": guess.sure}
    if guess.margin is not None:
        found["up_margin"] = round(guess.margin, 3)
    return found | ({"up_remark": guess.remark} if guess.remark else {})
