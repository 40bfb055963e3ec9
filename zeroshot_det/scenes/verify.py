"""Check a prepared detection data set: every scene readable, boxes sane and holding points.

python -m zeroshot_det.scenes.verify scannet --root DIR
python -m zeroshot_det.scenes.verify sunrgbd --root DIR --split train
"""

import numpy as np

from pointclip.errors import InputError
from pointclip.utils.command import ArgumentParser, run_command
from zeroshot_det.boxes import inside
from zeroshot_det.scenes.base import SceneSet
from zeroshot_det.scenes.scannet import ScanNet
from zeroshot_det.scenes.sunrgbd import SunRgbd

READERS = {"scannet": ScanNet, "sunrgbd": SunRgbd}
SCENES = {  # in the published splits
    ("scannet", "train"): 1201,
    ("scannet", "val"): 312,
    ("sunrgbd", "train"): 5285,
    ("sunrgbd", "val"): 5050,
}
EMPTY = 5  # a box with fewer points holds nothing


def verify(scenes: SceneSet) -> tuple[list[str], np.ndarray, int]:
    """Read every scene.

    Returns:
        What is wrong with scenes, a sentence each; the number of true boxes of each class [K]; and how many boxes hold
        fewer than `EMPTY` points, which are many where the up axis or the headings are not as they should be.
    """
    wrong, counts, empty = [], np.zeros(len(scenes.class_names), np.int64), 0
    for index in range(len(scenes)):
        try:
            scene = scenes[index]
        except InputError as error:
            wrong.append(str(error))
            continue
        counts += np.bincount(scene.labels, minlength=len(counts))
        empty += sum(int(inside(scene.points, box).sum() < EMPTY) for box in scene.boxes)
    return wrong, counts, empty


def main(words: list[str] | None = None) -> None:
    """The command line. Raises InputError where a scene is bad or many boxes are empty."""
    parser = ArgumentParser(description="Check a prepared detection data set.")
    parser.add_argument("name", choices=tuple(READERS))
    parser.add_argument("--root", required=True, help="the folder that holds the prepared folders")
    parser.add_argument("--split", default="val", choices=("train", "val"))
    args = parser.parse_args(words)
    scenes = READERS[args.name](args.root, args.split)
    wrong, counts, empty = verify(scenes)
    print(f"{len(scenes)} scenes of {SCENES[args.name, args.split]}, {counts.sum()} boxes, {empty} of them empty")
    for name, count in zip(scenes.class_names, counts, strict=True):
        print(f"  {name}: {count}")
    for sentence in wrong:
        print(f"  wrong: {sentence}")
    if wrong:
        raise InputError(f"{len(wrong)} scene(s) are wrong; prepare them again.")
    if empty > 0.2 * max(counts.sum(), 1):
        raise InputError(
            f"{empty} of {counts.sum()} boxes hold nearly no points; are up axis and headings as expected?"
        )


if __name__ == "__main__":
    run_command(main)
