"""`pointclip.Detector`: finds objects in scans in a caller's program, as the command `detect` does in files."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor
from yacs.config import CfgNode

from pointclip.predicting import ClassPredictor, Given, Names
from pointclip.predicting.given import given_shapes
from pointclip.projection.view_projection import ViewProjection
from pointclip.runs.notes import gathered
from zeroshot_det.boxes import corners_of
from zeroshot_det.crop_classifier import detect_in_crops, open_crops
from zeroshot_det.detection_files import BOX_COLUMNS, box_rows
from zeroshot_det.detector import Detections
from zeroshot_det.proposals.scene_proposals import propose
from zeroshot_det.realistic_projection import open_projection, open_view_weights
from zeroshot_det.scenes.frames import Frame
from zeroshot_det.scenes.opening import PreparedScenes
from zeroshot_det.scenes.scan_files import ScanFiles
from zeroshot_det.settings import background_names, check_candidates, load
from zeroshot_det.size_filter import EXTENTS, read_extents

SHOWN = 3  # boxes in an answer's repr


@dataclass(frozen=True)
class Box:
    """An object in a scan, in the scan's own frame and unit."""

    label: str
    score: float  # probability · objectness
    probability: float  # of the label, in [0, 1]
    objectness: float  # how much like an object the box is, whatever its class, in [0, 1]
    centre: tuple[float, float, float]
    size: tuple[float, float, float]  # full, along the scan's axes before the box is turned by its heading
    heading: float  # radians about the up axis, counter-clockwise seen from above
    corners: np.ndarray = field(repr=False)  # [8, 3]: four above, counter-clockwise, then the four below them


@dataclass(frozen=True, repr=False)
class ScanAnswer:
    """The objects in a scan."""

    scan: str  # the file, or "cloud 0"
    boxes: tuple[Box, ...]  # the highest score first
    frame: Frame  # the scan's: its up axis and why it was taken, its unit

    def __repr__(self) -> str:
        boxes = ", ".join(f"{box.label} {box.score:.2f}" for box in self.boxes[:SHOWN])
        more = f" and {len(self.boxes) - SHOWN} more" if len(self.boxes) > SHOWN else ""
        unsure = "" if self.frame.up_sure else f"; {self.frame.up} up is uncertain"
        return f"<{self.scan}: {boxes or 'no object'}{more}{unsure}>"


class Detector(ClassPredictor):
    """Zero-shot detection of objects in scans of rooms by PointCLIP V2, with your own class names.

    >>> detector = Detector("ViT-B-16", ["chair", "table", "lamp"])
    >>> answers = detector(["room.ply", cloud])  # files, arrays [N, 3]
    >>> answers[0].boxes[0].label, answers[0].boxes[0].score, answers[0].boxes[0].corners

    See `pointclip.predicting.ClassPredictor` for its arguments.
    """

    own_config = "own_scans"

    def load_settings(self, config: str, overrides: Sequence[str], encoder: str) -> CfgNode:
        return load(config, overrides, encoder)[1]

    def open_projection(self) -> ViewProjection:
        return open_projection(self.settings)

    def open_view_weights(self, category: str) -> Tensor:
        return open_view_weights(self.settings, searched=False).values

    def check_names(self, names: Sequence[str]) -> None:
        check_candidates(names, self.background)

    @property
    def background(self) -> tuple[str, ...]:
        return background_names(self.settings)

    def __call__(
        self, scans: Given, classes: Names | None = None, *, up: str = "auto", unit: str = "auto"
    ) -> list[ScanAnswer | None]:
        """The objects in each scan.

        Args:
            scans: one or several of: files, folders and patterns; arrays [N, 3]; arrays and tensors [B, N, 3].
            classes: the candidates of this call, as for `set_classes`.
            up: the axis that points up in all of them; "auto" looks for a floor in each.
            unit: of their lengths: "m", "mm", "cm", "inch" or "ft"; "auto" is metres, and refuses what is no room.

        Returns:
            One answer a scan, in order; with the setting ON_BAD_SHAPE "skip", None for a scan that cannot be read.

        Raises:
            InputError: for scans that are none, or cannot be read.
        """
        named, given, c = self.named(classes), given_shapes(scans), self.settings
        rest = {"seed": c.SEED, "columns": c.READING.COLUMNS, "clouds": given.clouds}
        files = ScanFiles(given.paths, up, unit, named.names, **rest)
        scenes = PreparedScenes(files, c)
        proposed = propose(scenes, c, self.extractor.progress)
        extents = read_extents(c.CLASSIFIER.TYPICAL_EXTENTS or EXTENTS)
        reader = open_crops(scenes, proposed, c, self.extractor.device)
        detections = detect_in_crops(reader, self.extractor, named.features, self.view_weights(), extents, c)
        sure = tuple(f"{scenes.names[place]}: up axis " for place, frame in scenes.frames.items() if frame.up_sure)
        for note in gathered([note for note in (*given.notes, *scenes.notes) if not note.startswith(sure)]):
            warnings.warn(note)  # the answer says the others
        answers: list[ScanAnswer | None] = [None] * len(scenes)
        for entry, detected in zip(proposed, detections, strict=True):
            place, frame = entry.scene_index, scenes.frames[entry.scene_index]
            boxes = _boxes(detected, scenes.detected_classes, frame)
            answers[place] = ScanAnswer(scenes.names[place], boxes, frame)
        return answers


def _boxes(detected: Detections, names: Sequence[str], frame: Frame) -> tuple[Box, ...]:
    """The detections of a scan in its frame, the highest score first."""
    corners = frame.places(corners_of(detected.boxes[detected.ranked]))  # [n, 8, 3]
    rows = [dict(zip(BOX_COLUMNS, row, strict=True)) for row in box_rows(detected, names, frame)]
    return tuple(
        Box(
            row["class"],
            row["score"],
            row["probability"],
            row["objectness"],
            (row["x"], row["y"], row["z"]),
            (row["dx"], row["dy"], row["dz"]),
            row["heading"],
            eight,
        )
        for row, eight in zip(rows, corners, strict=True)
    )
