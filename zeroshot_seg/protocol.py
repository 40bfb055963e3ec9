"""Where the published evaluation departs from the standard one, by choice."""

import numpy as np
from yacs.config import CfgNode

from pointclip.errors import InputError
from pointclip.metrics import IOU_RULES

PROTOCOLS = ("standard", "published")
ORDERS = ("in_order", "scrambled")  # of patch features, see `zeroshot_seg.segmenter.arranged`
PUBLISHED_LAMP_PARTS = 2  # the published prompts name the first two of lamp's four; the others are never predicted
# The part of a point that no view sees, by the number of parts with a sentence. Its logits are all 0, and this is what
# the published code's `torch.topk(logits, 1)` gives for equal values on a CPU, as a run of that code showed; on a
# GPU it was not tried. Numbers of parts that ShapeNetPart does not have get the first part.
PUBLISHED_UNSEEN = {2: 0, 3: 0, 4: 2, 6: 3}


def check_rules(settings: CfgNode) -> None:
    """Raise an InputError for a PROTOCOL, an IOU_RULE or FEATURES that are not known."""
    for name, known in (("PROTOCOL", PROTOCOLS), ("IOU_RULE", IOU_RULES), ("FEATURES", ORDERS)):
        if settings[name] not in known:
            raise InputError(f"{name} is {settings[name]!r}; {' or '.join(known)} was expected.")


def fixed_parts(visible: np.ndarray, parts: int, protocol: str) -> np.ndarray:
    """The parts [N] of points that get one whatever is read: unseen ones under the published protocol; -1 elsewhere.

    Args:
        visible: [V, N] bool.
        parts: how many parts have a sentence.
    """
    seen = visible.any(0)
    return np.where(seen | (protocol == "standard"), -1, PUBLISHED_UNSEEN.get(parts, 0))


def predicted_parts(category: str, parts: int, protocol: str) -> int:
    """How many of a category's parts can be predicted: all, or under the published protocol lamp's first two."""
    return PUBLISHED_LAMP_PARTS if protocol == "published" and category == "lamp" else parts
