"""PointCLIP V1's projection, the baseline: six sparse depth maps by perspective projection of the points."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor

from pointclip.errors import InputError
from pointclip.projection.cells import to_unit_box, turn
from pointclip.projection.images import clip_images
from pointclip.projection.points import check_points
from pointclip.projection.view_projection import ViewProjection
from pointclip.projection.views import Euler

# Each view is a rotation by one Euler triple.
VIEWS = (
    # four sides
    ((0, 0, pi / 2),),
    ((pi / 2, 0, pi / 2),),
    ((pi, 0, pi / 2),),
    ((3 * pi / 2, 0, pi / 2),),
    # below and above
    ((0, -pi / 2, pi / 2),),
    ((0, pi / 2, pi / 2),),
)


@dataclass(frozen=True)
class Camera:
    """The views of a perspective projection, and their pinhole camera."""

    views: Sequence[Sequence[Euler]]
    size: int  # rows and columns of a depth map
    distance: float  # from the pinhole to the middle of the unit sphere, more than 1


ZERO_SHOT = Camera(VIEWS, size=128, distance=1.6)  # at 1.6 every point of the unit sphere is in the image

# A cloud counts as normalised within these limits: the first half of a normalised cloud's points has its mean within
# 0.05 of the origin and its farthest point at 0.92 or more (measured on 240 synthetic shapes); 1.001 allows rounding.
MAX_OFFSET, MIN_RADIUS, MAX_RADIUS = 0.1, 0.9, 1.001

NEAREST = 1e-4  # points nearer to the camera, or behind it, are not seen

# Fixed-point unit for sums of 1 / depth: far below float32's precision, and 10 million points do not overflow int64.
UNIT = 2.0**-36


class PerspectiveProjection(ViewProjection):
    """Six sparse depth maps of each point cloud (PointCLIP V1; values from its published code).

    Clouds are centred on their mean and scaled so that the farthest point is at distance 1, unless they are already
    about normalised: mean within 0.1 of the origin, farthest point between 0.9 and 1. Those are left unchanged, since
    PointCLIP's numbers on ModelNet were obtained with the first half of each normalised cloud's points, which is not
    normalised again.

    Args:
        views: which of the camera's views, all by default. They are V in the shapes below.
        camera: zero-shot's by default, with six views.
        normalise: False takes clouds as they are, as the published training does after scaling and shifting them, so
            that the images crop them.
    """

    def __init__(self, views: Sequence[int] | None = None, camera: Camera = ZERO_SHOT, normalise: bool = True):
        super().__init__(camera.views, views)
        self.camera, self.normalise = camera, normalise

    def depth_maps(self, points: Tensor) -> Tensor:
        """Depth maps of clouds with y up. Deterministic, also on a GPU.

        Args:
            points: [B, N, 3] floating point, N >= 2, any position and scale; on the module's device. No gradients.

        Returns:
            [B, V, 128, 128] float32: in a pixel the harmonic mean of its points' depths, 0.6 to 2.6, far is bright;
            background is 0. Points outside the image and behind the camera are dropped (of normalised clouds only a
            camera closer than zero-shot's has any).

        Raises:
            InputError: for a wrong shape or type, NaN or infinite coordinates, clouds without extent, or points that
                require gradients.
        """
        x, y, z = turn(to_unit_sphere(points) if self.normalise else checked(points), self.rotations)  # [B, V, N] each
        z, size = z + self.camera.distance, self.camera.size
        row, column = (torch.ceil((side / z + 1) / 2 * size - 0.5) for side in (x, y))
        inside = (row >= 0) & (row < size) & (column >= 0) & (column < size) & (z > NEAREST)
        row, column, z = (side.where(inside, 1) for side in (row, column, z))
        row, column = row.long(), column.long()
        pixel = (row * size + column).where(inside, size * size)  # an extra pixel collects the points outside the image
        maps = harmonic_means(z.flatten(0, 1), pixel.flatten(0, 1), size * size + 1)[:, :-1]  # [B · V, size · size]
        return maps.reshape(*z.shape[:2], size, size)

    def forward(self, points: Tensor) -> Tensor:
        """CLIP's input images: points [B, N, 3] -> [B, V, 3, 224, 224], three equal channels, 0 to 2.6."""
        return clip_images(self.depth_maps(points))


def to_unit_sphere(points: Tensor) -> Tensor:
    """Centre clouds [B, N, 3] on their mean and scale the farthest point to distance 1, as float32.

    Clouds that are already about normalised are left unchanged (see `PerspectiveProjection`). All points end up within
    1.001 of the origin.

    Raises:
        InputError: for clouds that cannot be projected (see `check_points`), or points that require gradients.
    """
    exact = checked(points).double()
    farthest = exact.norm(dim=-1).amax(1)  # [B]
    normalised = exact.mean(1).norm(dim=-1) <= MAX_OFFSET
    normalised &= (farthest >= MIN_RADIUS) & (farthest <= MAX_RADIUS)
    boxed = to_unit_box(points).double()
    centred = boxed - boxed.mean(1, keepdim=True)
    scaled = centred / centred.norm(dim=-1).amax(1)[:, None, None]
    return torch.where(normalised[:, None, None], exact, scaled).float()


def checked(points: Tensor) -> Tensor:
    """Clouds [B, N, 3] as float32. Raises an InputError if they cannot be projected, or require gradients."""
    check_points(points)
    if points.requires_grad:
        raise InputError("The points require gradients, which this projection does not support; pass points.detach().")
    return points.float()


def harmonic_means(depth: Tensor, pixel: Tensor, pixels: int) -> Tensor:
    """Harmonic mean of the depths in each pixel, 0 for empty pixels: depth and pixel [M, N] -> [M, pixels] float32.

    Sums are in fixed point (integers), so they do not depend on the order of addition, which varies on a GPU.
    """
    images = len(depth)
    index = (pixel + torch.arange(images, device=pixel.device)[:, None] * pixels).flatten()  # [M · N]
    inverse = (1 / (depth.double() * UNIT)).round().long().flatten()
    zeros = torch.zeros(images * pixels, dtype=torch.int64, device=depth.device)
    count, total = zeros.scatter_add(0, index, torch.ones_like(index)), zeros.scatter_add(0, index, inverse)
    means = count / (total.clamp(min=1).double() * UNIT)  # [M · pixels], 0 for empty pixels
    return means.float().view(images, pixels)
