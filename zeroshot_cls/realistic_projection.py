"""Classification's realistic projection: its ten views, its parameters, and images ready for CLIP."""

from collections.abc import Sequence
from math import pi

import torch
from torch import Tensor, nn

from pointclip.projection import STEPS, ProjectionSpec, cells_of_unit, check_backend, project, to_unit_box, view_slices
from pointclip.projection.images import clip_images
from pointclip.projection.views import chosen_views, view_rotations

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


class RealisticProjection(nn.Module):
    """Ten realistic depth maps of each point cloud (PointCLIP V2, section 3.2, classification's parameters).

    Args:
        backend: the engine, "auto" for the fastest available (see `pointclip.projection`).
        views: which of the ten views to make, all by default; with fewer, the 10 in the shapes below is their number.
        steps: the steps after voxelize, all by default (see `ProjectionSpec.only`); without densify, maps are
            112 x 112 instead of 110 x 110.

    Raises:
        InputError: for an unknown backend or step.
    """

    def __init__(self, backend: str = "auto", views: Sequence[int] = range(len(VIEWS)), steps: Sequence[str] = STEPS):
        super().__init__()
        self.backend = check_backend(backend)
        self.spec = SPEC.only(steps)
        rotations = view_rotations(chosen_views(VIEWS, views))
        self.register_buffer("rotations", rotations, persistent=False)  # [V, 2, 3, 3]

    def depth_maps(self, points: Tensor) -> Tensor:
        """Depth maps of clouds with y up.

        Args:
            points: [B, N, 3] floating point, N >= 2, any position and scale; on the module's device.

        Returns:
            [B, 10, 110, 110] float32 in [0, 1]: near is dark, background is 1.

        Raises:
            InputError: for a wrong shape or type, NaN or infinite coordinates, and clouds without extent.
        """
        unit = to_unit_box(points, self.backend)
        views = view_slices(unit, len(self.rotations))
        cells = (cells_of_unit(unit, self.rotations[part], self.spec, self.backend) for part in views)
        return torch.cat([project(view_cells, self.spec, backend=self.backend)[0] for view_cells in cells], 1)

    def forward(self, points: Tensor) -> Tensor:
        """Images for CLIP: points [B, N, 3] -> [B, 10, 3, 224, 224] in [0, 1], three identical channels."""
        return clip_images(self.depth_maps(points))
