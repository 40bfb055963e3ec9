"""The projection and view weights that the settings select; few-shot adds V1's ten views."""

from math import pi

from yacs.config import CfgNode

from pointclip.config import with_changes
from pointclip.projection.view_projection import ViewProjection
from pointclip.projection.views import views_of_method
from pointclip.view_weights import ViewWeights, read_view_weights
from zeroshot_cls import perspective_projection
from zeroshot_cls import projections as zeroshot
from zeroshot_cls.perspective_projection import Camera, PerspectiveProjection
from zeroshot_cls.settings import PUBLISHED_WEIGHTS

_SIDES, _ENDS = perspective_projection.VIEWS[:4], perspective_projection.VIEWS[4:]
_CORNERS = tuple(((about * pi / 4, lean * pi / 4, pi / 2),) for about in (5, 7) for lean in (-1, 1))

# PointCLIP V1's few-shot views: four sides, four corners, below and above (published code)
V1_FEW_SHOT = Camera((*_SIDES, *_CORNERS, *_ENDS), size=224, distance=1.4)

CAMERAS = {"pointclip_v1": perspective_projection.ZERO_SHOT, "pointclip_v1_fewshot": V1_FEW_SHOT}

VIEW_COUNTS = zeroshot.VIEW_COUNTS | {"pointclip_v1_fewshot": len(V1_FEW_SHOT.views)}


def selected_views(settings: CfgNode) -> tuple[list[int], int]:
    """See `pointclip.projection.views.views_of_method`; few-shot has V1's few-shot views too."""
    return views_of_method(settings, VIEW_COUNTS)


def open_projection(settings: CfgNode) -> ViewProjection:
    """The projection that PROJECTION selects, on the CPU: points [B, N, 3] -> CLIP's images.

    Raises:
        InputError: for unknown values, and for settings that do not apply to the method.
    """
    if settings.PROJECTION.METHOD != "pointclip_v1_fewshot":
        return zeroshot.open_projection(settings)
    zeroshot.open_projection(with_changes(settings, {"PROJECTION.METHOD": "pointclip_v1", "PROJECTION.VIEWS": "all"}))
    return PerspectiveProjection(selected_views(settings)[0], V1_FEW_SHOT)


def open_training_projection(settings: CfgNode) -> ViewProjection:
    """The projection of augmented training shapes: V1's takes them as they are, so that its images crop them."""
    if settings.PROJECTION.METHOD not in CAMERAS:
        return open_projection(settings)
    open_projection(settings)  # checks the settings
    return PerspectiveProjection(selected_views(settings)[0], CAMERAS[settings.PROJECTION.METHOD], normalise=False)


def open_view_weights(settings: CfgNode, searched: bool) -> ViewWeights:
    """The view weights that VIEW_WEIGHTS selects; uniform ones where a search result supplies them."""
    return read_view_weights(settings.VIEW_WEIGHTS, *selected_views(settings), PUBLISHED_WEIGHTS, searched)


def smoothing_of(settings: CfgNode) -> dict[str, str]:
    """The arguments of `LearnedProjection` that the settings give."""
    c = settings.SMOOTHING
    return {"densify": settings.DENSIFY, "statistics": c.BATCH_NORM, "form": c.FORM}
