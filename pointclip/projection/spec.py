"""The parameters of the realistic projection; each task fills them in beside its views."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp

from pointclip.errors import InputError

Window = tuple[int, int, int]  # along depth, row, column

STEPS = ("densify", "smooth", "squeeze")  # what comes after voxelize, and can be left out to see what it does


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
    squeeze: bool = True  # a pixel shows its column's nearest cell; if not, the mean of the filled ones

    def only(self, steps: Sequence[str]) -> "ProjectionSpec":
        """The same with some of the steps; voxelize always happens.

        Without densify or smooth a cell keeps what it has (a window of one cell, no padding; classification's maps
        grow from 110 to 112 pixels without densify, whose padding is too small for its window). Without squeeze a pixel
        shows the mean of the filled cells of its column instead of the nearest one. The paper does not say what a depth
        map without squeeze is: this is our reading. What smooth spreads to counts as filled, so that after it pale
        seams run along the steps of depth.

        Args:
            steps: out of `STEPS`, in any order.

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
        """Rows (= columns) of a depth map: what the paddings leave of the resolution."""
        size = self.resolution
        for window, padding in ((self.densify_window, self.densify_padding), (self.smooth_window, self.smooth_padding)):
            size += 2 * padding[1] - window[1] + 1
        return size


def steps_from(text: str) -> tuple[str, ...]:
    """The steps that the setting PROJECTION.STEPS means: "all", "none", or names out of `STEPS` between commas.

    Raises:
        InputError: for an unknown or repeated step.
    """
    if text.strip() in ("all", "none"):
        return STEPS if text.strip() == "all" else ()
    return check_steps([word.strip() for word in text.split(",")])


def check_steps(steps: Sequence[str]) -> tuple[str, ...]:
    """The steps themselves, if each is one of `STEPS` and comes once; else an InputError says which does not."""
    if isinstance(steps, str):
        raise InputError(f"The projection's steps came as the text {steps!r}; a list out of {STEPS} was expected.")
    for step in steps:
        if step not in STEPS:
            raise InputError(
                f"{step!r} is not a step of the projection that can be chosen; out of {', '.join(STEPS)} was expected, "
                "or 'all' or 'none' as the whole setting."
            )
    if len(set(steps)) < len(steps):
        raise InputError(f"The projection's steps are {', '.join(steps)}; name each of them once.")
    return tuple(steps)


def gaussian(window: int, sigma: float) -> list[float]:
    """The weights of a 1-D Gaussian of `window` cells, of sum 1."""
    weights = [exp(-((place - (window - 1) / 2) ** 2) / (2 * sigma**2)) for place in range(window)]
    return [weight / sum(weights) for weight in weights]
