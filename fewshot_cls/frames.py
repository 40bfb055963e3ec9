"""One up axis for a folder of training shapes, and for the shapes that its head classifies.

A head compares shapes with its training shapes, so all have to stand alike, even where they stand wrongly: an axis that
is guessed for each shape by itself turns some of a class one way and some another.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pointclip.datasets import ShapeFiles
from pointclip.datasets.up_axis import CUES, MODEL, UNDECIDED, UpGuess
from pointclip.errors import InputError

FOLDER = "the training folder's common axis"
GUESSED = (CUES, MODEL, UNDECIDED, FOLDER)  # reasons that are no statement of the file itself
AGREED = 0.8  # share of a folder's shapes from which on their poses are taken to be consistent


@dataclass(frozen=True)
class Frame:
    """The up axis that a training folder's shapes were given."""

    axis: str
    share: float  # of its shapes whose own guess it was

    @property
    def consistent(self) -> bool:
        return self.share >= AGREED

    @property
    def note(self) -> str:
        """A note for readers of a run."""
        agree = f"All training shapes were read with {self.axis} up, the guess for {100 * self.share:.0f} % of them"
        if self.consistent:
            return f"{agree}; --up changes this."
        return f"{agree}, and so were the others, since they stand in no common way; turn them, or give --up."


def common_frame(files: ShapeFiles | None, indices: Sequence[int]) -> Frame | None:
    """Give training shapes whose axis was guessed the most common guess; None where none was guessed.

    Args:
        files: the training shapes, after `find_up_axes`; None for those of a data set.
        indices: of those that were drawn.
    """
    guessed = _guessed(files, indices)
    if files is None or not guessed:
        return None
    axis, count = Counter(files.up_of(i).axis for i in guessed).most_common(1)[0]
    frame = Frame(axis, count / len(guessed))
    for i in guessed:
        files.set_up(i, UpGuess(axis, FOLDER, sure=frame.consistent))
    return frame


def stand_alike(files: ShapeFiles | None, frame: Frame | None) -> None:
    """Give shapes to classify the training shapes' axis, except where their own is stated by the file.

    Where the training shapes stand consistently, an axis that is sure is kept too.

    Args:
        files: the shapes, after `find_up_axes` if `frame` is consistent; None for those of a data set.
        frame: of the training shapes; None leaves the shapes as they are.
    """
    if files is None or frame is None or files.up != "auto":
        return
    for i, entry in enumerate(files.entries):
        try:
            own = files.up_of(i) if files.has_up(i) else files.guess(i)[0]
        except InputError:  # reported when the shape itself is read
            continue
        if not entry.reason and own.reason in GUESSED and not (frame.consistent and own.sure):
            files.set_up(i, UpGuess(frame.axis, FOLDER, sure=frame.consistent))


def _guessed(files: ShapeFiles | None, indices: Sequence[int]) -> list[int]:
    """The shapes whose axis was guessed; those that could not be read have none."""
    if files is None or files.up != "auto":
        return []
    return [i for i in indices if files.has_up(i) and files.up_of(i).reason in GUESSED]
