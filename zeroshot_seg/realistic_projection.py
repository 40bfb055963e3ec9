"""Segmentation's realistic projection: its ten views, its parameters, and each point's pixel and visibility."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import pi

import torch
from torch import Tensor
from tqdm import tqdm

from pointclip.errors import InputError
from pointclip.projection import STEPS, Cells, ProjectionSpec, project, to_unit_box
from pointclip.projection.images import CLIP_SIZE, clip_images
from pointclip.projection.view_projection import VoxelProjection

SPEC = ProjectionSpec(
    resolution=224,
    depth_cells=112,
    object_ratio=0.7,
    depth_bias=0.3,
    densify_window=(5, 11, 11),
    densify_padding=(2, 5, 5),
    smooth_window=(5, 5, 5),
    smooth_padding=(2, 2, 2),
    sigma_depth=2.0,
    sigma_image=1.0,
)

MARGIN = 20  # rows and columns cropped on each side before resizing to CLIP's size
CROP_SIZE = SPEC.image_size - 2 * MARGIN
VISIBLE_WITHIN = 0.1  # maximum difference of a point's depth from the depth map
LOOKUPS = ("corrected", "published")

LIFT, TILT, LEAN, NONE = pi / 4, pi / 9, pi / 15, (0, 0, 0)
SIDES = ((0, 0, pi / 2), (pi / 2, 0, pi / 2), (pi, 0, pi / 2), (3 * pi / 2, 0, pi / 2))
BELOW_AND_ABOVE = ((0, -pi / 2, pi / 2), (0, pi / 2, pi / 2))

# Each view is a rotation by the first Euler triple, then the second, then the third.
VIEWS = (
    *((side, (LIFT, 0, 0), (0, TILT, 0)) for side in SIDES),
    *((side, NONE, (0, TILT, 0)) for side in SIDES),
    *((end, (LEAN, 0, 0), (0, LEAN, 0)) for end in BELOW_AND_ABOVE),
)


@dataclass(frozen=True)
class SeenPoints:
    """Each point's pixel and visibility."""

    visible: Tensor  # [B, 10, N] bool, whether nothing nearer occludes the point in this view
    pixel: Tensor  # [B, 10, N, 2] int64, (row, column) in the 224 x 224 image


@dataclass(frozen=True)
class ProjectedPoints(SeenPoints):
    """The images for CLIP, with each point's pixel and visibility."""

    images: Tensor  # [B, 10, 3, 224, 224] float32 in [0, 1], three identical channels that share memory


class RealisticProjection(VoxelProjection):
    """Ten depth maps of each point cloud with every point's pixel and visibility (PointCLIP V2, section 3.4).

    `depth_maps` makes [B, 10, 224, 224] in [0, 1].

    Args:
        lookup: "corrected" reads a point at its own pixel. "published" does what the published code does:
            it swaps row and column when looking up a point, and a cell keeps its last point's depth, not the nearest.
        backend: the engine, "auto" for the fastest available (see `pointclip.projection`).
        views: which of the ten views to make, all by default; with fewer, the 10 in the shapes here is their number.
        steps: the steps after voxelize, all by default (see `ProjectionSpec.only`).
        pixel_type: of the pixels; int16 takes a quarter of the memory.
        progress: whether to show a progress bar for clouds so large that their views are processed one by one.

    Raises:
        InputError: for an unknown lookup, backend or step, and views that there are not.
    """

    def __init__(
        self,
        lookup: str = "corrected",
        backend: str = "auto",
        views: Sequence[int] | None = None,
        steps: Sequence[str] = STEPS,
        pixel_type: torch.dtype = torch.int64,
        progress: bool = False,
    ):
        super().__init__(SPEC, VIEWS, views, backend, steps)
        if lookup not in LOOKUPS:
            raise InputError(f"Unknown lookup {lookup!r}; choose {' or '.join(LOOKUPS)}.")
        self.lookup, self.pixel_type, self.progress = lookup, pixel_type, progress

    def forward(self, points: Tensor) -> ProjectedPoints:
        """Images for CLIP, and each point's pixel and visibility in them: points [B, N, 3], see `depth_maps`."""
        unit = to_unit_box(points, self.backend)
        seen = [self._see(unit, part) for part in self.groups(unit)]
        if len(seen) == 1:
            return seen[0]
        fields = ("visible", "pixel", "images")
        return ProjectedPoints(**{name: torch.cat([getattr(group, name) for group in seen], 1) for name in fields})

    def _see(self, unit: Tensor, part: slice) -> ProjectedPoints:
        """Project clouds in unit boxes in a group of the views."""
        cells = self.cells(unit, part)
        seen_at = self.lookup_cells(cells)
        # squeeze does not affect occlusion, so it is used here even if the maps are made without it
        nearest, own_depth = project(cells, replace(self.spec, squeeze=True), lookup=seen_at, backend=self.backend)
        maps = nearest if self.spec.squeeze else project(cells, self.spec, backend=self.backend)[0]
        assert own_depth is not None  # there was a lookup
        pixel = seen_at.row * self.spec.image_size + seen_at.column  # [B, 10, N]
        visible = (nearest.flatten(2).gather(2, pixel) - own_depth).abs() < VISIBLE_WITHIN
        # in integers: ceil((position − margin) · 224 / 184)
        indices = [-((MARGIN - coordinate) * CLIP_SIZE // CROP_SIZE) for coordinate in (seen_at.row, seen_at.column)]
        position = torch.stack([coordinate.to(self.pixel_type) for coordinate in indices], dim=-1)  # [B, 10, N, 2]
        images = clip_images(maps[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN])
        return ProjectedPoints(visible, position, images)

    def groups(self, unit: Tensor) -> Iterable[slice]:
        """As `VoxelProjection.groups`, with a progress bar if there are several."""
        parts = list(super().groups(unit))
        return tqdm(parts, desc="project views", unit="view", leave=False, disable=not self.progress or len(parts) == 1)

    def cells(self, unit: Tensor, part: slice) -> Cells:
        """As `VoxelProjection.cells`; with the published lookup a cell has its last point's value."""
        cells = super().cells(unit, part)
        return last_writer_wins(cells) if self.lookup == "published" else cells

    def lookup_cells(self, cells: Cells) -> Cells:
        """The cells at which points are looked up; the outermost depth slices use their inner neighbour.

        Densify has filled that neighbour too; without it, every point uses its own slice.
        """
        densified = self.spec.densify_window[0] > 1
        depth = cells.depth.clamp(1, self.spec.depth_cells - 3) if densified else cells.depth
        if self.lookup == "published":
            return replace(cells, row=cells.column, column=cells.row, depth=depth)
        return replace(cells, depth=depth)


def last_writer_wins(cells: Cells) -> Cells:
    """Give all points of a cell the value of the last one, as stored by the published segmentation code.

    The result depends on the order of the points; without this step a cell keeps the largest value in any order.
    """
    size = SPEC.resolution
    index = (cells.depth * size + cells.row) * size + cells.column  # [B, V, N]
    ordered, order = index.sort(dim=-1, stable=True)
    last = torch.searchsorted(ordered, ordered, right=True) - 1  # where each point's cell ends
    values = cells.value.gather(-1, order).gather(-1, last)
    return replace(cells, value=torch.empty_like(values).scatter(-1, order, values))
