"""The projection and view weights that the settings select; few-shot adds V1's ten views and V2's learned smoothing."""

from collections.abc import Sequence
from dataclasses import replace
from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from yacs.config import CfgNode

from fewshot_cls.smoothing import LearnedSmoothing
from pointclip.config import with_changes
from pointclip.errors import InputError
from pointclip.projection import to_cells
from pointclip.projection.images import CLIP_SIZE
from pointclip.projection.reference import Box, before_smooth, grid_sizes, squeeze
from pointclip.projection.views import chosen_views, view_rotations, views_from
from pointclip.view_weights import ViewWeights, read_view_weights, uniform_weights
from zeroshot_cls import perspective_projection, realistic_projection
from zeroshot_cls import projections as zeroshot
from zeroshot_cls.perspective_projection import Camera, PerspectiveProjection
from zeroshot_cls.settings import PUBLISHED_WEIGHTS

_SIDES, _ENDS = perspective_projection.VIEWS[:4], perspective_projection.VIEWS[4:]
_CORNERS = tuple(((about * pi / 4, lean * pi / 4, pi / 2),) for about in (5, 7) for lean in (-1, 1))

# PointCLIP V1's few-shot views: four sides, four corners, below and above (published code)
V1_FEW_SHOT = Camera((*_SIDES, *_CORNERS, *_ENDS), size=224, distance=1.4)

CAMERAS = {"pointclip_v1": perspective_projection.ZERO_SHOT, "pointclip_v1_fewshot": V1_FEW_SHOT}

# The paper's densify keeps all 112 rows and columns; the published zero-shot code's leaves 110.
DENSIFY = {
    "zeroshot": realistic_projection.SPEC,
    "paper": replace(realistic_projection.SPEC, densify_window=(1, 5, 5), densify_padding=(0, 2, 2)),
}


def selected_views(settings: CfgNode) -> tuple[list[int], int]:
    """As `zeroshot_cls.projections.selected_views`, plus V1's few-shot views."""
    if settings.PROJECTION.METHOD != "pointclip_v1_fewshot":
        return zeroshot.selected_views(settings)
    total = len(V1_FEW_SHOT.views)
    return views_from(settings.PROJECTION.VIEWS, total), total


def open_projection(settings: CfgNode) -> nn.Module:
    """The projection that PROJECTION selects, on the CPU: points [B, N, 3] -> CLIP's images.

    Raises:
        InputError: for unknown values, and for settings that do not apply to the method.
    """
    if settings.PROJECTION.METHOD != "pointclip_v1_fewshot":
        return zeroshot.open_projection(settings)
    zeroshot.open_projection(with_changes(settings, {"PROJECTION.METHOD": "pointclip_v1", "PROJECTION.VIEWS": "all"}))
    return PerspectiveProjection(selected_views(settings)[0], V1_FEW_SHOT)


def open_training_projection(settings: CfgNode) -> nn.Module:
    """The projection of augmented training shapes: V1's takes them as they are, so that its images crop them."""
    if settings.PROJECTION.METHOD not in CAMERAS:
        return open_projection(settings)
    open_projection(settings)  # checks the settings
    return PerspectiveProjection(selected_views(settings)[0], CAMERAS[settings.PROJECTION.METHOD], normalise=False)


def open_view_weights(settings: CfgNode, searched: bool) -> ViewWeights:
    """The view weights that VIEW_WEIGHTS selects; uniform ones where a search result supplies them."""
    views, total = selected_views(settings)
    if searched:
        return uniform_weights(len(views))
    return read_view_weights(settings.VIEW_WEIGHTS, views, total, PUBLISHED_WEIGHTS)


def smoothing_of(settings: CfgNode) -> dict[str, str]:
    """The arguments of `LearnedProjection` that the settings give."""
    c = settings.SMOOTHING
    return {"densify": settings.DENSIFY, "statistics": c.BATCH_NORM, "form": c.FORM}


class LearnedProjection(nn.Module):
    """V2's ten views with learned smoothing: gradients pass through squeeze to the convolutions.

    Args:
        views: which of the ten views, all by default. They are V in the shapes below.
        densify: "zeroshot" for zero-shot's windows, with which the untrained projection equals zero-shot's, or "paper".
        statistics, seed, form: see `LearnedSmoothing`. In the form "compiled", each of the three channels is divided by
            its own largest value.

    Raises:
        InputError: for another `densify` or other statistics.
    """

    def __init__(
        self,
        views: Sequence[int] = range(len(realistic_projection.VIEWS)),
        densify: str = "zeroshot",
        statistics: str = "frozen",
        seed: int = 0,
        form: str = "paper",
    ):
        super().__init__()
        if densify not in DENSIFY:
            raise InputError(f"The densify step is {densify!r}; expected 'zeroshot' or 'paper'.")
        self.spec = DENSIFY[densify]
        self.smoothing = LearnedSmoothing(self.spec, statistics, seed, form)
        rotations = view_rotations(chosen_views(realistic_projection.VIEWS, views))
        self.register_buffer("rotations", rotations, persistent=False)  # [V, 2, 3, 3]

    @torch.no_grad()
    def grids(self, points: Tensor) -> Tensor:
        """The densified grids, up to which nothing is learned: [B, N, 3] -> [B, V, depth, row, column].

        They are full grids, not cropped as in the engines, since a learned filter need not keep empty cells at 0.
        """
        cells = to_cells(points, self.rotations, self.spec)
        grid, box = before_smooth(cells.flat(), self.spec)
        whole = grid_sizes(self.spec, after_densify=True)
        margins = zip(reversed(box.low), reversed(box.high), reversed(whole), strict=True)
        grid = F.pad(grid, [cells for low, high, size in margins for cells in (low, size - high)])
        return grid.unflatten(0, (len(points), len(self.rotations)))

    def images(self, grids: Tensor) -> Tensor:
        """CLIP's images of densified grids: [M, depth, row, column] -> [M, 3, 224, 224] in [0, 1].

        Each channel has its own filters; all three are divided by the largest value among them, or each by its own.
        """
        smooth = self.smoothing(grids)  # [M, 3, depth, row, column]
        box = Box((0, 0, 0), tuple(grids.shape[1:]))
        maps = squeeze(smooth.flatten(0, 1), box, self.spec).unflatten(0, smooth.shape[:2])  # [M, 3, H, H]
        if self.smoothing.form == "compiled":
            inverted = 1 - maps / (maps.amax((2, 3), keepdim=True) + 1e-8)
        else:
            largest = maps.amax((1, 2, 3), keepdim=True)
            inverted = 1 - maps / largest.clamp(min=torch.finfo(maps.dtype).tiny)  # training may zero a whole map
        return F.interpolate(inverted, size=(CLIP_SIZE, CLIP_SIZE), mode="bilinear", align_corners=True)

    def depth_maps(self, points: Tensor) -> Tensor:
        """Maps to look at, the mean of the three channels: [B, N, 3] -> [B, V, 224, 224]."""
        return self(points).mean(2)

    def forward(self, points: Tensor) -> Tensor:
        """Images as CLIP takes them: [B, N, 3], y up -> [B, V, 3, 224, 224] in [0, 1].

        Raises:
            InputError: as `zeroshot_cls.realistic_projection.RealisticProjection`.
        """
        return self.images(self.grids(points).flatten(0, 1)).unflatten(0, (len(points), len(self.rotations)))
