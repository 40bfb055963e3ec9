"""Synthetic rooms: bundled shapes on a floor between walls, seen by cameras, with clutter and noise.

A room depends only on its seed. True boxes enclose whole shapes, even if only part of one is visible; a shape with
fewer than `MIN_VISIBLE` visible points gets no true box, as in an annotated scan.
"""

from dataclasses import dataclass

import numpy as np

from pointclip.datasets.synthetic import generate
from pointclip.errors import InputError
from zeroshot_det.boxes import corners_of
from zeroshot_det.scenes.base import Scene

CLASSES = {  # class -> smallest and largest height in metres (length, for those in `LYING`)
    "chair": (0.8, 1.0),
    "table": (0.7, 0.8),
    "lamp": (1.2, 1.7),
    "bag": (0.4, 0.6),
    "guitar": (0.9, 1.1),
    "motorbike": (1.0, 1.2),
    "laptop": (0.35, 0.5),
    "mug": (0.2, 0.3),
}
LYING = ("motorbike", "laptop", "mug")
ON_TABLES = ("laptop", "mug")  # larger than life, so that they show in a scan's voxels
WIDEST = 2.0  # metres
MIN_VISIBLE = 80
OBJECT_POINTS = 6000
PLANE_DENSITY = 500  # points per square metre of floor and walls
WALL_HEIGHT = 2.4
ANGLE = np.deg2rad(0.6)  # angular size of a camera pixel
BEHIND = 0.04  # metres: how far a visible point may lie behind the nearest one in its pixel
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class _Object:
    points: np.ndarray  # [N, 3]
    box: np.ndarray  # [7]
    label: int  # -1 for clutter


class SyntheticRooms:
    """Rooms as a data set of scenes.

    Args:
        split: "train", "val" or "test"; they share no room.
        count: number of rooms.
        cameras: number of viewpoints; with 1, the far side of everything is invisible.
        noise: standard deviation of each coordinate, in metres.

    Raises:
        InputError: for an unknown split, and for numbers out of range.
    """

    class_names = tuple(CLASSES)
    has_truth = True

    def __init__(self, split: str = "test", count: int = 12, cameras: int = 3, noise: float = 0.004):
        if split not in SPLITS:
            raise InputError(f"The split is {split!r}, but the synthetic rooms have {', '.join(SPLITS)}.")
        if count < 1 or not 1 <= cameras <= 8 or not 0 <= noise <= 0.1:
            raise InputError(
                f"The settings ask for {count} rooms, {cameras} cameras and {noise:g} m of noise; expected at least "
                "1 room, 1 to 8 cameras and 0 to 0.1 m."
            )
        self.names = [f"{split}-room-{number}" for number in range(count)]
        self._split, self._cameras, self._noise = SPLITS.index(split), cameras, noise

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Scene:
        seed = self._split * 1_000_000 + range(len(self))[index]
        return make_room(seed, self._cameras, self._noise, self.names[index])


def make_room(seed: int, cameras: int = 3, noise: float = 0.004, name: str = "room") -> Scene:
    """Make one room; the same arguments give the same scene."""
    rng = np.random.default_rng([seed, 15])
    extent = rng.uniform(3.6, 5.2, 2)  # metres
    objects = _furnish(rng, extent, seed)
    planes = _planes(rng, extent)
    solid = np.concatenate([planes, *(obj.points for obj in objects)])
    owner = np.concatenate([np.full(len(planes), -1), *(np.full(len(t.points), i) for i, t in enumerate(objects))])
    seen = np.zeros(len(solid), bool)
    for camera in _cameras(rng, extent, cameras):
        seen |= _visible(solid, camera)
    solid, owner = solid[seen], owner[seen]
    counts = np.bincount(owner[owner >= 0], minlength=len(objects))
    visible = [obj for obj, count in zip(objects, counts, strict=True) if obj.label >= 0 and count >= MIN_VISIBLE]
    stray = np.column_stack([rng.uniform(0, extent, (30, 2)), rng.uniform(0, WALL_HEIGHT, 30)])
    points = np.concatenate([solid + rng.normal(0, noise, solid.shape), stray])
    points = np.round(points[rng.permutation(len(points))], 4)  # removes rounding that differs between platforms
    boxes = np.array([obj.box for obj in visible]).reshape(-1, 7)
    return Scene(name, points.astype(np.float32), boxes, np.array([obj.label for obj in visible], np.int64))


def _furnish(rng: np.random.Generator, extent: np.ndarray, seed: int) -> list[_Object]:
    """Shapes and clutter on the floor, not intersecting, and small objects on tables."""
    names = list(CLASSES)
    objects: list[_Object] = []
    on_floor = rng.choice([name for name in names if name not in ON_TABLES], rng.integers(6, 9))
    for number, name in enumerate(on_floor):
        obj = _shape(rng, name, names.index(name), seed * 20 + number)
        _place(rng, objects, obj, extent)
    for table in [obj for obj in objects if obj.label == names.index("table")]:
        if rng.random() < 0.6:
            name = str(rng.choice(ON_TABLES))
            small = _shape(rng, name, names.index(name), seed * 20 + 19)
            where = table.box[:3] + np.array([0, 0, table.box[5] / 2 + small.box[5] / 2])
            objects.append(_moved(small, where))
    for _ in range(rng.integers(1, 4)):
        size = rng.uniform(0.15, 0.5, 3)
        points = rng.uniform(-0.5, 0.5, (1500, 3))
        face = rng.integers(0, 3, len(points))
        points[np.arange(len(points)), face] = rng.choice([-0.5, 0.5], len(points))  # onto the faces of a carton
        _place(rng, objects, _Object(points * size, np.array([0, 0, 0, *size, 0.0]), -1), extent)
    return objects


def _shape(rng: np.random.Generator, name: str, label: int, seed: int) -> _Object:
    """A synthetic shape at the origin, z up, of a plausible size and random heading."""
    points = generate(name, seed, OBJECT_POINTS).points.astype(np.float64)
    points = np.stack([points[:, 0], -points[:, 2], points[:, 1]], axis=1)  # y up -> z up
    low, high = points.min(0), points.max(0)
    scale = rng.uniform(*CLASSES[name]) / ((high - low).max() if name in LYING else high[2] - low[2])
    scale = min(scale, WIDEST / (high - low)[:2].max())
    points, size = (points - (low + high) / 2) * scale, (high - low) * scale
    heading = rng.uniform(-np.pi, np.pi)
    cos, sin = np.cos(heading), np.sin(heading)
    rotated = points @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return _Object(rotated, np.array([0, 0, 0, *size, heading]), label)


def _place(rng: np.random.Generator, objects: list[_Object], obj: _Object, extent: np.ndarray) -> None:
    """Put an object on the floor where it touches no other; leave it out if there is no room."""
    corners = corners_of(obj.box[None])[0, :4, :2]
    reach = corners.max(0)
    for _ in range(60):
        where = rng.uniform(reach + 0.1, extent - reach - 0.1)
        apart = [
            np.abs(where - other.box[:2]) - reach - corners_of(other.box[None])[0, :4, :2].max(0) + other.box[:2]
            for other in objects
        ]
        if all(gap.max() > 0.12 for gap in apart):
            objects.append(_moved(obj, np.array([*where, obj.box[5] / 2])))
            return


def _moved(obj: _Object, where: np.ndarray) -> _Object:
    return _Object(obj.points + where, np.concatenate([where, obj.box[3:]]), obj.label)


def _planes(rng: np.random.Generator, extent: np.ndarray) -> np.ndarray:
    """The floor and two to four walls, [N, 3]."""
    floor = rng.uniform(0, 1, (int(PLANE_DENSITY * extent.prod()), 3)) * (*extent, 0)
    parts = [floor]
    for axis, end in [(0, 0), (1, 0), (0, 1), (1, 1)][: rng.integers(2, 5)]:
        wall = rng.uniform(0, 1, (int(PLANE_DENSITY * extent[1 - axis] * WALL_HEIGHT), 3)) * (*extent, WALL_HEIGHT)
        wall[:, axis] = end * extent[axis]
        parts.append(wall)
    return np.concatenate(parts)


def _cameras(rng: np.random.Generator, extent: np.ndarray, count: int) -> np.ndarray:
    """Viewpoints at eye height near the room's corners, [count, 3]."""
    corners = np.array([(0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)])[np.arange(count) % 4]
    return np.column_stack([(corners + rng.uniform(-0.06, 0.06, (count, 2))) * extent, rng.uniform(1.5, 1.9, count)])


def _visible(points: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Which points an omnidirectional camera sees: the nearest in each pixel, and those just behind it."""
    ray = points - camera
    distance = np.linalg.norm(ray, axis=1)
    azimuth = np.arctan2(ray[:, 1], ray[:, 0]) + np.pi
    polar = np.arccos(np.clip(ray[:, 2] / np.maximum(distance, 1e-9), -1, 1))
    rows = int(2 * np.pi / ANGLE) + 2
    pixel = (polar / ANGLE).astype(int) * rows + (azimuth / ANGLE).astype(int)
    nearest = np.full(pixel.max() + 1, np.inf)
    np.minimum.at(nearest, pixel, distance)
    return distance <= nearest[pixel] + BEHIND
