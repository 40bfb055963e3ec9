"""How much each view counts."""

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
    """Every one of the views counts 1."""
    return ViewWeights(torch.ones(views), UNIFORM)


def read_view_weights(setting: str, views: Sequence[int], total: int, published: Path) -> ViewWeights:
    """The view weights that a setting means.

    Args:
        setting: "uniform", one number for each of `views` between commas, or the name of a set in the file `published`,
            from which the weights of `views` are taken.
        views: the numbers of the V views to be weighted.
        total: how many views the projection has, selected or not.
        published: YAML with `origin`, a sentence on how its weights were found, and `weights`, {name: numbers}.

    Raises:
        InputError: for anything else, and for a set that was made for another number of views.
    """
    if setting == "uniform":
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
        ways = ["'uniform'", f"{count} between commas, one a view (not all 0)"]
        fitting = [name for name, numbers in sets.items() if len(numbers) == total]
        ways += [f"one of {', '.join(fitting)}"] if fitting else []
        raise InputError(f"VIEW_WEIGHTS is {setting!r}; {', or '.join(ways)} was expected.")
    return ViewWeights(torch.tensor(weights), Origin(f"given: {setting}"))
