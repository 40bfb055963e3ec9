"""The parameters of the realistic projection; each task defines its own, with its views."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp

from pointclip.errors import InputError

Window = tuple[int, int, int]  # along depth, row, column

STEPS = ("densify", "smooth", "squeeze")  # after voxelize; each can be left out for an ablation


@dataclass(frozen=True)
class ProjectionSpec:
    """The parameters of the four steps (PointCLIP V2, section 3.2; values from the published code)."""

    resolution: int  # S, rows and columns of the voxel grid
    depth_cells: int  # D, cells along the viewing direction
    object_ratio: float  # r, the fraction of the image that the object's largest extent covers
    depth_bias: float  # b, separates the farthest point from the background
    densify_window: Window
    densify_padding: Window
    smooth_window: Window
    smooth_padding: Window
    sigma_depth: float  # of the Gaussian, in cells
    sigma_image: float
    squeeze: bool = True  # a pixel shows its column's nearest cell; if False, the mean of the filled ones

    def only(self, steps: Sequence[str]) -> "ProjectionSpec":
        """The same projection with only some of the steps; voxelize is always included.

        Without densify or smooth, cells are unchanged (a window of one cell, no padding; without densify, whose padding
        is smaller than "same", classification's maps grow from 110 to 112 pixels). Without squeeze a pixel shows the
        mean of the filled cells of its column instead of the nearest one. The paper does not define a depth map without
        squeeze: this is our interpretation. Cells that smooth spreads into count as filled, which gives pale seams
        along steps in depth.

        Args:
            steps: names from `STEPS`, in any order.

        Raises:
            InputError: for an unknown or repeated step.
        """
        check_steps(steps)
        spec = replace(self, squeeze=self.squeeze and "squeeze" in steps)
        if "densify" not in steps:
            spec = replace(spec, densify_window=(1, 1, 1), densify_padding=(0, 0, 0))
        if "smooth" not in steps:
            spec = replace(spec, smooth_window=(1, 1, 1), smooth_padding=(0, 0, 0))
        return spec

    @property
    def image_size(self) -> int:
        """Rows (= columns) of a depth map: the resolution, changed by windows and paddings."""
        size = self.resolution
        for window, padding in ((self.densify_window, self.densify_padding), (self.smooth_window, self.smooth_padding)):
            size += 2 * padding[1] - window[1] + 1
        return size


def steps_from(text: str) -> tuple[str, ...]:
    """Parse the setting PROJECTION.STEPS: "all", "none", or comma-separated names from `STEPS`.

    Raises:
        InputError: for an unknown or repeated step.
    """
    if text.strip() in ("all", "none"):
        return STEPS if text.strip() == "all" else ()
    return check_steps([word.strip() for word in text.split(",")])


def check_steps(steps: Sequence[str]) -> tuple[str, ...]:
    """The steps as a tuple. Raises an InputError for an unknown or repeated step."""
    known = ", ".join(STEPS)
    if isinstance(steps, str):
        raise InputError(f"The projection's steps are the text {steps!r}; expected a list of names from {known}.")
    for step in steps:
        if step not in STEPS:
            raise InputError(
                f"{step!r} is not an optional step of the projection; expected names from {known}, or just 'all' or "
                "'none'."
            )
    if len(set(steps)) < len(steps):
        raise InputError(f"The projection's steps are {', '.join(steps)}; give each of them once.")
    return tuple(steps)


def gaussian(window: int, sigma: float) -> list[float]:
    """The weights of a 1-D Gaussian of `window` cells, of sum 1."""
    weights = [exp(-((i - (window - 1) / 2) ** 2) / (2 * sigma**2)) for i in range(window)]
    return [weight / sum(weights) for weight in weights]
