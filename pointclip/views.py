"""Views: camera angles to rotations, and how much each view counts.

Euler angles (a, b, c) in radians stand for Rx(a) · Ry(b) · Rz(c), right-handed, acting on column vectors
(PointCLIP V2, published code). A view is a product of such rotations, the first one applied first.
"""

from collections.abc import Sequence
from math import cos, isfinite, sin
from pathlib import Path

import torch
import yaml
from torch import Tensor

from pointclip.errors import InputError

Euler = tuple[float, float, float]


def rotation(angles: Euler) -> Tensor:
    """The rotation Rx(a) · Ry(b) · Rz(c) of Euler angles in radians: [3, 3], float64."""
    a, b, c = angles
    about_x = [[1, 0, 0], [0, cos(a), -sin(a)], [0, sin(a), cos(a)]]
    about_y = [[cos(b), 0, sin(b)], [0, 1, 0], [-sin(b), 0, cos(b)]]
    about_z = [[cos(c), -sin(c), 0], [sin(c), cos(c), 0], [0, 0, 1]]
    rx, ry, rz = (torch.tensor(rows, dtype=torch.float64) for rows in (about_x, about_y, about_z))
    return rx @ ry @ rz


def view_rotations(views: Sequence[Sequence[Euler]]) -> Tensor:
    """The turns of each view, in the order in which they are applied.

    Args:
        views: for each of V views its R Euler triples, the first applied first; all views have the same R.

    Returns:
        [V, R, 3, 3] float32. They stay separate factors because rounding decides into which depth cell the nearest
        and farthest points fall, and the published numbers come from turning step by step.
    """
    return torch.stack([torch.stack([rotation(angles) for angles in view]) for view in views]).float()


def view_weights(setting: str, views: int, published: Path) -> tuple[Tensor, str, str]:
    """The view weights that a setting means.

    Args:
        setting: "uniform", numbers between commas, or the name of a set in the file `published`.
        views: V, how many there must be.
        published: YAML with `origin`, a sentence on how its weights were found, and `weights`, {name: [V numbers]}.

    Returns:
        The weights [V]; words that name them; and what a reader of any result must know of them, "" for nothing.
    """
    if setting == "uniform":
        return torch.ones(views), "uniform", ""
    known = yaml.safe_load(published.read_text(encoding="utf-8"))
    if setting in known["weights"]:
        return torch.tensor(known["weights"][setting]), f"{setting} (published)", known["origin"]
    try:
        weights = [float(word) for word in setting.split(",")]
    except ValueError:
        weights = []
    if len(weights) != views or not all(map(isfinite, weights)) or not 0 < max(map(abs, weights)) < 1e6:
        names = ", ".join(known["weights"])
        raise InputError(
            f"VIEW_WEIGHTS is {setting!r}; 'uniform', {views} numbers between commas (not all 0), "
            f"or one of {names} was expected."
        )
    return torch.tensor(weights), f"given: {setting}", ""
