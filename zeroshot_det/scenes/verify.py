"""Check a prepared detection data set: all scenes can be read, boxes are valid and contain points.

python -m zeroshot_det.scenes.verify scannet --root DIR
python -m zeroshot_det.scenes.verify sunrgbd --root DIR --split train
"""

import numpy as np

from pointclip.errors import InputError
from pointclip.utils.command import ArgumentParser, run_command
from zeroshot_det.scenes.base import SceneSet, empty_boxes
from zeroshot_det.scenes.scannet import ScanNet
from zeroshot_det.scenes.sunrgbd import SCENES as SUNRGBD_SCENES
from zeroshot_det.scenes.sunrgbd import SunRgbd

READERS = {"scannet": ScanNet, "sunrgbd": SunRgbd}
SCENES = {"scannet": {"train": 1201, "val": 312}, "sunrgbd": SUNRGBD_SCENES}  # in the published splits


def verify(scenes: SceneSet) -> tuple[list[str], np.ndarray, int]:
    """Read every scene.

    Returns:
        The error messages of bad scenes; the number of true boxes of each class [K]; and the number of empty boxes,
        which is large if the up axis or the headings are wrong.
    """
    errors, counts, empty = [], np.zeros(len(scenes.class_names), np.int64), 0
    for index in range(len(scenes)):
        try:
            scene = scenes[index]
        except InputError as error:
            errors.append(str(error))
            continue
        counts += np.bincount(scene.labels, minlength=len(counts))
        empty += empty_boxes(scene)
    return errors, counts, empty


def main(words: list[str] | None = None) -> None:
    """The command line. Raises an InputError where a scene is bad or missing, or many boxes are empty."""
    parser = ArgumentParser(description="Check a prepared detection data set.")
    parser.add_argument("name", choices=tuple(READERS))
    parser.add_argument("--root", required=True, help="the folder that contains the prepared folders")
    parser.add_argument("--split", default="val", choices=("train", "val"))
    parser.add_argument("--partial", action="store_true", help="accept a copy with only some of the split's scenes")
    args = parser.parse_args(words)
    scenes = READERS[args.name](args.root, args.split)
    errors, counts, empty = verify(scenes)
    read, total = len(scenes) - len(errors), SCENES[args.name][args.split]
    print(f"{read} of {total} scenes of the split read, {counts.sum()} boxes, {empty} of them empty")
    for name, count in zip(scenes.class_names, counts, strict=True):
        print(f"  {name}: {count}")
    for note in scenes.notes:
        print(f"note: {note}")
    for error in errors:
        print(f"  error: {error}")
    if errors:
        raise InputError(f"{len(errors)} scene(s) cannot be used; prepare them again.")
    if empty > 0.2 * max(counts.sum(), 1):
        raise InputError(
            f"{empty} of {counts.sum()} boxes contain almost no points; check the up axis, the headings, and whether "
            "scans and boxes are both axis-aligned."
        )
    if read < total and not args.partial:
        raise InputError(
            f"{total - read} of the {total} scenes of the split are not there, so that scores cannot be compared with "
            "published ones; --partial accepts that."
        )


if __name__ == "__main__":
    run_command(main)
