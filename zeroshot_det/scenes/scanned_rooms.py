"""Furnished rooms as a depth camera scans them: a second bundled set, made to look like ScanNet's scans.

A camera is carried through one or two rooms. Surfaces are one-sided, with noise that grows with distance, holes behind
what stands in the way, glass that gives few readings, walls seen in part; furniture touches, chairs stand under tables,
doors, windows and pictures lie in or on the walls, and clutter without true boxes is everywhere. As in ScanNet, a true
box is the tight, axis-aligned box of an instance's scanned points. A scene depends only on its seed.
"""

import numpy as np

from pointclip.errors import InputError
from zeroshot_det.boxes import from_bounds
from zeroshot_det.class_names import SCANNET
from zeroshot_det.scenes.base import Scene
from zeroshot_det.scenes.depth_camera import depth_points, fused
from zeroshot_det.scenes.scanned_layouts import Layout, furnish

SPLITS = ("train", "val", "test")  # "train" is what proposals were tuned on
POINTS = 50_000  # at most, as VoteNet's preparation of ScanNet keeps
MIN_VISIBLE = 60  # cells of 2 cm in a true box's instance
STRAY = 0.004  # of the readings, thrown off their ray by up to 0.3 m


class ScannedRooms:
    """Scanned rooms as a data set of scenes, with ScanNet's 18 classes.

    Args:
        split: "train", "val" or "test"; they share no room.
        count: number of scenes.
        noise: 1 for a depth camera's, 0 for none; see `depth_points`.

    Raises:
        InputError: for an unknown split, and for numbers out of range.
    """

    class_names = tuple(SCANNET.values())
    has_truth = True

    def __init__(self, split: str = "test", count: int = 12, noise: float = 1.0):
        if split not in SPLITS:
            raise InputError(f"The split is {split!r}, but the scanned rooms have {', '.join(SPLITS)}.")
        if count < 1 or not 0 <= noise <= 10:
            raise InputError(
                f"The settings ask for {count} rooms and {noise:g} times a depth camera's noise; expected at least "
                "1 room and 0 to 10 times."
            )
        self.names = [f"{split}-scan-{number}" for number in range(count)]
        self._split, self._noise = SPLITS.index(split), noise

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Scene:
        return scan_room(self._split * 1_000_000 + range(len(self))[index], self._noise, self.names[index])


def scan_room(seed: int, noise: float = 1.0, name: str = "scan") -> Scene:
    """Make one scan; the same arguments give the same scene."""
    rng = np.random.default_rng([seed, 28])
    layout = furnish(rng)
    eyes, looks = _walk(rng, layout)
    points, solid = depth_points(np.array(layout.solids), eyes, looks, rng, noise)
    stray = rng.random(len(points)) < STRAY * min(noise, 1)
    points[stray] += rng.normal(0, 0.1, (stray.sum(), 3))
    solid[stray] = 0  # a floor: no instance
    points, solid = fused(points, solid)
    points = _tilted(_warped(points, rng, noise), rng)
    instance = np.array(layout.instances)[solid]
    colours = _lit(np.array(layout.colours)[solid] + rng.normal(0, 9, (len(layout.solids), 3))[solid], points, rng)
    boxes, labels = _truth(points, instance, layout.labels)
    chosen = rng.permutation(len(points))[:POINTS]
    points = np.round(points[chosen], 4)  # removes rounding that differs between platforms
    colours = np.clip(colours[chosen], 0, 255).astype(np.uint8)
    return Scene(name, points.astype(np.float32), boxes, labels, colours)


def _walk(rng: np.random.Generator, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Positions [V, 3] and directions [V, 2] of a camera carried through the rooms, looking around."""
    eyes, looks = [], []
    for low_x, low_y, high_x, high_y in layout.rooms:
        low, high = np.array([low_x, low_y]) + 0.3, np.array([high_x, high_y]) - 0.3
        stops = int(np.clip(5 * np.sqrt((high - low).prod()), 8, 24))
        unseen = rng.uniform(-np.pi, np.pi)  # a direction that is looked at less
        for _ in range(stops):
            for _ in range(20):
                where = rng.uniform(low, high)
                if layout.free(np.array([*(where - 0.15), *(where + 0.15)])):
                    break
            heading = rng.uniform(-np.pi, np.pi)
            for turn in (0.0, 0.5, 1.0):
                if np.cos(heading + turn - unseen) > 0.9 and rng.random() < 0.6:
                    continue
                eyes.append([*where, rng.uniform(1.2, 1.75)])
                looks.append([heading + turn, rng.uniform(-0.85, 0.05)])
    return np.array(eyes), np.array(looks)


def _warped(points: np.ndarray, rng: np.random.Generator, noise: float) -> np.ndarray:
    """Errors of the camera's path bend a scan: smooth waves of about a centimetre."""
    for _ in range(6):
        wave, phase = rng.normal(0, 1.5, 3), rng.uniform(0, 2 * np.pi)
        points = points + np.sin(points @ wave + phase)[:, None] * rng.normal(0, 0.011 * noise, 3)
    return points


def _lit(colours: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colours under uneven light, with texture and the camera's noise."""
    light = 1.0
    for scale, strength in ((0.8, 0.1), (0.8, 0.1), (2.0, 0.07), (12.0, 0.04), (20.0, 0.04), (25.0, 0.04)):
        wave, phase = rng.normal(0, scale, 3), rng.uniform(0, 2 * np.pi)
        light = light + strength * np.sin(points @ wave + phase)
    return colours * np.asarray(light)[:, None] + rng.normal(0, 7, colours.shape)


def _tilted(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A scan is aligned to its walls and floor only roughly: within 2° and 0.7°."""
    yaw, roll, pitch = np.deg2rad(rng.normal(0, (1.2, 0.5, 0.5)).clip(-2.5, 2.5))
    x, y, z = points.T
    x, y = np.cos(yaw) * x - np.sin(yaw) * y, np.sin(yaw) * x + np.cos(yaw) * y
    return np.stack([x, y, z + np.tan(roll) * x + np.tan(pitch) * y], axis=1)


def _truth(points: np.ndarray, instance: np.ndarray, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The tight boxes and the labels of the instances that were scanned."""
    classes = list(ScannedRooms.class_names)
    boxes, labels = [], []
    for number, name in enumerate(names):
        own = points[instance == number]
        if name and len(own) >= MIN_VISIBLE:
            boxes.append(from_bounds(own.min(0), own.max(0)))
            labels.append(classes.index(name))
    return np.array(boxes).reshape(-1, 7), np.array(labels, np.int64)
