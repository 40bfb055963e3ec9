"""The planes of a room: its floor, its walls, and horizontal surfaces above the floor."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from pointclip.datasets.voxels import components, normals_of, voxels_of

VOXEL = 0.04  # metres; everything below is in metres too
NEAR = 0.06  # points this close to a plane belong to it
FLAT, UPRIGHT = 0.9, 0.25  # |z| of the normal: lower and upper bound
FLOOR_FRACTION = 0.02  # of all voxels, at least, in a floor
WALL_ANGLE = np.deg2rad(2)  # bin width of wall directions
WALL_LENGTH, WALL_HEIGHT, WALL_AREA = 1.2, 1.2, 1.2  # at least
BEHIND = 0.03  # a wall has at most this fraction of the scene behind it,
ROOM_HEIGHT = 2.0  # or reaches this height and is at least 2 · WALL_LENGTH long
TOP_AREA = 0.12  # square metres, the smallest table top
TOP_HEIGHTS = (0.2, 1.6)  # above the floor


@dataclass(frozen=True)
class Wall:
    """A vertical plane of a room: the points p with p · across = distance, `along` between its ends."""

    across: np.ndarray  # [2], unit
    distance: float
    ends: tuple[float, float]  # of p · along, where `along` is `across` turned by 90° counter-clockwise

    @property
    def along(self) -> np.ndarray:
        """The horizontal direction of the wall, [2]."""
        return np.array([-self.across[1], self.across[0]])


@dataclass(frozen=True)
class Room:
    """A scene's voxels, each assigned to the floor, to a wall, or to an object."""

    points: np.ndarray  # [M, 3], the mean of each voxel's points
    low: np.ndarray  # [M, 3], the bounds of each voxel's points
    high: np.ndarray  # [M, 3]
    colours: np.ndarray | None  # [M, 3] in [0, 1], the mean of each voxel's points
    normals: np.ndarray  # [M, 3]
    floor: float  # height of the floor
    floor_found: bool  # otherwise `floor` is the 1st percentile of all heights
    in_floor: np.ndarray  # [M] bool
    in_wall: np.ndarray  # [M] bool
    tops: list[np.ndarray]  # voxel indices of each horizontal surface above the floor
    walls: list[Wall]

    @property
    def in_objects(self) -> np.ndarray:
        """Which voxels are neither floor nor wall, [M] bool."""
        return ~self.in_floor & ~self.in_wall


def room_of(points: np.ndarray, colours: np.ndarray | None = None) -> Room:
    """Find the planes of a scene: points [N, 3] in metres, z up; their colours [N, 3] uint8 or None."""
    voxels, owner = voxels_of(points, VOXEL)
    low, high = np.full(voxels.shape, np.inf), np.full(voxels.shape, -np.inf)
    np.minimum.at(low, owner, points)
    np.maximum.at(high, owner, points)
    normals = normals_of(voxels, cKDTree(voxels))
    floor, found = _floor(voxels, normals)
    in_floor = voxels[:, 2] < floor + NEAR
    in_wall, walls = _walls(voxels, normals, floor, in_floor)
    tops = _tops(voxels, normals, floor, in_wall)
    shades = None if colours is None else _means(colours / 255, owner)
    return Room(voxels, low, high, shades, normals, floor, found, in_floor, in_wall, tops, walls)


def _means(values: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """The mean of the rows [N, c] of each owner, [M, c]."""
    sums = np.stack([np.bincount(owner, column) for column in values.T], axis=1)
    return sums / np.bincount(owner)[:, None]


def _floor(points: np.ndarray, normals: np.ndarray) -> tuple[float, bool]:
    """The height of the lowest large horizontal layer, and whether there is one."""
    flat = points[np.abs(normals[:, 2]) > FLAT, 2]
    if len(flat):
        low = points[:, 2].min()
        counts = np.bincount(((flat - low) / NEAR).astype(int))
        layers = counts + np.append(counts[1:], 0)  # two bins each, so that a floor on their border is not split
        lowest = int(np.flatnonzero(layers >= max(0.25 * layers.max(), 1))[0])
        layer = flat[np.abs(flat - (low + (lowest + 1) * NEAR)) <= NEAR]
        below = np.mean(points[:, 2] < low + (lowest - 1) * NEAR)
        if len(layer) >= FLOOR_FRACTION * len(points) and below < 0.1:
            return float(np.median(layer)), True
    return float(np.percentile(points[:, 2], 1)), False


def _walls(
    points: np.ndarray, normals: np.ndarray, floor: float, in_floor: np.ndarray
) -> tuple[np.ndarray, list[Wall]]:
    """Which points lie in a wall, a long, high vertical plane with almost nothing behind it; and the walls."""
    in_wall, walls = np.zeros(len(points), bool), []
    upright = (np.abs(normals[:, 2]) < UPRIGHT) & ~in_floor
    for angle in _directions(normals[upright]):
        across = np.array([np.cos(angle), np.sin(angle)])
        distance, along = points[:, :2] @ across, points[:, :2] @ (-across[1], across[0])
        facing = upright & (np.abs(normals[:, :2] @ across) > 0.95)
        if not facing.any():
            continue
        low = distance[facing].min()
        counts = np.bincount(((distance[facing] - low) / NEAR).astype(int))
        for place in np.flatnonzero(counts * VOXEL**2 >= WALL_AREA / 2):
            middle = np.median(distance[facing & (np.abs(distance - low - (place + 0.5) * NEAR) <= NEAR / 2)])
            inside = facing & (np.abs(distance - middle) <= NEAR)
            if _is_wall(distance, along, points[:, 2] - floor, inside, middle, ~in_floor):
                ends = np.percentile(along[inside], (1, 99)) + np.array([-NEAR, NEAR])
                in_wall |= (np.abs(distance - middle) <= NEAR) & (along > ends[0]) & (along < ends[1])
                walls.append(Wall(across, float(middle), (float(ends[0]), float(ends[1]))))
    return in_wall & ~in_floor, walls


def _directions(normals: np.ndarray) -> np.ndarray:
    """The most frequent horizontal directions of normals [m, 3], as angles in [0, π); at most six."""
    if not len(normals):
        return np.zeros(0)
    bins = round(np.pi / WALL_ANGLE)
    angle = np.arctan2(normals[:, 1], normals[:, 0]) % np.pi
    counts = np.bincount((angle / WALL_ANGLE).astype(int) % bins, minlength=bins)
    smooth = counts + np.roll(counts, 1) + np.roll(counts, -1)
    peaks = np.flatnonzero((smooth >= np.roll(smooth, 1)) & (smooth > np.roll(smooth, -1)))
    peaks = peaks[np.argsort(-smooth[peaks], kind="stable")][:6]
    return (peaks + 0.5) * WALL_ANGLE


def _is_wall(
    distance: np.ndarray, along: np.ndarray, height: np.ndarray, inside: np.ndarray, middle: float, solid: np.ndarray
) -> bool:
    """Whether the points `inside` a vertical plane are a wall, by extent and by how much of the scene lies behind."""
    if inside.sum() * VOXEL**2 < WALL_AREA:
        return False
    length = np.ptp(np.percentile(along[inside], (1, 99)))
    low, high = np.percentile(height[inside], (1, 99))
    if length < WALL_LENGTH or high - low < WALL_HEIGHT:
        return False
    behind = min(np.mean(distance[solid] > middle + 2 * NEAR), np.mean(distance[solid] < middle - 2 * NEAR))
    return bool(behind <= BEHIND or (high >= ROOM_HEIGHT and length >= 2 * WALL_LENGTH))


def _tops(points: np.ndarray, normals: np.ndarray, floor: float, in_wall: np.ndarray) -> list[np.ndarray]:
    """The voxels of each connected horizontal surface at furniture height."""
    height = points[:, 2] - floor
    flat = np.flatnonzero(
        (np.abs(normals[:, 2]) > FLAT) & ~in_wall & (height > TOP_HEIGHTS[0]) & (height < TOP_HEIGHTS[1])
    )
    labels = components(points[flat] * (1, 1, 1.5), 2.2 * VOXEL)  # finer in height, to separate shelves
    tops = [flat[labels == label] for label in range(labels.max(initial=-1) + 1)]
    return [top for top in tops if len(top) * VOXEL**2 >= TOP_AREA]
