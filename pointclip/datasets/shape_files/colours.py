"""The colours of a file's points, by the names that formats and programs give them."""

import re
from collections.abc import Mapping

import numpy as np

# "Red", "R", CloudCompare's "scalar_B", "diffuse_green"; or one of three columns of an array: "colors_0", "rgb_2"
_NAME = re.compile(r"(?:(?:scalar|diffuse|vertex)_)?(red|green|blue|[rgb])|(?:vertex_)?(?:colou?rs?|rgba?)_([012])")
_ALL = re.compile(r"(?:vertex_)?(?:colou?rs?|rgba?)")  # three channels in one field, which readers split
_CHANNELS = "rgb"
_BEHIND = re.compile(r"column_\d+")  # a column without a name
_BYTE, _WORD = 255, 65535


def is_colour(name: str) -> bool:
    """Whether a field of a point is named like a channel of its colour."""
    return _channel(name) is not None or _ALL.fullmatch(name.lower()) is not None


def colours_of(fields: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """The colours [N, 3] uint8 among the fields of N points, or None.

    Channels may be bytes, whole numbers up to 65,535 (as in LAS), or 0 to 1. Of columns without names, the first three
    side by side that hold whole numbers up to 255 are taken. Colours that are the same everywhere are none.
    """
    channels = _named(fields) or _unnamed(fields)
    if channels is None:
        return None
    values = np.stack(channels, axis=1)
    largest = values.max(initial=0)
    if not np.isfinite(values).all() or values.min(initial=0) < 0 or (values == values[:1]).all():
        return None
    if values.dtype.kind == "f" and largest <= 1:
        values = np.round(values * _BYTE)
    elif _BYTE < largest <= _WORD:
        values = values // (_WORD // _BYTE)
    elif largest > _WORD:
        return None
    return values.astype(np.uint8)


def _channel(name: str) -> int | None:
    """Which of red, green and blue a field's name means; None for neither."""
    match = _NAME.fullmatch(name.lower())
    if match is None:
        return None
    return _CHANNELS.index(match[1][0]) if match[1] else int(match[2])


def _named(fields: Mapping[str, np.ndarray]) -> list[np.ndarray] | None:
    by_channel: dict[int, np.ndarray] = {}
    for name, values in fields.items():
        if (channel := _channel(name)) is not None:
            by_channel.setdefault(channel, values)
    return [by_channel[channel] for channel in range(3)] if len(by_channel) == 3 else None


def _unnamed(fields: Mapping[str, np.ndarray]) -> list[np.ndarray] | None:
    columns = [values for name, values in fields.items() if _BEHIND.fullmatch(name)]
    for start in range(len(columns) - 2):
        three = columns[start : start + 3]
        if all(_are_bytes(column) for column in three) and max(column.max(initial=0) for column in three) > 1:
            return three
    return None


def _are_bytes(column: np.ndarray) -> bool:
    return bool(((column >= 0) & (column <= _BYTE) & (column == np.floor(column))).all())
