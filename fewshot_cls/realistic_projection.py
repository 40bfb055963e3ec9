"""Few-shot's realistic projection: zero-shot classification's views and parameters, with a smoothing that learns."""

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from fewshot_cls.smoothing import LearnedSmoothing
from pointclip.errors import InputError
from pointclip.projection import to_cells
from pointclip.projection.images import CLIP_SIZE
from pointclip.projection.reference import Box, before_smooth, grid_sizes, squeeze
from pointclip.projection.view_projection import ViewProjection
from zeroshot_cls.realistic_projection import SPEC, VIEWS

# The paper's densify keeps all 112 rows and columns; the published zero-shot code's leaves 110.
DENSIFY = {
    "zeroshot": SPEC,
    "paper": replace(SPEC, densify_window=(1, 5, 5), densify_padding=(0, 2, 2)),
}


class LearnedProjection(ViewProjection):
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
        views: Sequence[int] | None = None,
        densify: str = "zeroshot",
        statistics: str = "frozen",
        seed: int = 0,
        form: str = "paper",
    ):
        super().__init__(VIEWS, views)
        if densify not in DENSIFY:
            raise InputError(f"The densify step is {densify!r}; expected 'zeroshot' or 'paper'.")
        self.spec = DENSIFY[densify]
        self.smoothing = LearnedSmoothing(self.spec, statistics, seed, form)

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
        box = Box((0, 0, 0), (grids.shape[1], grids.shape[2], grids.shape[3]))
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
