"""Optional departures of the published evaluation from the standard one."""

import numpy as np
from yacs.config import CfgNode

from pointclip.errors import InputError
from pointclip.metrics import IOU_RULES

PROTOCOLS = ("standard", "published")
ORDERS = ("in_order", "scrambled")  # of patch features, see `zeroshot_seg.segmenter.arranged`
PUBLISHED_LAMP_PARTS = 2  # the published prompts name the first two of lamp's four; the others are never predicted
# The part of a point that no view sees, by the number of parts with sentences. Its logits are all 0, and this is the
# result of the published code's `torch.topk(logits, 1)` for equal values on a CPU, as observed; on an H200 it is 0.
# Numbers of parts that do not occur in ShapeNetPart get the first part.
PUBLISHED_UNSEEN = {2: 0, 3: 0, 4: 2, 6: 3}

WORDS = {
    "LOOKUP": {"corrected": "corrected pixel lookup", "published": "published pixel lookup (transposed)"},
    "FEATURES": {"in_order": "patch features in order", "scrambled": "scrambled patch features"},
    "IOU_RULE": {"standard": "absent parts count as 100 % IoU", "skip": "absent parts are left out of the IoU"},
}  # of settings' values, for readers of results


def method_in_words(settings: CfgNode) -> str:
    """LOOKUP and FEATURES as text."""
    return f"{WORDS['LOOKUP'][settings.LOOKUP]}, {WORDS['FEATURES'][settings.FEATURES]}"


def protocol_in_words(settings: CfgNode) -> str:
    """PROTOCOL and IOU_RULE as text."""
    return f"{settings.PROTOCOL} protocol, {WORDS['IOU_RULE'][settings.IOU_RULE]}"


def check_rules(settings: CfgNode) -> None:
    """Raise an InputError for an unknown PROTOCOL, IOU_RULE or FEATURES."""
    for name, known in (("PROTOCOL", PROTOCOLS), ("IOU_RULE", IOU_RULES), ("FEATURES", ORDERS)):
        if settings[name] not in known:
            raise InputError(f"{name} is {settings[name]!r}; expected {' or '.join(known)}.")


def fixed_parts(visible: np.ndarray, parts: int, protocol: str) -> np.ndarray:
    """The parts [N] of points with a fixed part (invisible ones under the published protocol); -1 for all others.

    Args:
        visible: [V, N] bool.
        parts: number of parts with sentences.
    """
    seen = visible.any(0)
    return np.where(seen | (protocol == "standard"), -1, PUBLISHED_UNSEEN.get(parts, 0))


def predicted_parts(category: str, parts: int, protocol: str) -> int:
    """The number of a category's parts that can be predicted: all, or lamp's first two under the published protocol."""
    return PUBLISHED_LAMP_PARTS if protocol == "published" and category == "lamp" else parts
