"""Old names of settings, of all tasks: configs, command lines and saved results that hold them still work."""

import sys
from collections.abc import Container, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from pointclip.errors import InputError, escaped

RENAMED = {
    "DATASET.TURN": "DATASET.ROTATION",
    "SPLIT.MOST": "SPLIT.MAX_PIECES",
    "SPLIT.LEAST": "SPLIT.MIN_EXTENT",
    # few-shot
    "VECTORS": "VIEW_FUSION",
    "CLOSED.ALPHA": "CLOSED_FORM.ALPHA",
    "CLOSED.BETA": "CLOSED_FORM.BETA",
    "CLOSED.RIDGE": "CLOSED_FORM.RIDGE",
    "CLOSED.PENALTY": "CLOSED_FORM.C",
    "SMOOTHING.RATE": "SMOOTHING.LR_MULT",
    "SMOOTHING.STATISTICS": "SMOOTHING.BATCH_NORM",
    "TRAIN.BATCH": "TRAIN.BATCH_SIZE",
    "TRAIN.RATE": "TRAIN.LR",
    "TRAIN.WARM_UP": "TRAIN.WARMUP_EPOCHS",
    "TRAIN.SPREAD": "TRAIN.LABEL_SMOOTHING",
    "TRAIN.DECAY": "TRAIN.WEIGHT_DECAY",
    # detection
    "SCENE.POINTS": "SCENE.NUM_POINTS",
    "SCENE.VOXEL": "SCENE.VOXEL_SIZE",
    "PROPOSALS.MOST": "PROPOSALS.MAX_BOXES",
    "READING.MARGIN": "CROPS.MARGIN",
    "READING.LEAST": "CROPS.MIN_POINTS",
    "READING.POINTS": "CROPS.NUM_POINTS",
    "READING.LOGITS": "CLASSIFIER.LOGITS",
    "READING.NOTHING": "CLASSIFIER.BACKGROUND",
    "READING.SIZE_FILTER": "CLASSIFIER.SIZE_FILTER",
    "READING.EXTENTS": "CLASSIFIER.TYPICAL_EXTENTS",
    "SUPPRESSION.OVERLAP": "NMS.IOU_THRESHOLD",
    "SCORING.EVERY_CLASS": "SCORING.PER_CLASS_PROPOSALS",
    "SCORING.CONFIDENCE": "SCORING.OBJECTNESS_THRESHOLD",
}  # old dotted name -> new one
RENAMED_VALUES = {
    "DATASET.ROTATION": {"up": "vertical", "free": "so3"},
    "VIEW_FUSION": {"joined": "concat", "pooled": "sum"},
}  # new dotted name -> {old value: new one}, accepted with either name


def current_name(name: str) -> str:
    """The name of a setting today; `name` itself unless it is an old one."""
    return RENAMED.get(name, name)


def current_value(name: str, value: object) -> object:
    """The value of a setting as it is written today; `value` itself unless it is an old one."""
    return RENAMED_VALUES.get(current_name(name), {}).get(value, value) if isinstance(value, str) else value


class RenamedSettings:
    """Replaces old names and values of settings, and remembers which, for one note.

    Args:
        known: the dotted names of the task's settings; old names of others are left for the error on unknown ones.
    """

    def __init__(self, known: Container[str]):
        self.known = known
        self.found: dict[str, str] = {}  # "old" -> "new", of names and of values

    def in_pairs(self, pairs: list[tuple[str, str]], where: str) -> list[tuple[str, Any]]:
        """KEY, VALUE pairs with today's names and values.

        Raises:
            InputError: for a setting given by its old and its new name.
        """
        given = [name for name, _ in pairs]
        return [
            (self._name(name, current_name(name) in given, where), self._value(name, value)) for name, value in pairs
        ]

    def in_groups(self, values: Mapping, where: str) -> dict:
        """A config's nested settings with today's names and values; the same errors."""
        settings = deepcopy(dict(values))
        for old, new in RENAMED.items():
            old_group, new_group = _group(settings, old), _group(settings, new)
            if new in self.known and _key(old) in old_group:
                self._name(old, _key(new) in new_group, where)
                value = old_group.pop(_key(old))
                if not old_group:
                    settings.pop(old.partition(".")[0], None)
                _group(settings, new, make=True)[_key(new)] = value
        for name in RENAMED_VALUES:
            group = _group(settings, name)
            if name in self.known and _key(name) in group:
                group[_key(name)] = self._value(name, group[_key(name)])
        return settings

    def print_note(self) -> None:
        """One line on standard error about what was replaced, if anything was; the same line only once a process."""
        if self.found:
            new_names = ", ".join(f"{old} is now {new}" for old, new in self.found.items())
            _print_once(f"note: Old names of settings still work, but have new ones: {new_names}.")

    def _name(self, name: str, is_double: bool, where: str) -> str:
        new = current_name(name)
        if new == name or new not in self.known:
            return name
        if is_double:
            raise InputError(f"{where} sets {new}, and {name}, its old name; leave one of them out.")
        self.found[name] = new
        return new

    def _value(self, name: str, value: object) -> object:
        new = current_value(name, value) if current_name(name) in self.known else value
        if new != value:
            self.found[str(value)] = str(new)
        return new


def _group(values: dict, name: str, make: bool = False) -> dict:
    """The group of a dotted name of one or two parts; {} where there is none, or something else in its place."""
    group, dot, _ = name.rpartition(".")
    found = values if not dot else values.setdefault(group, {}) if make else values.get(group)
    return found if isinstance(found, dict) else {}


def _key(name: str) -> str:
    return name.rpartition(".")[2]


@cache
def _print_once(text: str) -> None:
    print(escaped(text), file=sys.stderr)
