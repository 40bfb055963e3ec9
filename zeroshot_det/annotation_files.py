"""Detections as the labels of annotation tools, to correct them by hand: labelCloud and SUSTechPOINTS.

Both tools store centres and full sizes in the scan's frame and unit, and rotations about the scan's axes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pointclip.runs.output import write_json


def write_annotations(folder: Path, scan: str, up: str, boxes: Sequence[Mapping]) -> None:
    """Write `labelCloud/<scan>.json` and `SUSTechPOINTS/<scan>.json` to a folder.

    Each is named as its tool expects it for the scan's file; copy it to the tool's folder of labels.

    Args:
        scan: the scan's path.
        up: its up axis, such as "z" or "-y".
        boxes: with class, x, y, z, dx, dy, dz and heading, as in boxes.json.
    """
    name = f"{Path(scan).stem}.json"
    write_json(folder / "labelCloud" / name, labelcloud(scan, up, boxes))
    write_json(folder / "SUSTechPOINTS" / name, sustech_points(up, boxes))


def labelcloud(scan: str, up: str, boxes: Sequence[Mapping]) -> dict:
    """Boxes in labelCloud's format `centroid_abs`, with rotations in degrees from 0 to 360."""
    objects = [
        {
            "name": box["class"],
            "centroid": {axis: box[axis] for axis in "xyz"},
            "dimensions": {
                side: box[f"d{axis}"] for side, axis in zip(("length", "width", "height"), "xyz", strict=True)
            },
            "rotations": {axis: round(float(np.rad2deg(angle)) % 360, 5) for axis, angle in _rotation(up, box).items()},
        }
        for box in boxes
    ]
    return {"folder": Path(scan).parent.name, "filename": Path(scan).name, "path": scan, "objects": objects}


def sustech_points(up: str, boxes: Sequence[Mapping]) -> list[dict]:
    """Boxes in SUSTechPOINTS' format, with rotations in radians."""
    return [
        {
            "obj_id": str(number),
            "obj_type": box["class"],
            "psr": {
                "position": {axis: box[axis] for axis in "xyz"},
                "rotation": _rotation(up, box),
                "scale": {axis: box[f"d{axis}"] for axis in "xyz"},
            },
        }
        for number, box in enumerate(boxes, 1)
    ]


def _rotation(up: str, box: Mapping) -> dict[str, float]:
    """A box's heading as right-handed rotations about the scan's axes, in radians."""
    heading = -box["heading"] if up.startswith("-") else box["heading"]
    return {axis: heading if axis == up[-1] else 0.0 for axis in "xyz"}
