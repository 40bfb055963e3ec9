"""The size filter: a box cannot have a class whose objects are much smaller or larger (ImOV3D)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pointclip.errors import InputError
from pointclip.prompts import key_of
from pointclip.utils.files import read_yaml
from zeroshot_det.boxes import SIZE

EXTENTS = Path(__file__).with_name("typical_extents.yaml")
# Sides, longest first, of any object in a room, in metres: for class names without typical extents.
SMALLEST, LARGEST = (0.1, 0.08, 0.01), (4.0, 3.0, 3.0)


def read_extents(path: str | Path = EXTENTS) -> dict[str, tuple[float, float, float]]:
    """Typical extents in metres: {class: (longer side, shorter side, height)}.

    Raises:
        InputError: for anything other than three positive numbers per class.
    """
    values = read_yaml(path, "the typical extents", "see zeroshot_det/typical_extents.yaml")
    if not isinstance(values, dict):
        raise InputError(f"{path} is not a mapping; expected {{class: [longer side, shorter side, height]}}.")
    for name, sides in values.items():
        three = isinstance(sides, list) and len(sides) == 3
        if not three or not all(isinstance(side, int | float) and 0 < side < 100 for side in sides):
            raise InputError(f"{path}: {name} has {sides!r}; expected three positive numbers in metres.")
    return {key_of(str(name)): (float(a), float(b), float(c)) for name, (a, b, c) in values.items()}


def extents_of(name: str, extents: Mapping[str, Sequence[float]]) -> Sequence[float] | None:
    """The typical extents of a name, or else of its last words ("swivel chairs" has those of "chair"), or None."""
    words = key_of(name).split()
    for start in range(len(words)):
        last_words = " ".join(words[start:])
        for key in (last_words, last_words.removesuffix("s"), last_words.removesuffix("es")):
            if key in extents:
                return extents[key]
    return None


def fits(
    boxes: np.ndarray, class_names: Sequence[str], extents: Mapping[str, Sequence[float]], tolerance: float
) -> np.ndarray:
    """Which classes a box of its size may have.

    Along each axis, T < extent / typical extent < 1 / T. A box's longer and shorter horizontal side are compared with
    the class's, whatever the box's heading. A class for which `extents_of` finds none fits boxes whose sides, longest
    first, are from SMALLEST to LARGEST.

    Args:
        boxes: [n, 7].
        class_names: K names.
        extents: from `read_extents`.
        tolerance: T in [0, 1); with 0 everything fits.

    Returns:
        [n, K] bool.
    """
    result = np.ones((len(boxes), len(class_names)), bool)
    if tolerance == 0:
        return result
    sides = np.concatenate([-np.sort(-boxes[:, SIZE][:, :2], axis=1), boxes[:, 5:6]], axis=1)  # [n, 3]
    longest_first = -np.sort(-sides, axis=1)
    of_any_object = ((longest_first >= SMALLEST) & (longest_first <= LARGEST)).all(1)
    for k, name in enumerate(class_names):
        typical = extents_of(name, extents)
        if typical is None:
            result[:, k] = of_any_object
        else:
            ratio = sides / np.array(typical)
            result[:, k] = ((ratio > tolerance) & (ratio < 1 / tolerance)).all(1)
    return result
