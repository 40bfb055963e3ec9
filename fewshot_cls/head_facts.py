"""What a head was trained for, and whether a run's encoder, views and classes fit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from math import isfinite
from pathlib import Path

from pointclip.errors import InputError
from pointclip.prompts import key_of


@dataclass(frozen=True)
class HeadFacts:
    """What a head was trained for, and how; the file's metadata."""

    method: str  # "tip_adapter", "adapter", …
    encoder: str  # its name, for messages
    encoder_key: str  # a fingerprint of its weights and precision
    view_count: int
    class_names: tuple[str, ...]
    projection: dict  # the PROJECTION settings
    sentences: dict  # class -> its sentences
    numbers: dict  # hyperparameters of the method: α, β …
    features: str  # what it takes: "unit", or "raw" as CLIP returns them
    smoothing: dict  # arguments of its learned smoothing, {} where it has none
    shots: str  # "modelnet40, 16 shots, seed 0"
    chosen_on: str  # "the shots", "validation shots", "test labels", "nothing"
    temperature: float = 1.0  # by which its logits are divided for probabilities
    calibrated: bool = False  # whether the temperature was fitted on shapes that the head had not seen
    frame: dict = field(default_factory=dict)  # of training shapes whose up axis was guessed, see `frames.Frame`

    @classmethod
    def of(cls, metadata: dict, where: Path) -> HeadFacts:
        """The facts in the metadata of the file `where`.

        Raises:
            InputError: for facts that are missing, unknown, or of another kind than they have to be.
        """
        known = {field.name: field for field in fields(cls)}
        if unknown := sorted(metadata.keys() - known.keys()):
            raise wrong_head(where, f"has the unknown fact {unknown[0]!r:.60}")
        required = [name for name, field in known.items() if field.default is field.default_factory is MISSING]
        if missing := [name for name in required if name not in metadata]:
            raise wrong_head(where, f"lacks the fact {missing[0]!r}")
        for name, value in metadata.items():
            if not _KINDS[name](value):
                raise wrong_head(where, f"says {value!r:.60} as {name}")
        return cls(**{**metadata, "class_names": tuple(metadata["class_names"])})

    @property
    def tuned_on_test(self) -> bool:
        return self.chosen_on == "test labels"

    def check_fits(self, encoder_key: str, encoder: str, view_count: int) -> None:
        """Raise an InputError where a head was trained for another encoder or another number of views."""
        if self.encoder_key != encoder_key:
            raise InputError(
                f"The head was trained for the encoder {self.encoder}, but this one is {encoder}, or has other weights "
                "or another precision; set ENCODER to the head's, or train a head for this one."
            )
        if self.view_count != view_count:
            raise InputError(
                f"The head was trained for {self.view_count} views, but the projection has {view_count}; set "
                "PROJECTION.VIEWS to the head's, or train a head for these."
            )

    def class_columns(self, class_names: Sequence[str]) -> tuple[list[int], list[int]]:
        """The classes that a head and a data set share, as columns of the head's logits and as labels of the data set.

        Raises:
            InputError: where they share none.
        """
        labels = {key_of(name): number for number, name in enumerate(class_names)}
        keys = map(key_of, self.class_names)
        shared = [(column, labels[key]) for column, key in enumerate(keys) if key in labels]
        if not shared:
            raise InputError(
                f"The head has the classes {', '.join(self.class_names)}, but none of the data set's classes "
                f"{', '.join(class_names)}; score it on a data set that shares some of its classes."
            )
        columns, shared_labels = zip(*shared, strict=True)
        return list(columns), list(shared_labels)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_setting(value: object) -> bool:
    return isinstance(value, str | bool) or _is_number(value)


def _are_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_group(value: object) -> bool:
    return isinstance(value, dict)


_KINDS = {
    "method": _is_text,
    "encoder": _is_text,
    "encoder_key": _is_text,
    "view_count": lambda value: type(value) is int and value >= 1,
    "class_names": _are_names,
    "projection": _is_group,
    "sentences": _is_group,
    "numbers": lambda value: (
        _is_group(value) and all(isinstance(x, str | bool) or _is_number(x) for x in value.values())
    ),
    "features": lambda value: value in ("unit", "raw"),
    "smoothing": _is_group,
    "shots": lambda value: isinstance(value, str),
    "chosen_on": _is_text,
    "temperature": lambda value: _is_number(value) and value > 0,
    "calibrated": lambda value: isinstance(value, bool),
    "frame": _is_group,
}


def wrong_head(where: Path, what: str) -> InputError:
    """The error for a head's file, of which `what` says what is wrong."""
    return InputError(f"The few-shot head {where} {what}; learn it again, or get the file again.")
