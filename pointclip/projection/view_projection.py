"""What the tasks' projections share: views as rotations, and the realistic projection's depth maps from them."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from pointclip.projection import cells_of_unit, check_backend, project, to_unit_box, view_slices
from pointclip.projection.cells import Cells
from pointclip.projection.spec import STEPS, ProjectionSpec
from pointclip.projection.views import Euler, chosen_views, view_rotations


class ViewProjection(nn.Module):
    """A projection of point clouds into several views.

    Args:
        all_views: every view of the projection, as Euler triples of its successive rotations.
        views: which of them to make, all by default.

    Attributes:
        rotations: [V, R, 3, 3] float32, those of the V views that are made.

    Raises:
        InputError: for views that there are not.
    """

    rotations: Tensor

    def __init__(self, all_views: Sequence[Sequence[Euler]], views: Sequence[int] | None = None):
        super().__init__()
        chosen = chosen_views(all_views, range(len(all_views)) if views is None else views)
        self.register_buffer("rotations", view_rotations(chosen), persistent=False)

    def depth_maps(self, points: Tensor) -> Tensor:
        """Depth maps of clouds with y up: [B, N, 3] floating point, on the module's device -> [B, V, H, W]."""
        raise NotImplementedError


class VoxelProjection(ViewProjection):
    """Voxelize, densify, smooth, squeeze (PointCLIP V2, section 3.2), by a task's parameters.

    Args:
        spec: the parameters.
        all_views, views: as for `ViewProjection`.
        backend: the engine, "auto" for the fastest available (see `pointclip.projection`).
        steps: the steps after voxelize, all by default (see `ProjectionSpec.only`).

    Raises:
        InputError: for an unknown backend or step, and views that there are not.
    """

    def __init__(
        self,
        spec: ProjectionSpec,
        all_views: Sequence[Sequence[Euler]],
        views: Sequence[int] | None = None,
        backend: str = "auto",
        steps: Sequence[str] = STEPS,
    ):
        super().__init__(all_views, views)
        self.backend = check_backend(backend)
        self.spec = spec.only(steps)

    def depth_maps(self, points: Tensor) -> Tensor:
        """Depth maps of clouds with y up.

        Args:
            points: [B, N, 3] floating point, N >= 2, any position and scale; on the module's device.

        Returns:
            [B, V, H, H] float32 in [0, 1]: near is dark, background is 1. H is the spec's `image_size`.

        Raises:
            InputError: for a wrong shape or type, NaN or infinite coordinates, and clouds without extent.
        """
        unit = to_unit_box(points, self.backend)
        groups = (self.cells(unit, part) for part in self.groups(unit))
        return torch.cat([project(cells, self.spec, backend=self.backend)[0] for cells in groups], 1)

    def groups(self, unit: Tensor) -> Iterable[slice]:
        """The views in groups small enough to be made at once, for clouds in unit boxes."""
        return view_slices(unit, len(self.rotations))

    def cells(self, unit: Tensor, part: slice) -> Cells:
        """The cells of clouds in unit boxes in some of the views."""
        return cells_of_unit(unit, self.rotations[part], self.spec, self.backend)
