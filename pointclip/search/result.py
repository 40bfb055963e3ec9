"""The result of a search as a small file: the chosen sentences and view weights, and how they were chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property, reduce
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor
from yacs.config import CfgNode

from pointclip.datasets.batches import BatchReader
from pointclip.encoder import Encoder
from pointclip.errors import InputError
from pointclip.origin import Origin
from pointclip.prompts import PartSentences, Sentences, count_in_words, key_of
from pointclip.renamed import current_name, current_value
from pointclip.search.procedure import in_words
from pointclip.utils.files import atomic_path, read_yaml
from pointclip.view_weights import ViewWeights

ALL = "all"  # key of classification's view weights, which apply to all classes


@dataclass(frozen=True)
class SearchResult:
    """The outcome of a search; `sentences` or `weights` is empty if it was not searched for.

    For classification, sentences are keyed by class, and weights by `ALL`. For segmentation, both are keyed by
    category, and a category's sentences by part.
    """

    task: str
    dataset: str
    split: str
    shapes: int
    data: str  # fingerprint of the shapes and their labels
    encoder: str
    views: list[int]  # numbers of the views that the weights belong to
    settings: dict[str, str]  # other settings that affect what CLIP sees or how it is scored
    procedure: str
    tuned_on_test_labels: bool  # whether labels of a test split were used, directly or indirectly
    score: float  # on those shapes, percent: accuracy, or instance mIoU
    scores: dict[str, float]  # per category; empty for classification
    sentences: dict[str, list[str]] | dict[str, dict[str, list[str]]]
    weights: dict[str, list[float]]

    @property
    def words(self) -> str:
        """A description of its source, for reports."""
        return f"searched on {self.dataset} ({self.split}, {self.shapes} shapes)"

    @property
    def what(self) -> str:
        """What was chosen, in words."""
        found = {"sentences": self.sentences, "view weights": self.weights}
        return " and ".join(word for word, choice in found.items() if choice)

    @property
    def groups(self) -> list[list[str]]:
        """The sentences of each class or part."""
        return _groups(self.sentences)

    @property
    def kind(self) -> str:
        """What a group of sentences belongs to: "class" or "part"."""
        return "part" if any(isinstance(entry, dict) for entry in self.sentences.values()) else "class"

    def on_same(self, dataset: str, split: str, data: str) -> bool:
        """Whether it was chosen on this split of this data set, or on data of the same fingerprint."""
        return data == self.data or (dataset, split) == (self.dataset, self.split)

    def note(self, dataset: str, split: str, data: str) -> str:
        """A note for readers of results on this data set, split and fingerprint."""
        where = f"{self.dataset} ({self.split}, {self.shapes} shapes)"
        if self.on_same(dataset, split, data):
            return f"The {self.what} were chosen on the labels of the reported split itself; not zero-shot."
        if is_test(self.split):
            return f"The {self.what} were chosen on the labels of a test split, {where}; not strictly zero-shot."
        if self.tuned_on_test_labels:
            return (
                f"The {self.what} were chosen on the labels of {where}, starting from sentences or view weights "
                "chosen on labels of a test split; not strictly zero-shot."
            )
        return f"The {self.what} were chosen on the labels of {where}."

    def differences(self, settings: CfgNode, encoder: str) -> list[str]:
        """A note for each setting that differs from the search's."""
        notes = []
        if encoder != self.encoder:
            notes.append(f"The {self.what} were chosen with another encoder, {self.encoder}.")
        current = relevant_settings(settings)
        for name, value in self.settings.items():
            if current.get(name) != value:
                notes.append(f"The {self.what} were chosen with {name} {value}, but are used with {current.get(name)}.")
        return notes

    def missing(self, names: Sequence[str]) -> list[str]:
        """The names for which nothing was chosen, because the search had no shapes of them."""
        chosen = [_by_key(entries) for entries in (self.sentences, self.weights) if entries and ALL not in entries]
        return [name for name in names if any(key_of(name) not in entries for entries in chosen)]

    def apply_to_classes(
        self, sentences: Sentences, weights: ViewWeights, views: Sequence[int]
    ) -> tuple[Sentences, ViewWeights]:
        """Replace sentences and view weights by the chosen ones; class names keep the spelling given here.

        Args:
            sentences: of all classes.
            weights: [V], of `views`.

        Raises:
            InputError: if a class has no chosen sentence, or a view no chosen weight.
        """
        if self.sentences:
            known = _by_key(self.sentences)
            for name in sentences:
                if key_of(name) not in known:
                    raise InputError(
                        f"The searched sentences are for {', '.join(self.sentences)}, but not for "
                        f"{name!r}; search on this data set, or leave SEARCHED empty."
                    )
            sentences = Sentences({name: known[key_of(name)] for name in sentences}, self._origin(sentences.origin))
        return sentences, self._weights(ALL, weights, views)

    def apply_to_parts(
        self,
        sentences: PartSentences,
        weights: Mapping[str, ViewWeights],
        views: Sequence[int],
        categories: Sequence[str],
    ) -> tuple[PartSentences, dict[str, ViewWeights]]:
        """Replace sentences and view weights by the chosen ones of each category.

        Args:
            sentences: of all parts of all categories.
            weights: [V], of `views`, by category.
            categories: those that occur in the data; their parts without a chosen sentence keep the original ones,
                whose origin is then included.
        """
        if self.sentences:
            chosen = {category: _by_key(parts) for category, parts in _by_key(self.sentences).items()}
            by_category = {
                category: {
                    part: chosen.get(key_of(category), {}).get(key_of(part), original)
                    for part, original in parts.items()
                }
                for category, parts in sentences.by_category.items()
            }
            unchanged = any(
                key_of(part) not in chosen.get(key_of(category), {})
                for category in categories
                for part in by_category.get(category, {})
            )
            sentences = PartSentences(by_category, self._origin(sentences.origin, unchanged))
        return sentences, {name: self._weights(name, original, views) for name, original in weights.items()}

    def _origin(self, original: Origin, some_unchanged: bool = False) -> Origin:
        """The origin of the sentences after replacement, which may leave some unchanged."""
        words = f"{count_in_words(self.groups, self.kind)}, {self.words}"
        words += f"; the others: {original.words}" if some_unchanged else ""
        tuned = self.tuned_on_test_labels or (some_unchanged and original.tuned)
        return Origin(words, original.note if some_unchanged else "", tuned)

    def _weights(self, name: str, original: ViewWeights, views: Sequence[int]) -> ViewWeights:
        if not self.weights:
            return original
        origin = Origin(self.words, tuned=self.tuned_on_test_labels)
        return ViewWeights(self.weights_for(name, views, original.values), origin)

    @cached_property
    def _weights_by_key(self) -> dict[str, list[float]]:
        return _by_key(self.weights)

    def weights_for(self, name: str, views: Sequence[int], default: Tensor) -> Tensor:
        """The chosen weights [V] of `views` for a category, or for `ALL`; `default` [V] if there are none.

        Raises:
            InputError: if a view has no weight.
        """
        weights = self._weights_by_key.get(key_of(name))
        if weights is None:
            return default
        known = dict(zip(self.views, weights, strict=True))
        if missing := [view for view in views if view not in known]:
            raise InputError(
                f"The searched view weights are for views {', '.join(map(str, self.views))}, but not for view "
                f"{missing[0]}; search with these views, or leave SEARCHED empty."
            )
        return torch.tensor([known[view] for view in views])


def is_test(split: str) -> bool:
    """Whether a split is for testing: "test", or a variant of it such as "test_hard"."""
    return split.partition("_")[0] == "test"


RELEVANT_SETTINGS = (
    "PROJECTION.METHOD", "PROJECTION.STEPS", "LOOKUP", "FEATURES", "PROTOCOL", "IOU_RULE", "DATASET.ROTATION",
    "DATASET.CORRUPT", "DATASET.NUM_POINTS",
)  # fmt: skip


def relevant_settings(settings: CfgNode) -> dict[str, str]:
    """The settings that affect what CLIP sees or how it is scored, those of them that the task has."""
    found = {}
    for name in RELEVANT_SETTINGS:
        *groups, last = name.split(".")
        group = reduce(lambda node, key: node[key], groups, settings)
        if last in group:
            found[name] = str(group[last])
    return found


@dataclass(frozen=True)
class Chosen:
    """The choice of a task's search; the fields are those of `SearchResult`."""

    shapes: int
    tried: int  # number of choices scored; the more there are, the better the best one is by chance
    score: float
    sentences: dict
    weights: dict[str, list[float]]
    scores: dict[str, float] = field(default_factory=dict)


def describe(
    chosen: Chosen,
    task: str,
    what: Sequence[str],
    settings: CfgNode,
    reader: BatchReader,
    encoder: Encoder,
    views: Sequence[int],
    start: Sequence[Origin],
) -> SearchResult:
    """The result of a search on the split that `settings` name.

    Args:
        what: "prompts", "weights" or both; the other is left out.
        reader: of the split, after it was read.
        start: the origins of the initial sentences and view weights, which may be tuned on test labels.
    """
    return SearchResult(
        task=task,
        dataset=Path(settings.DATASET.NAME).stem,
        split=settings.DATASET.SPLIT,
        shapes=chosen.shapes,
        data=reader.fingerprint,
        encoder=encoder.name,
        views=list(views),
        settings=relevant_settings(settings),
        procedure=f"{in_words(what, settings.SEARCH)}; {chosen.tried:,} choices scored",
        tuned_on_test_labels=is_test(settings.DATASET.SPLIT) or any(origin.tuned for origin in start),
        score=chosen.score,
        scores=chosen.scores,
        sentences=chosen.sentences if "prompts" in what else {},
        weights=chosen.weights if "weights" in what else {},
    )


def write_result(path: Path, result: SearchResult) -> None:
    """Write the result as YAML."""
    with atomic_path(path) as temporary:
        text = yaml.safe_dump(asdict(result), sort_keys=False, allow_unicode=True, width=120)
        temporary.write_text(text, encoding="utf-8")


def read_result(path: str | Path, task: str, by_part: bool = False) -> SearchResult:
    """Read a result written by `write_result`.

    Args:
        task: the task that the result must belong to.
        by_part: whether sentences and weights are keyed by category, as in segmentation.

    Raises:
        InputError: for a file that cannot be read, is not such a result, or belongs to another task.
    """
    values = read_yaml(path, "SEARCHED", "give a searched.yaml")
    if not isinstance(values, dict) or set(values) != {entry.name for entry in fields(SearchResult)}:
        raise InputError(f"SEARCHED {path} is not the result of a search; give a searched.yaml that --search wrote.")
    if values["task"] != task:
        raise InputError(f"SEARCHED {path} is for {values['task']}, but this is {task}; give one for this task.")
    invalid = [name for name, valid in _VALID.items() if not valid(values[name])] or _invalid_choices(values, by_part)
    if invalid:
        raise InputError(f"SEARCHED {path} has an invalid entry {invalid[0]!r}; search again.")
    settings = {current_name(name): current_value(name, value) for name, value in values["settings"].items()}
    return SearchResult(**values | {"settings": settings})


def _by_key(entries: Mapping[str, object]) -> dict:
    return {key_of(name): entry for name, entry in entries.items()}


def _groups(entries: Mapping) -> list:
    return [part for entry in entries.values() for part in (entry.values() if isinstance(entry, dict) else [entry])]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e6


def _is_named(value: Any) -> bool:
    """Whether it is a mapping with names as keys, no two of which differ only in spelling."""
    named = isinstance(value, dict) and all(isinstance(name, str) for name in value)
    return named and len(_by_key(value)) == len(value)


def _are_sentences(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) and text.strip() for text in value)


_VALID = {
    **dict.fromkeys(("dataset", "split", "data", "encoder", "procedure"), lambda value: isinstance(value, str)),
    "shapes": lambda value: type(value) is int and value > 0,
    "views": lambda value: (
        isinstance(value, list) and all(type(v) is int for v in value) and len({*value}) == len(value)
    ),
    "settings": lambda value: _is_named(value) and all(isinstance(entry, str) for entry in value.values()),
    "tuned_on_test_labels": lambda value: isinstance(value, bool),
    "score": _is_number,
    "scores": lambda value: _is_named(value) and all(map(_is_number, value.values())),
    "sentences": _is_named,
    "weights": _is_named,
}  # field -> whether a value is valid


def _invalid_choices(values: dict, by_part: bool) -> list[str]:
    """Which of sentences and weights are invalid for the task."""
    sentences, weights = values["sentences"], values["weights"]
    invalid = []
    if by_part:
        valid = all(_is_named(v) and v and all(map(_are_sentences, v.values())) for v in sentences.values())
    else:
        valid = all(map(_are_sentences, sentences.values()))
    if not valid or not (sentences or weights):
        invalid.append("sentences")
    count = len(values["views"])
    valid = all(
        isinstance(w, list) and len(w) == count and all(map(_is_number, w)) and any(w) for w in weights.values()
    )
    if not valid or (weights and (ALL in weights) == by_part):
        invalid.append("weights")
    return invalid
