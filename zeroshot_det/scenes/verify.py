"""Check a prepared detection data set: all scenes can be read, boxes are valid, contain points and are not mirrored.

pointclip verify scannet --root DIR
pointclip verify sunrgbd --root DIR --split train
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pointclip.errors import InputError
from pointclip.utils.command import ArgumentParser, run_command
from zeroshot_det.boxes import SIZE, inside
from zeroshot_det.scenes.base import Scene, SceneSet, empty_boxes
from zeroshot_det.scenes.scannet import ScanNet
from zeroshot_det.scenes.sunrgbd import SCENES as SUNRGBD_SCENES
from zeroshot_det.scenes.sunrgbd import SunRgbd

READERS = {"scannet": ScanNet, "sunrgbd": SunRgbd}
SCENES = {"scannet": {"train": 1201, "val": 312}, "sunrgbd": SUNRGBD_SCENES}  # in the published splits


ELONGATED = 1.5  # longer over shorter side of a box whose heading shows which points are its own
MIRRORED = 1.2  # times as many points in the mirrored boxes


@dataclass
class Findings:
    """What `verify` found."""

    counts: np.ndarray  # [K], true boxes of each class
    errors: list[str] = field(default_factory=list)  # of the scenes that cannot be read
    empty: int = 0  # boxes with almost no points: many, if the up axis or the headings are wrong
    in_boxes: np.ndarray = field(default_factory=lambda: np.zeros(2, np.int64))  # see `points_by_heading`

    @property
    def mirrored(self) -> bool:
        """Whether headings are negated: elongated boxes turned the other way hold clearly more points."""
        return bool(self.in_boxes[1] > MIRRORED * self.in_boxes[0])


def verify(scenes: SceneSet) -> Findings:
    """Read every scene."""
    found = Findings(np.zeros(len(scenes.class_names), np.int64))
    for index in range(len(scenes)):
        try:
            scene = scenes[index]
        except InputError as error:
            found.errors.append(str(error))
            continue
        found.counts += np.bincount(scene.labels, minlength=len(found.counts))
        found.empty += empty_boxes(scene)
        found.in_boxes += points_by_heading(scene)
    return found


def points_by_heading(scene: Scene) -> np.ndarray:
    """The points in a scene's elongated boxes: with their headings, and with their headings negated, [2]."""
    sides = np.sort(scene.boxes[:, SIZE][:, :2], axis=1)  # [m, 2]
    elongated = scene.boxes[sides[:, 1] > ELONGATED * sides[:, 0]]
    mirrored = elongated * np.array([1, 1, 1, 1, 1, 1, -1])
    return np.array([sum(int(inside(scene.points, box).sum()) for box in boxes) for boxes in (elongated, mirrored)])


def main(words: list[str] | None = None) -> None:
    """The command line. Raises an InputError where a scene is bad or missing, and where boxes do not fit the scans."""
    parser = ArgumentParser(prog="pointclip verify", description="Check a prepared detection data set.")
    parser.add_argument("name", choices=tuple(READERS))
    parser.add_argument("--root", required=True, help="the folder that contains the prepared folders")
    parser.add_argument("--split", default="val", choices=("train", "val"))
    parser.add_argument("--partial", action="store_true", help="accept a copy with only some of the split's scenes")
    args = parser.parse_args(words)
    scenes: Any = READERS[args.name](args.root, args.split)
    found = verify(scenes)
    boxes, read, total = found.counts.sum(), len(scenes) - len(found.errors), SCENES[args.name][args.split]
    print(f"{read} of {total} scenes of the split read, {boxes} boxes, {found.empty} of them empty")
    for name, count in zip(scenes.class_names, found.counts, strict=True):
        print(f"  {name}: {count}")
    for note in scenes.notes:
        print(f"note: {note}")
    for error in found.errors:
        print(f"  error: {error}")
    if found.errors:
        raise InputError(f"{len(found.errors)} scene(s) cannot be used; prepare them again.")
    if found.mirrored:
        straight, mirrored = found.in_boxes
        raise InputError(
            f"The headings look mirrored: elongated boxes hold {straight:,} points, and {mirrored:,} with negated "
            "headings; prepare the boxes again (SUN RGB-D's turn clockwise, seen from above)."
        )
    if found.empty > 0.2 * max(boxes, 1):
        raise InputError(
            f"{found.empty} of {boxes} boxes contain almost no points; check the up axis, the headings, and whether "
            "scans and boxes are both axis-aligned."
        )
    if read < total and not args.partial:
        raise InputError(
            f"{total - read} of the {total} scenes of the split are not there, so that scores cannot be compared with "
            "published ones; --partial accepts that."
        )


if __name__ == "__main__":
    run_command(main)
