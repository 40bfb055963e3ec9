"""The classes of the two detection benchmarks, in label order, with the names used in prompts; and of detections."""

from collections.abc import Sequence

SCANNET = {  # NYU40 id -> name; "garbagebin", "refridgerator" and "showercurtrain" in the published code
    3: "cabinet",
    4: "bed",
    5: "chair",
    6: "sofa",
    7: "table",
    8: "door",
    9: "window",
    10: "bookshelf",
    11: "picture",
    12: "counter",
    14: "desk",
    16: "curtain",
    24: "refrigerator",
    28: "shower curtain",
    33: "toilet",
    34: "sink",
    36: "bathtub",
    39: "garbage bin",
}
SUNRGBD = ("bed", "table", "sofa", "chair", "toilet", "desk", "dresser", "night_stand", "bookshelf", "bathtub")
OBJECT = "object"  # the class of a box in a user's scan whose size fits none of the classes


def named_classes(class_names: Sequence[str], keep_unnamed: bool) -> tuple[str, ...]:
    """The classes of detections: the candidates, and `OBJECT` if boxes that fit none of them are kept."""
    return (*class_names, OBJECT) if keep_unnamed else tuple(class_names)
