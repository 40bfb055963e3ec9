"""A scene: points with z up, and ground-truth boxes where they are known."""

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from pointclip.datasets.voxels import voxels_of
from pointclip.errors import InputError
from zeroshot_det.boxes import inside
from zeroshot_det.scenes.frames import SCENE_FRAME, Frame

MIN_POINTS = 5  # a true box with fewer points counts as empty


def _no_boxes() -> np.ndarray:
    return np.zeros((0, 7))


def _no_labels() -> np.ndarray:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Scene:
    """One scan of a room, as all readers return it."""

    name: str  # unique within its data set
    points: np.ndarray  # [N, 3] float32, metres, z up
    boxes: np.ndarray = field(default_factory=_no_boxes)  # [m, 7], see `zeroshot_det.boxes`
    labels: np.ndarray = field(default_factory=_no_labels)  # [m] int64, indices into the data set's class_names
    colours: np.ndarray | None = None  # [N, 3] uint8; for proposals and pictures
    frame: Frame = SCENE_FRAME  # of its file
    kept: np.ndarray | None = None  # [M] bool, which rows of the file the points come from; None for all
    notes: tuple[str, ...] = ()  # what was done to the points, for the report


class SceneSet(Protocol):
    """A data set of scenes; a scene is read when it is indexed."""

    class_names: tuple[str, ...]
    names: list[str]  # of the scenes
    has_truth: bool

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Scene: ...


def check_scene(points: np.ndarray, where: str, min_points: int = 100) -> np.ndarray:
    """A scan's points as float32 [N, 3].

    Raises:
        InputError: for another shape, NaN or infinite coordinates, and fewer than `min_points` points.
    """
    points = np.asarray(points)
    if points.ndim != 2 or points.shape[1] < 3 or points.dtype.kind not in "fiu":
        raise InputError(
            f"{where} holds {points.dtype} of shape {list(points.shape)}; expected points [N, 3] or wider."
        )
    if len(points) < min_points:
        raise InputError(f"{where} holds {len(points)} points; expected a scan of a room with {min_points} or more.")
    points = np.ascontiguousarray(points[:, :3], np.float32)
    if not np.isfinite(points).all():
        raise InputError(f"{where} holds NaN or infinite coordinates; remove those points first.")
    return points


def empty_boxes(scene: Scene) -> int:
    """How many true boxes hold almost no points: many, if scan and boxes are in different frames."""
    return sum(int(inside(scene.points, box).sum() < MIN_POINTS) for box in scene.boxes)


def thinned(scene: Scene, max_points: int, seed: int) -> Scene:
    """The scene with a random subset of at most `max_points` points; 0 keeps all. Same seed, same points."""
    if not max_points or len(scene.points) <= max_points:
        return scene
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(scene.points), max_points, replace=False))
    colours = None if scene.colours is None else scene.colours[chosen]
    return replace(scene, points=scene.points[chosen], colours=colours)


def voxelized(scene: Scene, side: float) -> Scene:
    """The scene with one point per voxel of a side in metres: the mean of its points, in their mean colour."""
    points, owner = voxels_of(scene.points, side)
    colours = None
    if scene.colours is not None:
        sums = [np.bincount(owner, column) for column in scene.colours.T]
        colours = np.round(np.stack(sums, axis=1) / np.bincount(owner)[:, None]).astype(np.uint8)
    return replace(scene, points=points.astype(np.float32), colours=colours)
