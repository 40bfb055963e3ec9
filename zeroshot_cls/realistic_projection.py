"""Classification's realistic projection: its ten views, its parameters, and images ready for CLIP."""

from collections.abc import Sequence
from math import pi

from torch import Tensor

from pointclip.projection import STEPS, ProjectionSpec
from pointclip.projection.images import clip_images
from pointclip.projection.view_projection import VoxelProjection

SPEC = ProjectionSpec(
    resolution=112,
    depth_cells=8,
    object_ratio=0.8,
    depth_bias=0.2,
    densify_window=(1, 7, 7),
    densify_padding=(0, 2, 2),
    smooth_window=(1, 3, 3),
    smooth_padding=(0, 1, 1),
    sigma_depth=1.0,
    sigma_image=3.0,
)

TILT, LEAN = pi / 9, pi / 15  # angles of the camera to the object's axes

# Each view is a rotation by the first Euler triple, then by the second.
VIEWS = (
    # four corners
    ((pi / 4, 0, pi / 2), (0, TILT, 0)),
    ((3 * pi / 4, 0, pi / 2), (0, TILT, 0)),
    ((5 * pi / 4, 0, pi / 2), (0, TILT, 0)),
    ((7 * pi / 4, 0, pi / 2), (0, TILT, 0)),
    # four sides
    ((0, 0, pi / 2), (0, TILT, 0)),
    ((pi / 2, 0, pi / 2), (0, TILT, 0)),
    ((pi, 0, pi / 2), (0, TILT, 0)),
    ((3 * pi / 2, 0, pi / 2), (0, TILT, 0)),
    # below and above
    ((0, -pi / 2, pi / 2), (0, LEAN, 0)),
    ((0, pi / 2, pi / 2), (0, LEAN, 0)),
)


class RealisticProjection(VoxelProjection):
    """Ten realistic depth maps of each point cloud (PointCLIP V2, section 3.2, classification's parameters).

    `depth_maps` makes [B, 10, 110, 110] in [0, 1].

    Args:
        backend: the engine, "auto" for the fastest available (see `pointclip.projection`).
        views: which of the ten views to make, all by default; with fewer, the 10 in the shapes here is their number.
        steps: the steps after voxelize, all by default (see `ProjectionSpec.only`); without densify, maps are
            112 x 112 instead of 110 x 110.

    Raises:
        InputError: for an unknown backend or step, and views that there are not.
    """

    def __init__(self, backend: str = "auto", views: Sequence[int] | None = None, steps: Sequence[str] = STEPS):
        super().__init__(SPEC, VIEWS, views, backend, steps)

    def forward(self, points: Tensor) -> Tensor:
        """Images for CLIP: points [B, N, 3] -> [B, 10, 3, 224, 224] in [0, 1], three identical channels."""
        return clip_images(self.depth_maps(points))
