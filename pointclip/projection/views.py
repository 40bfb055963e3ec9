"""Views: camera angles to rotations.

Euler angles (a, b, c) in radians stand for Rx(a) · Ry(b) · Rz(c), right-handed, acting on column vectors
(PointCLIP V2, published code). A view is a product of such rotations, the first one applied first.
"""

from collections.abc import Sequence
from math import cos, sin

import torch
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


def chosen_views(all_views: Sequence[Sequence[Euler]], numbers: Sequence[int]) -> list[Sequence[Euler]]:
    """The views of these numbers; an InputError for a number that no view has, and for none at all."""
    if not len(numbers) or any(number not in range(len(all_views)) for number in numbers):
        raise InputError(f"The views came as {list(numbers)}; numbers from 0 to {len(all_views) - 1} were expected.")
    return [all_views[number] for number in numbers]


def views_from(text: str, count: int) -> list[int]:
    """The numbers of the views that a setting means: "all", or numbers between commas, in the order given.

    Args:
        text: the setting PROJECTION.VIEWS.
        count: how many views there are; their numbers are 0 to count − 1.

    Raises:
        InputError: for anything else, and for a view named twice.
    """
    if text.strip() == "all":
        return list(range(count))
    words = [word.strip() for word in text.split(",")]
    known = [str(view) for view in range(count)]
    for place, word in enumerate(words):
        if word not in known:
            raise InputError(
                f"PROJECTION.VIEWS is {text!r}; 'all' or numbers from 0 to {count - 1} between commas were expected."
            )
        if word in words[:place]:
            raise InputError(f"PROJECTION.VIEWS is {text!r}, which names view {word} twice; name each view once.")
    return [int(word) for word in words]
