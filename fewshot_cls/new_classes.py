"""Classes without shots beside those that a head has learned (base-to-new): their words alone name them.

Zero-shot of all classes says how probable it is that a shape is of one of the learned classes, and the head divides
that among them. Every head can be used so, and nothing is fitted: shots of some classes don't tell how well words name
the others.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pointclip.datasets.base import Shape, ShapeSet
from pointclip.datasets.wrapped import Wrapped
from pointclip.errors import InputError
from pointclip.prompts import key_of
from pointclip.utils.command import names_from

# Of zero-shot's logits, which CLIP multiplies by 100: on depth maps they are too sure by far. It is the value that
# cross-validation expects (`fewshot_cls.cross_validation.ZERO_PRIOR`).
SCALE = 0.03


@torch.no_grad()
def beside_new(logits: Tensor, zero: Tensor, learned: Sequence[int]) -> Tensor:
    """Logits of learned and new classes together.

    Args:
        logits: [n, B] of the learned classes, divided by the head's temperature.
        zero: [n, K], zero-shot's of all classes.
        learned: the columns of the learned classes in `zero`.

    Returns:
        [n, K]: for a learned class log P(learned) · P(class | learned), the first by zero-shot and the second by the
        head; zero-shot's log P(class) for a new one; up to a constant for each shape.
    """
    scaled = SCALE * zero  # [n, K]
    together, columns = scaled.clone(), list(learned)
    together[:, columns] = logits.log_softmax(1).to(zero) + scaled[:, columns].logsumexp(1, keepdim=True)
    return together


def columns_of(learned: Sequence[str], names: Sequence[str]) -> list[int]:
    """The places of the learned classes among all classes."""
    numbers = {key_of(name): number for number, name in enumerate(names)}
    return [numbers[key_of(name)] for name in learned]


def with_new(learned: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """All classes, the learned ones first.

    Raises:
        InputError: for a new class that is a learned one.
    """
    known = {key_of(name) for name in learned}
    if twice := [name for name in new if key_of(name) in known]:
        raise InputError(f"--new-classes has {twice[0]!r}, which has training shapes; leave it out.")
    return (*learned, *new)


def new_note(names: Sequence[str], learned: Sequence[int]) -> str:
    """What readers should know of the new classes."""
    new = [name for number, name in enumerate(names) if number not in learned]
    listed = ", ".join(new[:5]) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
    return f"Without training shapes, named by their sentences alone: {listed}."


def base_classes(wanted: str, names: Sequence[str]) -> tuple[str, ...]:
    """The classes that get shots, by the setting SHOTS_CLASSES: "all", the first "half" (rounded up), or some names.

    Raises:
        InputError: for names that the data set does not have, or fewer than two.
    """
    if wanted in ("all", "half"):
        return tuple(names) if wanted == "all" else tuple(names[: (len(names) + 1) // 2])
    keys = {key_of(name) for name in names_from(wanted)}
    base = tuple(name for name in names if key_of(name) in keys)
    if len(base) != len(keys) or len(base) < 2:
        raise InputError(
            f"SHOTS_CLASSES is {wanted!r}; expected all, half, or two or more names out of {', '.join(names)}."
        )
    return base


class BaseShapes(Wrapped):
    """A data set of which only some classes are known: shapes of the others have label -1, and are never drawn."""

    def __init__(self, shapes: ShapeSet, base: Sequence[str]):
        super().__init__(shapes)
        self.class_names = tuple(base)
        numbers = np.full(len(shapes.class_names) + 1, -1)  # by the data set's label; -1 for -1, which is last
        numbers[columns_of(base, shapes.class_names)] = np.arange(len(base))
        self.labels = numbers[np.asarray(shapes.labels)]

    def changed(self, shape: Shape, index: int) -> Shape:
        return replace(shape, label=int(self.labels[index]))
