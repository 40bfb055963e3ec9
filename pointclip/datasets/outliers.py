"""Points that lie far from the rest of a cloud: stray points, clutter around the shape, and small clusters apart.

The projection scales a cloud by its bounding box, so that a single stray point shrinks the shape. A point is an outlier
if it is apart, or, where clutter is looked for too, sparse:

- Apart: it belongs to a group with less than 5 % of the points whose gap to the rest is large for the rest's extent.
- Sparse: its mean distance d to its 8 nearest neighbours is large for this cloud. How large is read off the cloud,
  whose density may fall with distance: d > median(d) · exp(3 · 1.4826 · MAD(log d)), and at least twice the median.
  Points that short steps join to others stay, and so do lines and sheets of sparse points, such as a lamp's cord. Real
  shapes have other thin parts, such as the legs of a table seen by few points, which are taken for clutter.

An outlier is moved onto its nearest neighbour among the others, instead of removed: no depth map shows it then, it has
its neighbour's part, and a cloud keeps its number of points.
"""

from dataclasses import replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from pointclip.datasets.base import Shape, ShapeSet
from pointclip.datasets.wrapped import Wrapped

NEIGHBOURS = 8
SPARSE = 2.0  # medians of the mean distance to the neighbours, from which a point may be sparse
SPREAD = 3 * 1.4826  # of the logarithm of that distance: three standard deviations, from the median absolute deviation
FLAT = 0.1  # variance across a sheet or a line, as a share of that along it
BESIDE = 2.5  # standard deviations of the neighbours: the end of a line is 2 from their middle
SMALL = 0.05  # of the points: a smaller group may be apart
GAP = 0.15  # of the rest's extent: a group further away is apart
MOST = 0.4  # of the points: if more were outliers, the cloud has no rest that they could be far from
STEP = 0.6  # of that distance: a step that joins a sparse point to the rest …
SHEET_STEP = 1.5  # … and of their own mean distance, for points of a line or a sheet
CHAIN = 6  # points of a line or a sheet that may be a part of the shape
GROUP_STEP = 4  # medians: a step inside a group …
GROUP_SHARE = 0.75  # … or of the mean distance, which is more where points are sparse
ROUNDS = 3
LARGE = 20_000  # points from which a sample of as many is judged
FEWEST = 32  # points from which a cloud has a density


def outliers_of(points: np.ndarray, clutter: bool = False) -> np.ndarray:
    """Which points of a cloud are outliers, [N] bool.

    Args:
        points: [N, 3], finite, in any position and scale.
        clutter: whether sparse points are outliers too.
    """
    cloud = np.asarray(points, np.float64)
    return _outliers_of(cloud, clutter) if len(cloud) <= LARGE else _by_sample(cloud, clutter)


def _by_sample(cloud: np.ndarray, clutter: bool) -> np.ndarray:
    """The outliers of a large cloud: those of a sample, and what is close to them or far from the sample's rest."""
    chosen = np.sort(np.random.default_rng(0).choice(len(cloud), LARGE, replace=False))
    sample = cloud[chosen] - np.median(cloud[chosen], axis=0)
    found = _outliers_of(sample, clutter)
    tree = cKDTree(sample[~found])
    reach = tree.query(sample[~found], NEIGHBOURS + 1)[0][:, 1:].mean(1).max()
    distance, nearest = cKDTree(sample).query(cloud - np.median(cloud[chosen], axis=0))
    return found[nearest] | (distance > reach)


def _outliers_of(cloud: np.ndarray, clutter: bool) -> np.ndarray:
    rest = np.arange(len(cloud))
    for number in range(ROUNDS if clutter else 1):  # much clutter hides the shape's density from the first round
        if len(rest) < FEWEST:
            break
        found = _far_from_rest(cloud[rest] - np.median(cloud[rest], axis=0), clutter, first=number == 0)
        rest = rest[~found]
        if not found.any():
            break
    outliers = np.ones(len(cloud), bool)
    outliers[rest] = False
    return outliers if outliers.mean() <= MOST else np.zeros(len(cloud), bool)


def _far_from_rest(cloud: np.ndarray, clutter: bool, first: bool) -> np.ndarray:
    """The outliers that one round finds in points [N, 3]: [N] bool; groups only at first, while all links are there."""
    distances, nearest = cKDTree(cloud).query(cloud, NEIGHBOURS + 1)
    spacing = distances[:, 1:].mean(1)
    if not spacing.any():  # all points are one
        return np.zeros(len(cloud), bool)
    typical = np.median(spacing[spacing > 0])
    found = _sparse(cloud, spacing, nearest, typical) if clutter else np.zeros(len(cloud), bool)
    return found if not first else found | _apart(cloud, spacing, nearest, typical)


def gathered(points: np.ndarray, how: str = "auto") -> tuple[np.ndarray, int]:
    """The cloud with its outliers moved onto their nearest neighbours among the others, and their number.

    Args:
        points: [N, 3]; if any is not finite, they are returned as they are.
        how: "off" for none, "auto" for points that are apart, "clutter" for sparse ones too.
    """
    if how == "off":
        return points, 0
    found = outliers_of(points, how == "clutter") if np.isfinite(points).all() else np.zeros(len(points), bool)
    if not found.any():
        return points, 0
    _, nearest = cKDTree(points[~found]).query(points[found])
    moved = np.array(points)
    moved[found] = points[~found][nearest]
    return moved, int(found.sum())


def _sparse(cloud: np.ndarray, spacing: np.ndarray, nearest: np.ndarray, typical: float) -> np.ndarray:
    """Points in sparse surroundings that no chain of short steps joins to dense ones, and no sheet or line holds."""
    spread = np.median(np.abs(np.log(spacing[spacing > 0] / typical)))
    least = typical * max(SPARSE, np.exp(SPREAD * spread))
    sparse = spacing > least
    if not sparse.any() or sparse.all():
        return np.zeros(len(cloud), bool)
    dense = np.flatnonzero(~sparse)  # one group
    reach = np.where(sparse, STEP * least, 0)
    groups = _groups(cloud, nearest, reach, np.stack([dense, np.full(len(dense), dense[0])], axis=1))
    found = sparse & (groups != groups[dense[0]])
    found[_thin_parts(cloud, spacing, nearest, found)] = False
    return found


def _thin_parts(cloud: np.ndarray, spacing: np.ndarray, nearest: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Indices of the points that form lines and sheets as close to the rest as they are spaced."""
    thin = found.copy()
    thin[found] = _is_thin(cloud, nearest[found])
    if thin.sum() < CHAIN:
        return np.arange(0)
    own = np.flatnonzero(thin)
    pairs = cKDTree(cloud[own]).query_pairs(SHEET_STEP * spacing[own].max(), output_type="ndarray")
    steps = np.linalg.norm(cloud[own[pairs[:, 0]]] - cloud[own[pairs[:, 1]]], axis=1)
    pairs = pairs[steps <= SHEET_STEP * spacing[own[pairs]].min(1)]
    graph = coo_array((np.ones(len(pairs), bool), pairs.T), shape=(len(own),) * 2)
    groups, tree = connected_components(graph, directed=False)[1], cKDTree(cloud[~found])
    parts = [own[groups == group] for group in np.flatnonzero(np.bincount(groups) >= CHAIN)]
    near = [part for part in parts if tree.query(cloud[part])[0].min() <= SHEET_STEP * np.median(spacing[part])]
    return np.concatenate([np.arange(0), *near])


def _is_thin(cloud: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """Whether points lie on a line or a sheet of their neighbours; nearest [M, 9] are indices, their own first."""
    around = cloud[nearest]
    beside = np.linalg.norm(around[:, 0] - around[:, 1:].mean(1), axis=1)
    width = np.sqrt(around[:, 1:].var(1).sum(1))
    around = around - around.mean(1, keepdims=True)
    variance = np.linalg.eigvalsh(np.einsum("mki,mkj->mij", around, around))
    return (variance[:, 0] <= FLAT * variance[:, 2]) & (beside <= BESIDE * width)


def _groups(cloud: np.ndarray, nearest: np.ndarray, reach: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The group of each point: points are joined to those of their nearest neighbours that are within their reach.

    `pairs` [P, 2] are joined anyway.
    """
    rows, columns = np.repeat(np.arange(len(cloud)), NEIGHBOURS), nearest[:, 1:].ravel()
    joined = np.linalg.norm(cloud[rows] - cloud[columns], axis=1) <= reach[rows]
    one, other = (np.concatenate([found[joined], pairs[:, end]]) for end, found in enumerate((rows, columns)))
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(cloud),) * 2)
    return connected_components(graph, directed=False)[1]


def _apart(cloud: np.ndarray, spacing: np.ndarray, nearest: np.ndarray, typical: float) -> np.ndarray:
    """Points of small groups that lie far from the large ones, as a share of their extent."""
    apart = np.zeros(len(cloud), bool)
    reach = GROUP_SHARE * spacing
    joined = _groups(cloud, nearest, np.maximum(reach, GROUP_STEP * typical), np.zeros((0, 2), int))
    if np.bincount(joined).min() >= SMALL * len(cloud):  # more links, as below, only make larger groups
        return apart
    close = cKDTree(cloud).query_pairs(GROUP_STEP * typical, output_type="ndarray")
    groups = _groups(cloud, nearest, reach, close)
    sizes = np.bincount(groups)
    large = (sizes >= SMALL * len(cloud)) | (sizes == sizes.max())
    if large.all():
        return apart
    rest = cloud[large[groups]]
    extent, tree = np.ptp(rest, axis=0).max(), cKDTree(rest)
    for group in np.flatnonzero(~large):
        members = np.flatnonzero(groups == group)
        apart[members] = tree.query(cloud[members])[0].min() > GAP * extent
    return apart


def in_words(count: int, total: int) -> str:
    """A note on a cloud's outliers."""
    lie, were = ("lies", "was") if count == 1 else ("lie", "were")
    return f"{count:,} of {total:,} points {lie} far from the rest and {were} left out (CLOUD.OUTLIERS off keeps them)."


def without_outliers(shapes: ShapeSet, how: str = "auto") -> ShapeSet:
    """The data set with the outliers of every shape moved onto their nearest neighbours; for `how` see `gathered`."""
    return _WithoutOutliers(shapes, how)


class _WithoutOutliers(Wrapped):
    def __init__(self, shapes: ShapeSet, how: str):
        super().__init__(shapes)
        self._how = how

    def changed(self, shape: Shape, index: int) -> Shape:
        points, count = gathered(shape.points, self._how)
        return replace(shape, points=points, outliers=count)
