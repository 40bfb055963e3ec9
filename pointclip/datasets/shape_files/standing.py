"""How the content of a file stands and where: its up axis, and coordinates far from the origin."""

import numpy as np

from pointclip.datasets.outliers import gathered
from pointclip.datasets.shape_files.geometry import Geometry, sample_surface
from pointclip.datasets.up_axis import UNDECIDED, UpGuess, guess_up
from pointclip.errors import InputError

SAMPLE = 2048  # points from which the up axis is guessed, the same for every task
THINNED = 100_000  # points from which the middle of a cloud is taken
FAR_OUT = 100  # a point is far from the others beyond this many of their extents


def guess_of(geometry: Geometry, ending: str, outliers: str = "auto") -> UpGuess:
    """The up axis of a file's content: it depends on nothing else, so that all tasks agree.

    `outliers` are left out of a cloud, see `pointclip.datasets.outliers.gathered`.
    """
    try:
        return guess_up(sample_of(geometry, SAMPLE, outliers), ending, geometry.organised)
    except InputError:  # without surface; reported when its shape is taken
        return UpGuess("y", UNDECIDED, sure=False)


def sample_of(geometry: Geometry, count: int = SAMPLE, outliers: str = "off") -> np.ndarray:
    """A fixed sample of a mesh's surface or of a cloud's finite points: [count or fewer, 3] float64.

    `outliers` are left out of a cloud, see `pointclip.datasets.outliers.gathered`.
    """
    rng = np.random.default_rng(0)
    if geometry.triangles is not None and len(geometry.triangles):
        return sample_surface(geometry, count, rng, "")[0].points
    points = geometry.points[np.isfinite(geometry.points).all(axis=1)]
    if len(points) > count:
        points = points[np.sort(rng.choice(len(points), count, replace=False))]
    return gathered(points, outliers)[0]


def near_origin(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Points as float64, shifted to the origin if float32 cannot hold them well; the offset [3], and notes.

    A few points far from the others, such as a survey's at (0, 0, 0), do not count.
    """
    points = np.asarray(points, dtype=np.float64)
    finite = points[np.isfinite(points).all(axis=1)]
    if not len(finite):
        return points, np.zeros(3), ()
    low, high = finite.min(axis=0), finite.max(axis=0)
    few = finite[:: -(-len(finite) // THINNED)]
    inner_low, inner_high = np.percentile(few, (2, 98), axis=0)
    notes: tuple[str, ...] = ()
    if 0 < FAR_OUT * (inner_high - inner_low).max() < (high - low).max():
        reach = (inner_high - inner_low).max()
        away = ((finite < inner_low - FAR_OUT / 4 * reach) | (finite > inner_high + FAR_OUT / 4 * reach)).any(axis=1)
        low, high = finite[~away].min(axis=0), finite[~away].max(axis=0)
        notes = (
            f"{away.sum()} of {len(finite)} points lie far from the others, which span {reach:.4g}; the shape is "
            "scaled to hold them too: remove them first.",
        )
    notes += degrees_note(low, high)
    centre, extent = (low + high) / 2, (high - low).max()
    if np.abs(centre).max() <= 1000 * extent:  # the float32 error is then 6e-5 of the extent
        return points, np.zeros(3), notes
    return points - centre, centre, notes


def degrees_note(low: np.ndarray, high: np.ndarray) -> tuple[str, ...]:
    """A note if two axes look like degrees of longitude and latitude, and the third like metres."""
    extent = high - low
    for one, other, height in ((0, 1, 2), (0, 2, 1), (1, 2, 0)):
        flat = [one, other]
        narrow = (extent[flat] > 0).all() and extent[flat].max() < 1 and extent[height] > 300 * extent[flat].max()
        on_earth = np.abs([low, high])[:, flat].max(axis=0)
        away = (np.abs(low + high)[flat] / 2 > 2 * extent[flat]).all()
        if narrow and away and on_earth.max() <= 180 and on_earth.min() <= 90:
            ranges = " and ".join(f"{'xyz'[axis]} from {low[axis]:.5g} to {high[axis]:.5g}" for axis in flat)
            return (
                f"{ranges} look like degrees beside {'xyz'[height]} in metres, which flattens the shape; convert them "
                "to metres first.",
            )
    return ()
