"""Where the published evaluation departs from the standard one, by choice."""

from pointclip.errors import InputError
from pointclip.metrics import IOU_RULES

PROTOCOLS = ("standard", "published")
PUBLISHED_LAMP_PARTS = 2  # the published prompts name the first two of lamp's four; the others are never predicted


def check_rules(protocol: str, iou_rule: str) -> None:
    """Raise an InputError for a PROTOCOL or an IOU_RULE that is not known."""
    for name, value, known in (("PROTOCOL", protocol, PROTOCOLS), ("IOU_RULE", iou_rule, IOU_RULES)):
        if value not in known:
            raise InputError(f"{name} is {value!r}; {' or '.join(known)} was expected.")


def predicted_parts(category: str, parts: int, protocol: str) -> int:
    """How many of a category's parts can be predicted: all, or under the published protocol lamp's first two."""
    return PUBLISHED_LAMP_PARTS if protocol == "published" and category == "lamp" else parts
