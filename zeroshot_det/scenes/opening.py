"""Open the scenes that the settings select, and prepare them for the detector."""

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
from yacs.config import CfgNode

from pointclip.datasets.shape_files import ENDINGS
from pointclip.errors import InputError
from pointclip.runs.inputs import expand_inputs, names_or_list
from pointclip.runs.reading import configure_reading
from zeroshot_det.class_names import named_classes
from zeroshot_det.scenes.base import MIN_POINTS, Scene, SceneSet, empty_boxes, thinned, voxelized
from zeroshot_det.scenes.frames import Frame
from zeroshot_det.scenes.rooms import SyntheticRooms
from zeroshot_det.scenes.scan_files import ScanFiles
from zeroshot_det.scenes.scanned_rooms import ScannedRooms
from zeroshot_det.scenes.scannet import ScanNet
from zeroshot_det.scenes.subset import OfClasses
from zeroshot_det.scenes.sunrgbd import SunRgbd

NAMES = ("synthetic_rooms", "scanned_rooms", "scannet", "sunrgbd")
VOXELS_ACROSS = 150  # of a scan, at least


def open_scenes(settings: CfgNode, args: argparse.Namespace, class_names: Sequence[str] = ()) -> SceneSet:
    """The scans of --input, or the data set of DATASET.NAME.

    Raises:
        InputError: for an unknown name, and where files are missing.
    """
    configure_reading(settings)
    if args.input:
        paths, notes = expand_inputs(args.input, ENDINGS)
        frame = settings.SCENE.UP, settings.SCENE.UNIT
        scans = ScanFiles(paths, *frame, class_names, settings.SEED, settings.READING.COLUMNS)
        scans.notes = notes
        return scans
    scenes = _open_dataset(settings)
    categories = settings.DATASET.CATEGORIES
    return OfClasses(scenes, names_or_list(categories)) if categories else scenes


def _open_dataset(settings: CfgNode) -> SceneSet:
    c = settings.DATASET
    if c.NAME == "synthetic_rooms":
        count = c.MAX_SHAPES or 12
        return SyntheticRooms(c.SPLIT, count, settings.SCENE.CAMERAS, settings.SCENE.NOISE)
    if c.NAME == "scanned_rooms":
        return ScannedRooms(c.SPLIT, c.MAX_SHAPES or 12)
    if c.NAME not in NAMES:
        raise InputError(f"DATASET.NAME is {c.NAME!r}; expected one of {', '.join(NAMES)}.")
    reader: Any = {"scannet": ScanNet, "sunrgbd": SunRgbd}[c.NAME]
    return reader(c.ROOT, c.SPLIT)


class PreparedScenes:
    """A data set's scenes as the detector takes them: a subset, thinned; the last one is cached, bad ones recorded.

    Args:
        scenes: the data set.
        settings: SCENE.* say how scenes are thinned, DATASET.MAX_SHAPES how many are taken, ON_BAD_SHAPE whether a bad
            one is skipped.

    Attributes:
        keeps_unnamed: whether boxes that fit no class are kept, see `zeroshot_det.detector.detect`.
        detected_classes: the names of detections' labels.
        bad: scene name -> the error message.
        notes: about the other scenes, for the report.
        frames: scene index -> the frame of a scene that was read.
        truth: scene index -> how many true boxes a scene that was read has, and how many of them hold no points.
    """

    def __init__(self, scenes: SceneSet, settings: CfgNode):
        self.scenes, self.class_names, self.has_truth = scenes, scenes.class_names, scenes.has_truth
        self.keeps_unnamed = not scenes.has_truth and settings.CLASSIFIER.SIZE_FILTER > 0
        self.detected_classes = named_classes(scenes.class_names, self.keeps_unnamed)
        count = settings.DATASET.MAX_SHAPES or len(scenes)
        chosen = np.random.default_rng(settings.SEED).permutation(len(scenes))[:count]
        self.indices = np.sort(chosen).tolist()
        self.names = [scenes.names[index] for index in self.indices]
        self._c, self._seed, self._skip = settings.SCENE, settings.SEED, settings.ON_BAD_SHAPE == "skip"
        self.bad: dict[str, str] = {}
        self.notes = list(getattr(scenes, "notes", ()))
        self.total = getattr(scenes, "total", len(scenes))  # scenes of the split, also those that are not there
        self.frames: dict[int, Frame] = {}
        self.truth: dict[int, tuple[int, int]] = {}
        self._last: tuple[int, Scene] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, place: int) -> Scene:
        if self._last is None or self._last[0] != place:
            self._last = None  # so that no two large scans are in memory
            scene = self.scenes[self.indices[place]]
            if len(scene.boxes) and place not in self.truth:
                self.truth[place] = len(scene.boxes), empty_boxes(scene)
            if self._c.VOXEL_SIZE > 0:  # a table top is thinned less
                extent = float(np.ptp(scene.points, axis=0).max())
                scene = voxelized(scene, min(self._c.VOXEL_SIZE, extent / VOXELS_ACROSS))
            self.frames[place] = scene.frame
            self._last = place, thinned(scene, self._c.NUM_POINTS, self._seed)
        return self._last[1]

    @property
    def truth_notes(self) -> list[str]:
        """A note on true boxes without points, and on scenes in another frame than their boxes."""
        boxes, empty = (sum(counts) for counts in zip(*self.truth.values(), strict=True)) if self.truth else (0, 0)
        if not empty:
            return []
        apart = [self.names[place] for place, (count, without) in self.truth.items() if without > count / 2]
        note = f"{empty} of {boxes} true boxes hold fewer than {MIN_POINTS} points"
        if apart:
            note += (
                f", in {len(apart)} scene(s), such as {apart[0]}, more than half: is the scan in another frame than "
                "its boxes (ScanNet's are axis-aligned)?"
            )
        return [f"{note}{'' if apart else '.'}"]

    def record_bad(self, place: int, error: InputError) -> None:
        """Record a scene's error, or raise it where bad scenes stop the run."""
        if not self._skip:
            raise error
        self.bad[self.names[place]] = str(error)
