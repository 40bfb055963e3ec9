"""A dense baseline: boxes of a few sizes all over the floor, scored by how full and how isolated they are."""

import numpy as np

from zeroshot_det.proposals.base import Proposals, no_proposals
from zeroshot_det.proposals.structure import VOXEL, Room

CELL = 0.1  # metres; sizes and steps are whole cells
SIZES = (  # metres; each is also rotated by 90°
    (0.5, 0.5, 0.5),
    (0.6, 0.6, 0.9),
    (0.5, 1.0, 1.8),
    (0.8, 1.4, 0.8),
    (1.0, 2.0, 0.9),
    (1.6, 2.1, 0.8),
)
SHELL = 1  # cells around a box
MIN_VOXELS = 12  # voxels


def propose(room: Room, max_boxes: int = 256) -> Proposals:
    """Axis-aligned boxes that stand on the floor, at every second cell.

    Returns:
        The `max_boxes` boxes of highest objectness: the fraction of voxels inside among those inside and around the
        box, times the surface in it relative to half the box's surface.
    """
    points = room.points[room.in_objects]
    if not len(points):
        return no_proposals()
    low = points[:, :2].min(0)
    cells = np.floor((points[:, :2] - low) / CELL).astype(int)
    shape = cells.max(0) + 1
    boxes, objectness = [], []
    sizes = sorted({*SIZES, *((dy, dx, dz) for dx, dy, dz in SIZES)})
    for size in sizes:
        within = points[:, 2] < room.floor + size[2]
        sums = _sums(cells[within], shape)
        width = np.round(np.array(size[:2]) / CELL).astype(int)
        steps = [np.arange(0, max(n - w, 0) + 1, 2) for n, w in zip(shape, width, strict=True)]
        corner = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 2)
        count, around = _count(sums, corner, width), _count(sums, corner - SHELL, width + 2 * SHELL)
        surface = size[0] * size[1] + size[0] * size[2] + size[1] * size[2]
        score = count / np.maximum(around, 1) * np.minimum(1, count * VOXEL**2 / surface)
        full = count >= MIN_VOXELS
        middle = low + (corner[full] + width / 2) * CELL
        rest = np.tile([room.floor + size[2] / 2, *size, 0.0], (len(middle), 1))
        boxes.append(np.concatenate([middle, rest], axis=1))
        objectness.append(score[full])
    return Proposals(np.concatenate(boxes), np.concatenate(objectness)).best(max_boxes)


def _sums(cells: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """The integral image of the cell counts, [nx + 1, ny + 1]."""
    counts = np.zeros(shape + 1, np.int64)
    np.add.at(counts, tuple(cells.T + 1), 1)
    return counts.cumsum(0).cumsum(1)


def _count(sums: np.ndarray, corner: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Points in rectangles of cells: corners [m, 2], size [2] -> [m]; outside the grid is empty."""
    last = np.array(sums.shape) - 1
    (x0, y0), (x1, y1) = np.clip(corner, 0, last).T, np.clip(corner + width, 0, last).T
    return sums[x1, y1] - sums[x0, y1] - sums[x1, y0] + sums[x0, y0]
