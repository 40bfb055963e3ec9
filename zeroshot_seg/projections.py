"""The projection and view weights selected by the settings."""

from collections.abc import Iterable
from dataclasses import replace

import torch
from yacs.config import CfgNode

from pointclip.config_files import PUBLISHED
from pointclip.datasets.shapenetpart_labels import PART_NAMES
from pointclip.errors import InputError
from pointclip.projection.spec import steps_from
from pointclip.projection.views import views_from
from pointclip.prompts import key_of
from pointclip.view_weights import ViewWeights, read_view_weights
from zeroshot_seg.realistic_projection import VIEWS, RealisticProjection
from zeroshot_seg.settings import PUBLISHED_WEIGHTS


def selected_views(settings: CfgNode) -> tuple[list[int], int]:
    """The view numbers selected by PROJECTION.VIEWS, and the total number of views.

    Raises:
        InputError: for an unknown view.
    """
    return views_from(settings.PROJECTION.VIEWS, len(VIEWS)), len(VIEWS)


def open_projection(settings: CfgNode, progress: bool = False) -> RealisticProjection:
    """The projection for LOOKUP and PROJECTION.BACKEND, STEPS and VIEWS, on the CPU.

    Raises:
        InputError: for invalid settings.
    """
    c, (views, _) = settings.PROJECTION, selected_views(settings)
    return RealisticProjection(settings.LOOKUP, c.BACKEND, views, steps_from(c.STEPS), torch.int16, progress)


def open_view_weights(settings: CfgNode, categories: Iterable[str], searched: bool) -> dict[str, ViewWeights]:
    """The view weights of each category; VIEW_WEIGHTS "published" has one set per category.

    They are uniform if a search chooses or has chosen them.

    Raises:
        InputError: for an invalid setting.
    """
    views, total = selected_views(settings)
    if searched or settings.VIEW_WEIGHTS != PUBLISHED:
        weights = read_view_weights(settings.VIEW_WEIGHTS, views, total, PUBLISHED_WEIGHTS, searched)
        return dict.fromkeys(categories, weights)
    by_category = {}
    for name in categories:
        if key_of(name) not in PART_NAMES:
            raise InputError(f"VIEW_WEIGHTS is 'published', but there are none for {name!r}; use 'uniform' instead.")
        weights = read_view_weights(key_of(name), views, total, PUBLISHED_WEIGHTS)
        origin = replace(weights.origin, words="published, one set per category")
        by_category[name] = replace(weights, origin=origin)
    return by_category
