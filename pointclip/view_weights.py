"""View weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import torch
import yaml
from torch import Tensor

from pointclip.errors import InputError
from pointclip.origin import Origin

UNIFORM = Origin("uniform")


@dataclass(frozen=True)
class ViewWeights:
    """View weights with their origin."""

    values: Tensor  # [V] float32
    origin: Origin


def uniform_weights(views: int) -> ViewWeights:
    """A weight of 1 for every view."""
    return ViewWeights(torch.ones(views), UNIFORM)


def read_view_weights(
    setting: str, views: Sequence[int], total: int, published: Path, searched: bool = False
) -> ViewWeights:
    """Parse the setting VIEW_WEIGHTS.

    Args:
        setting: "uniform", comma-separated numbers for `views`, or the name of a set in the file `published`, of which
            the weights of `views` are used.
        views: the numbers of the V selected views.
        total: the projection's total number of views.
        published: YAML with `origin`, a sentence on how the weights were found, and `weights`, {name: numbers}.
        searched: whether a search chooses or has chosen them, which makes them uniform here.

    Raises:
        InputError: for anything else, or a set for another number of views.
    """
    if searched or setting == "uniform":
        return uniform_weights(len(views))
    known = yaml.safe_load(published.read_text(encoding="utf-8"))
    sets = known["weights"]
    if setting in sets:
        if len(sets[setting]) != total:
            raise InputError(
                f"VIEW_WEIGHTS is {setting!r}, which has {len(sets[setting])} weights, but the projection has {total} "
                "views; use 'uniform' or give numbers."
            )
        origin = Origin(f"{setting} (published)", known["origin"], tuned=True)
        return ViewWeights(torch.tensor([sets[setting][view] for view in views]), origin)
    try:
        weights = [float(word) for word in setting.split(",")]
    except ValueError:
        weights = []
    if len(weights) != len(views) or not all(map(isfinite, weights)) or not 0 < max(map(abs, weights)) < 1e6:
        count = f"{len(views)} numbers" if len(views) > 1 else "1 number"
        options = ["'uniform'", f"{count}, comma-separated, one per view (not all 0)"]
        fitting = [name for name, numbers in sets.items() if len(numbers) == total]
        options += [f"one of {', '.join(fitting)}"] if fitting else []
        raise InputError(f"VIEW_WEIGHTS is {setting!r}; expected {', or '.join(options)}.")
    return ViewWeights(torch.tensor(weights), Origin(f"given: {setting}"))
