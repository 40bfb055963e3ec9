"""The projection and view weights selected by the settings."""

from yacs.config import CfgNode

from pointclip.errors import InputError
from pointclip.projection.spec import steps_from
from pointclip.projection.views import views_of_method
from pointclip.view_weights import ViewWeights, read_view_weights
from zeroshot_cls import perspective_projection, realistic_projection
from zeroshot_cls.perspective_projection import PerspectiveProjection
from zeroshot_cls.realistic_projection import RealisticProjection
from zeroshot_cls.settings import PUBLISHED_WEIGHTS

Projection = RealisticProjection | PerspectiveProjection

VIEW_COUNTS = {"realistic": len(realistic_projection.VIEWS), "pointclip_v1": len(perspective_projection.VIEWS)}


def selected_views(settings: CfgNode) -> tuple[list[int], int]:
    """See `pointclip.projection.views.views_of_method`."""
    return views_of_method(settings, VIEW_COUNTS)


def open_projection(settings: CfgNode) -> Projection:
    """The projection for PROJECTION.METHOD, BACKEND, STEPS and VIEWS, on the CPU: [B, N, 3] -> CLIP's images.

    Raises:
        InputError: for invalid settings, or settings that do not apply to the method.
    """
    views, _ = selected_views(settings)
    c = settings.PROJECTION
    if c.METHOD == "realistic":
        return RealisticProjection(c.BACKEND, views, steps_from(c.STEPS))
    if c.STEPS != "all":
        raise InputError(
            f"PROJECTION.STEPS is {c.STEPS!r}, but the method 'pointclip_v1' has no such steps; leave it at 'all'."
        )
    if c.BACKEND not in ("auto", "reference"):
        raise InputError(
            f"PROJECTION.BACKEND is {c.BACKEND!r}, but the method 'pointclip_v1' is plain torch; leave it at 'auto'."
        )
    return PerspectiveProjection(views)


def open_view_weights(settings: CfgNode, searched: bool) -> ViewWeights:
    """The view weights of VIEW_WEIGHTS; uniform ones if a search chooses or has chosen them."""
    return read_view_weights(settings.VIEW_WEIGHTS, *selected_views(settings), PUBLISHED_WEIGHTS, searched)
