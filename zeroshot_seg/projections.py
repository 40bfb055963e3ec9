"""Which projection the settings mean: its lookup, its views, its steps."""

from yacs.config import CfgNode

from pointclip.projection.spec import steps_from
from pointclip.projection.views import views_from
from zeroshot_seg.realistic_projection import VIEWS, RealisticProjection


def views_of(settings: CfgNode) -> tuple[list[int], int]:
    """The numbers of the views that PROJECTION.VIEWS chooses, and how many there are.

    Raises:
        InputError: for views that there are not.
    """
    return views_from(settings.PROJECTION.VIEWS, len(VIEWS)), len(VIEWS)


def open_projection(settings: CfgNode) -> RealisticProjection:
    """The projection that LOOKUP and PROJECTION.BACKEND, STEPS and VIEWS mean, on the CPU.

    Raises:
        InputError: for unknown words.
    """
    c, (views, _) = settings.PROJECTION, views_of(settings)
    return RealisticProjection(settings.LOOKUP, c.BACKEND, views, steps_from(c.STEPS))
