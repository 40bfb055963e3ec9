"""PointCLIP's first projection, the baseline: points fall through a pinhole onto six sparse depth maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor, nn

from pointclip.errors import InputError
from pointclip.projection.cells import to_unit_box, turn
from pointclip.projection.images import clip_images
from pointclip.projection.points import check_points
from pointclip.projection.views import Euler, chosen_views, view_rotations

# Each view is turned by one Euler triple.
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
    """The views of a perspective projection, and the pinhole that they share."""

    views: Sequence[Sequence[Euler]]
    size: int  # rows and columns of a depth map
    distance: float  # from the pinhole to the middle of the unit sphere, more than 1


ZERO_SHOT = Camera(VIEWS, size=128, distance=1.6)  # at 1.6 every point of the unit sphere is in the image

# What counts as normalised already: the first half of a normalised cloud's points is centred within 0.05 and reaches
# to 0.92 or farther (measured on 240 synthetic shapes); a hair over 1 is rounding.
CENTRED_WITHIN, REACHES, FITS = 0.1, 0.9, 1.001

UNIT = 2.0**-36  # of the sums of 1 / depth; far below what float32 shows, and 10 million points do not overflow them


class PerspectiveProjection(nn.Module):
    """Six sparse depth maps of each point cloud (PointCLIP V1; values from its published code).

    Clouds are centred at their mean and scaled until the farthest point is at 1, unless they are so already: the mean
    within 0.1 of the origin and the farthest point between 0.9 and 1. Those are taken as they are, since PointCLIP's
    numbers on ModelNet come from the first half of each normalised cloud's points, and that half is not normalised
    again.

    Args:
        views: which of the camera's views, all by default. They are V in the shapes below.
        camera: zero-shot's by default, with six views.
    """

    def __init__(self, views: Sequence[int] | None = None, camera: Camera = ZERO_SHOT):
        super().__init__()
        self.camera = camera
        views = range(len(camera.views)) if views is None else views
        rotations = view_rotations(chosen_views(camera.views, views))
        self.register_buffer("rotations", rotations, persistent=False)  # [V, 1, 3, 3]

    def depth_maps(self, points: Tensor) -> Tensor:
        """Depth maps of clouds whose up axis is y. On a GPU too, the same clouds give the same bits every time.

        Args:
            points: [B, N, 3] floating point, N >= 2, any position and scale; on the module's device. No gradients.

        Returns:
            [B, V, 128, 128] float32: in a pixel the harmonic mean of its points' depths, 0.6 to 2.6, far is bright;
            background is 0. Points outside the image are dropped (only a camera closer than zero-shot's has any).

        Raises:
            InputError: for a wrong shape or type, NaN or infinite coordinates, clouds without extent, and points that
                require gradients.
        """
        x, y, z = turn(to_unit_sphere(points), self.rotations)  # [B, V, N] each
        z, size = z + self.camera.distance, self.camera.size
        row, column = (torch.ceil((side / z + 1) / 2 * size - 0.5).long() for side in (x, y))
        inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
        pixel = (row * size + column).where(inside, size * size)  # one pixel more takes what falls outside
        maps = harmonic_means(z.flatten(0, 1), pixel.flatten(0, 1), size * size + 1)[:, :-1]  # [B · V, size · size]
        return maps.reshape(*z.shape[:2], size, size)

    def forward(self, points: Tensor) -> Tensor:
        """Images as CLIP takes them: points [B, N, 3] -> [B, V, 3, 224, 224], three equal channels, 0 to 2.6."""
        return clip_images(self.depth_maps(points))


def to_unit_sphere(points: Tensor) -> Tensor:
    """Centre clouds [B, N, 3] at their mean and scale the farthest point to 1, as float32; keep those that are so.

    See `PerspectiveProjection` for what "are so" means. Every point ends within 1.001 of the origin.

    Raises:
        InputError: for clouds that show nothing (see `check_points`), and points that require gradients.
    """
    check_points(points)
    if points.requires_grad:
        raise InputError("The points require gradients, but this projection has none; pass points.detach() instead.")
    exact = points.double()
    farthest = exact.norm(dim=-1).amax(1)  # [B]
    kept = (exact.mean(1).norm(dim=-1) <= CENTRED_WITHIN) & (farthest >= REACHES) & (farthest <= FITS)
    boxed = to_unit_box(points).double()
    centred = boxed - boxed.mean(1, keepdim=True)
    scaled = centred / centred.norm(dim=-1).amax(1)[:, None, None]
    return torch.where(kept[:, None, None], exact, scaled).float()


def harmonic_means(depth: Tensor, pixel: Tensor, pixels: int) -> Tensor:
    """Harmonic mean of the depths in each pixel, 0 where none is: depth and pixel [M, N] -> [M, pixels] float32.

    The sums are of whole numbers, which come out the same in any order, also where a GPU adds in no certain order.
    """
    images = len(depth)
    index = (pixel + torch.arange(images, device=pixel.device)[:, None] * pixels).flatten()  # [M · N]
    inverse = (1 / (depth.double() * UNIT)).round().long().flatten()
    none = torch.zeros(images * pixels, dtype=torch.int64, device=depth.device)
    count, total = none.scatter_add(0, index, torch.ones_like(index)), none.scatter_add(0, index, inverse)
    means = count / (total.clamp(min=1).double() * UNIT)  # [M · pixels], 0 / 1 where nothing is
    return means.float().view(images, pixels)
