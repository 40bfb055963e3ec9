"""Views: from camera angles to rotations.

Euler angles (a, b, c) in radians denote Rx(a) · Ry(b) · Rz(c), right-handed, acting on column vectors
(PointCLIP V2, published code). A view is a sequence of such rotations, applied in order.
"""

from collections.abc import Mapping, Sequence
from math import cos, sin

import torch
from torch import Tensor
from yacs.config import CfgNode

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
    """The rotations of each view, in the order in which they are applied.

    Args:
        views: for each of V views, its R Euler triples in order of application; R is the same for all views.

    Returns:
        [V, R, 3, 3] float32. The factors are not multiplied out because rounding decides into which depth cell the
        nearest and farthest points fall, and the published numbers come from applying them one by one.
    """
    return torch.stack([torch.stack([rotation(angles) for angles in view]) for view in views]).float()


def chosen_views(all_views: Sequence[Sequence[Euler]], numbers: Sequence[int]) -> list[Sequence[Euler]]:
    """The views with these indices; an InputError for an index out of range or an empty list."""
    if not len(numbers) or any(number not in range(len(all_views)) for number in numbers):
        raise InputError(f"The views are {list(numbers)}; expected numbers from 0 to {len(all_views) - 1}.")
    return [all_views[number] for number in numbers]


def views_of_method(settings: CfgNode, counts: Mapping[str, int]) -> tuple[list[int], int]:
    """The view numbers selected by PROJECTION.VIEWS, and the total number of views of PROJECTION.METHOD.

    Args:
        settings: a task's.
        counts: {method: its number of views}.

    Raises:
        InputError: for an unknown method or view.
    """
    method = settings.PROJECTION.METHOD
    if method not in counts:
        raise InputError(f"PROJECTION.METHOD is {method!r}; expected {' or '.join(map(repr, counts))}.")
    return views_from(settings.PROJECTION.VIEWS, counts[method]), counts[method]


def views_from(text: str, count: int) -> list[int]:
    """Parse the setting PROJECTION.VIEWS: "all", or comma-separated view numbers, in the order given.

    Args:
        text: the setting.
        count: the number of views, numbered 0 to count − 1.

    Raises:
        InputError: for anything else, or a repeated view.
    """
    if text.strip() == "all":
        return list(range(count))
    words = [word.strip() for word in text.split(",")]
    known = [str(view) for view in range(count)]
    for index, word in enumerate(words):
        if word not in known:
            raise InputError(
                f"PROJECTION.VIEWS is {text!r}; expected 'all' or comma-separated numbers from 0 to {count - 1}."
            )
        if word in words[:index]:
            raise InputError(f"PROJECTION.VIEWS is {text!r}, which lists view {word} twice; list each view once.")
    return [int(word) for word in words]
