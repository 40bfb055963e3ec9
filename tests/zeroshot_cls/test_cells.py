"""How often rounding puts a point into another cell than a literal float32 implementation of the method.

A point within rounding of a cell's border may fall on either side of it, depending on the order of operations, so
pixels are not identical for all clouds. On 200 real clouds the published code and this one differed in 216 pixels, 9 in
a million, by at most 0.037.
"""

import numpy as np
import torch
import torch.nn.functional as F

from pointclip.projection.spec import gaussian
from pointclip.projection.views import rotation
from zeroshot_cls.realistic_projection import SPEC, VIEWS, RealisticProjection

CLOUDS, POINTS = 12, 1024


def plain(points: torch.Tensor) -> torch.Tensor:
    """Depth maps [10, 110, 110] of one cloud [N, 3], a literal implementation in float32."""
    size, cells = SPEC.resolution, SPEC.depth_cells
    grids = []
    for first, second in VIEWS:
        turned = points @ rotation(first).float().T @ rotation(second).float().T
        low, high = turned.amin(0), turned.amax(0)
        q = (turned - (low + high) / 2) / ((high - low).max() / 2)
        image = torch.ceil((q[:, :2] * SPEC.object_ratio + 1) / 2 * size).clamp(1, size - 2).long()
        depth = ((q[:, 2] + 1) / 2 + SPEC.depth_bias) / (1 + SPEC.depth_bias) * (cells - 2)
        index = (torch.ceil(depth).long() * size + image[:, 0]) * size + image[:, 1]
        grid = torch.zeros(cells * size * size).scatter_reduce(0, index, depth.clamp(1, cells - 2), "amax")
        grids.append(grid.view(cells, size, size))
    grids = F.max_pool2d(torch.stack(grids), SPEC.densify_window[1:], 1, SPEC.densify_padding[1:])  # windows 1 deep
    gauss = torch.tensor(gaussian(SPEC.smooth_window[1], SPEC.sigma_image))
    smoothed = F.conv2d(grids.flatten(0, 1)[:, None], torch.outer(gauss, gauss)[None, None], padding=1)
    squeezed = smoothed.view(10, cells, *smoothed.shape[-2:]).amax(1)
    return 1 - squeezed / squeezed.amax((1, 2), keepdim=True)


def test_few_pixels_depend_on_rounding():
    """At most 1 pixel in 10,000 may differ by more than rounding: ten times the rate on real clouds."""
    rng = np.random.default_rng(0)
    clouds = torch.from_numpy(rng.normal(size=(CLOUDS, POINTS, 3)).astype(np.float32))
    expected = torch.stack([plain(cloud) for cloud in clouds])
    difference = (RealisticProjection().depth_maps(clouds) - expected).abs()
    share = (difference > 1e-5).float().mean()
    assert share < 1e-4
    assert difference.max() < 0.2  # one cell of depth or of the image more or less
