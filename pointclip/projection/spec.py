"""The parameter table of the realistic projection: one record a task."""

from dataclasses import dataclass
from math import exp

Window = tuple[int, int, int]  # along depth, row, column


@dataclass(frozen=True)
class ProjectionSpec:
    """All that the four steps need to know (PointCLIP V2, section 3.2; values from the published code)."""

    resolution: int  # S, rows and columns of the voxel grid
    depth_cells: int  # D, cells along the viewing direction
    object_ratio: float  # r, the share of the image that the object's largest extent fills
    depth_bias: float  # b, keeps the farthest point apart from the background
    densify_window: Window
    densify_padding: Window
    smooth_window: Window
    smooth_padding: Window
    sigma_depth: float  # of the Gaussian, in cells
    sigma_image: float

    @property
    def image_size(self) -> int:
        """Rows (= columns) of a depth map: what the paddings leave of the resolution."""
        size = self.resolution
        for window, padding in ((self.densify_window, self.densify_padding), (self.smooth_window, self.smooth_padding)):
            size += 2 * padding[1] - window[1] + 1
        return size


CLASSIFICATION = ProjectionSpec(
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

SEGMENTATION = ProjectionSpec(
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


def gaussian(window: int, sigma: float) -> list[float]:
    """The weights of a 1-D Gaussian of `window` cells, of sum 1."""
    weights = [exp(-((place - (window - 1) / 2) ** 2) / (2 * sigma**2)) for place in range(window)]
    return [weight / sum(weights) for weight in weights]
