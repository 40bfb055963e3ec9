"""The size filter: a box cannot have a class whose objects are much smaller or larger (ImOV3D)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pointclip.errors import InputError
from pointclip.prompts import key_of
from pointclip.utils.files import read_yaml
from zeroshot_det.boxes import SIZE

EXTENTS = Path(__file__).with_name("typical_extents.yaml")


def read_extents(path: str | Path = EXTENTS) -> dict[str, tuple[float, float, float]]:
    """Typical extents in metres: {class: (longer side, shorter side, height)}.

    Raises:
        InputError: for anything other than three positive numbers per class.
    """
    values = read_yaml(path, "the typical extents", "see zeroshot_det/typical_extents.yaml")
    if not isinstance(values, dict):
        raise InputError(f"{path} is not a mapping; {{class: [longer side, shorter side, height]}} was expected.")
    for name, sides in values.items():
        three = isinstance(sides, list) and len(sides) == 3
        if not three or not all(isinstance(side, int | float) and 0 < side < 100 for side in sides):
            raise InputError(f"{path}: {name} has {sides!r}; three positive numbers in metres were expected.")
    return {key_of(str(name)): tuple(map(float, sides)) for name, sides in values.items()}


def fits(
    boxes: np.ndarray, class_names: Sequence[str], extents: Mapping[str, Sequence[float]], tolerance: float
) -> np.ndarray:
    """Which classes a box of its size may have.

    Along each axis, T < extent / typical extent < 1 / T. A box's longer and shorter horizontal side are compared with
    the class's, whatever the box's heading.

    Args:
        boxes: [n, 7].
        class_names: K names; a class without typical extents fits every box.
        extents: from `read_extents`.
        tolerance: T in [0, 1); with 0 everything fits.

    Returns:
        [n, K] bool.
    """
    sides = np.concatenate([-np.sort(-boxes[:, SIZE][:, :2], axis=1), boxes[:, 5:6]], axis=1)  # [n, 3]
    result = np.ones((len(boxes), len(class_names)), bool)
    for k, name in enumerate(class_names):
        if tolerance > 0 and key_of(name) in extents:
            ratio = sides / np.array(extents[key_of(name)])
            result[:, k] = ((ratio > tolerance) & (ratio < 1 / tolerance)).all(1)
    return result
