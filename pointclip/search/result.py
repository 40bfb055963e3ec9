"""The result of a search as a small file: which sentences and view weights, chosen how and on what."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property, reduce
from pathlib import Path

import torch
import yaml
from torch import Tensor
from yacs.config import CfgNode

from pointclip.datasets.batches import BatchReader
from pointclip.encoder import Encoder
from pointclip.errors import InputError
from pointclip.origin import Origin
from pointclip.prompts import PartSentences, Sentences, count_in_words, key_of
from pointclip.search.procedure import in_words
from pointclip.utils.files import atomic_path, read_yaml
from pointclip.view_weights import ViewWeights

ALL = "all"  # under what classification's view weights stand, which serve all classes


@dataclass(frozen=True)
class SearchResult:
    """What a search chose; what it did not search for is empty.

    Sentences and weights stand by class name for classification, whose weights stand under `ALL`;
    for segmentation they stand by category, the sentences there by part.
    """

    task: str
    dataset: str
    split: str
    shapes: int
    data: str  # fingerprint of the shapes and their labels
    encoder: str
    views: list[int]  # the numbers of the views that the weights are of
    settings: dict[str, str]  # what else decides what CLIP sees and how it is scored
    procedure: str
    tuned_on_test_labels: bool  # whether labels of a test split had any part in it
    score: float  # on those shapes, percent: accuracy, or instance mIoU
    scores: dict[str, float]  # per category; empty for classification
    sentences: dict[str, list[str]] | dict[str, dict[str, list[str]]]
    weights: dict[str, list[float]]

    @property
    def words(self) -> str:
        """How it came about, for reports."""
        return f"searched on {self.dataset} ({self.split}, {self.shapes} shapes)"

    @property
    def what(self) -> str:
        """What was chosen, in words."""
        sought = (("sentences", self.sentences), ("view weights", self.weights))
        return " and ".join(word for word, found in sought if found)

    @property
    def groups(self) -> list[list[str]]:
        """The sentences of each class or part."""
        return _groups(self.sentences)

    @property
    def kind(self) -> str:
        """What a group of its sentences names: "class" or "part"."""
        return "part" if any(isinstance(entry, dict) for entry in self.sentences.values()) else "class"

    def on_same(self, dataset: str, split: str, data: str) -> bool:
        """Whether it was chosen on that data set's split, or on shapes of that fingerprint."""
        return data == self.data or (dataset, split) == (self.dataset, self.split)

    def note(self, dataset: str, split: str, data: str) -> str:
        """What a reader must know of results on that data set, split, fingerprint."""
        where = f"{self.dataset} ({self.split}, {self.shapes} shapes)"
        if self.on_same(dataset, split, data):
            return f"The {self.what} were chosen on the labels of the very split that is reported; not zero-shot."
        if self.split == "test":
            return f"The {self.what} were chosen on the labels of a test split, {where}; not strictly zero-shot."
        if self.tuned_on_test_labels:
            return (
                f"The {self.what} were chosen on the labels of {where}, among sentences or at view weights that had "
                "been chosen on labels of a test split; not strictly zero-shot."
            )
        return f"The {self.what} were chosen on the labels of {where}."

    def differences(self, settings: CfgNode, encoder: str) -> list[str]:
        """A note for each thing that is not as it was in the search."""
        notes = (
            [] if encoder == self.encoder else [f"The {self.what} were chosen with another encoder, {self.encoder}."]
        )
        now = deciding(settings)
        for name, value in self.settings.items():
            if now.get(name) != value:
                notes.append(f"The {self.what} were chosen with {name} {value}, and are used with {now.get(name)}.")
        return notes

    def without(self, names: Sequence[str]) -> list[str]:
        """Those of the names that nothing was chosen for, as no shape of theirs was searched on."""
        chosen = [_by_key(entries) for entries in (self.sentences, self.weights) if entries and ALL not in entries]
        return [name for name in names if any(key_of(name) not in own for own in chosen)]

    def apply_to_classes(
        self, sentences: Sentences, weights: ViewWeights, views: Sequence[int]
    ) -> tuple[Sentences, ViewWeights]:
        """The chosen sentences and view weights in place of those that came, under the names as they are spelt here.

        Args:
            sentences: of every class.
            weights: [V] of these `views`.

        Raises:
            InputError: when a class has no chosen sentence, or a view no chosen weight.
        """
        if self.sentences:
            known = _by_key(self.sentences)
            for name in sentences:
                if key_of(name) not in known:
                    raise InputError(
                        f"The searched sentences are of {', '.join(list(self.sentences)[:5])} …, but not of {name!r}; "
                        "search on this data set, or empty SEARCHED."
                    )
            sentences = Sentences({name: known[key_of(name)] for name in sentences}, self._origin(sentences.origin))
        return sentences, self._weights(ALL, weights, views)

    def apply_to_parts(
        self, sentences: PartSentences, weights: Mapping[str, ViewWeights], views: Sequence[int], read: Sequence[str]
    ) -> tuple[PartSentences, dict[str, ViewWeights]]:
        """The chosen sentences and view weights of every category in place of those that came.

        Args:
            weights: [V] of these `views`, by category.
            read: the categories of the shapes that are read; those without a chosen sentence keep theirs.
        """
        if self.sentences:
            chosen = {category: _by_key(parts) for category, parts in _by_key(self.sentences).items()}
            by_category = {
                category: {part: chosen.get(key_of(category), {}).get(key_of(part), own) for part, own in parts.items()}
                for category, parts in sentences.by_category.items()
            }
            sentences = PartSentences(by_category, self._origin(sentences.origin, bool(self.without(read))))
        return sentences, {name: self._weights(name, given, views) for name, given in weights.items()}

    def _origin(self, before: Origin, some_stay: bool = False) -> Origin:
        """The origin of the chosen sentences, of which some may be what there was before."""
        words = f"{count_in_words(self.groups, self.kind)}, {self.words}"
        tuned = self.tuned_on_test_labels or (some_stay and before.tuned)
        return Origin(words, before.note if some_stay else "", tuned)

    def _weights(self, name: str, given: ViewWeights, views: Sequence[int]) -> ViewWeights:
        if not self.weights:
            return given
        origin = Origin(self.words, tuned=self.tuned_on_test_labels)
        return ViewWeights(self.weights_for(name, views, given.values), origin)

    @cached_property
    def _weights_by_key(self) -> dict[str, list[float]]:
        return _by_key(self.weights)

    def weights_for(self, name: str, views: Sequence[int], otherwise: Tensor) -> Tensor:
        """The chosen weights [V] of these views for a category, or for `ALL`; `otherwise` [V] where none were chosen.

        Raises:
            InputError: when a view has none.
        """
        weights = self._weights_by_key.get(key_of(name))
        if weights is None:
            return otherwise
        known = dict(zip(self.views, weights, strict=True))
        if lacking := [view for view in views if view not in known]:
            raise InputError(
                f"The searched view weights are of views {', '.join(map(str, self.views))}, and view {lacking[0]} has "
                "none; search with these views, or empty SEARCHED."
            )
        return torch.tensor([known[view] for view in views])


DECIDING = (
    "PROJECTION.METHOD", "PROJECTION.STEPS", "LOOKUP", "PROTOCOL", "IOU_RULE", "DATASET.TURN", "DATASET.NUM_POINTS",
)  # fmt: skip


def deciding(settings: CfgNode) -> dict[str, str]:
    """The settings that decide what CLIP sees and how it is scored, as far as a task has them."""
    found = {}
    for name in DECIDING:
        *groups, last = name.split(".")
        group = reduce(lambda node, key: node[key], groups, settings)
        if last in group:
            found[name] = str(group[last])
    return found


@dataclass(frozen=True)
class Chosen:
    """What a search of one split chose; the fields are those of `SearchResult`."""

    shapes: int
    tried: int  # how many choices were scored; the more, the better the best by chance
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
        what: "prompts", "weights" or both; what was not searched for is left out.
        reader: of the split, after it was read.
        start: the origins of the sentences and view weights that the search began with; their mark stays.
    """
    return SearchResult(
        task=task,
        dataset=Path(settings.DATASET.NAME).stem,
        split=settings.DATASET.SPLIT,
        shapes=chosen.shapes,
        data=reader.fingerprint,
        encoder=encoder.name,
        views=list(views),
        settings=deciding(settings),
        procedure=f"{in_words(what, settings.SEARCH)}; {chosen.tried:,} choices scored",
        tuned_on_test_labels=settings.DATASET.SPLIT == "test" or any(origin.tuned for origin in start),
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
    """Read such a file.

    Args:
        task: of which it must be.
        by_part: whether sentences and weights stand by category, as segmentation's do.

    Raises:
        InputError: for a file that cannot be read, of another form, or of another task.
    """
    values = read_yaml(path, "SEARCHED", "give a searched.yaml")
    if not isinstance(values, dict) or set(values) != {entry.name for entry in fields(SearchResult)}:
        raise InputError(f"SEARCHED {path} is not the result of a search; give a searched.yaml that --search wrote.")
    if values["task"] != task:
        raise InputError(f"SEARCHED {path} is of {values['task']}, but this is {task}; give one of this task.")
    wrong = [name for name, fits in _FITS.items() if not fits(values[name])] or _wrong_choice(values, by_part)
    if wrong:
        raise InputError(f"SEARCHED {path} holds another {wrong[0]} than --search writes; search again.")
    return SearchResult(**values)


def _by_key(entries: Mapping[str, object]) -> dict:
    return {key_of(name): entry for name, entry in entries.items()}


def _groups(entries: Mapping) -> list:
    return [part for entry in entries.values() for part in (entry.values() if isinstance(entry, dict) else [entry])]


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < 1e6


def _is_named(value: object) -> bool:
    """Whether it is a mapping by names of which no two are the same but for their spelling."""
    return (
        isinstance(value, dict) and all(isinstance(name, str) for name in value) and len(_by_key(value)) == len(value)
    )


def _are_sentences(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) and text.strip() for text in value)


_FITS = {
    **dict.fromkeys(("dataset", "split", "data", "encoder", "procedure"), lambda value: isinstance(value, str)),
    "shapes": lambda value: type(value) is int and value > 0,
    "views": lambda value: (
        isinstance(value, list) and all(type(v) is int for v in value) and len({*value}) == len(value)
    ),
    "settings": lambda value: _is_named(value) and all(isinstance(own, str) for own in value.values()),
    "tuned_on_test_labels": lambda value: isinstance(value, bool),
    "score": _is_number,
    "scores": lambda value: _is_named(value) and all(map(_is_number, value.values())),
    "sentences": _is_named,
    "weights": _is_named,
}  # field -> whether a value is such as --search writes


def _wrong_choice(values: dict, by_part: bool) -> list[str]:
    """Which of sentences and weights are not such as the task's."""
    chosen, weights = values["sentences"], values["weights"]
    wrong = []
    if by_part:
        fits = all(_is_named(own) and own and all(map(_are_sentences, own.values())) for own in chosen.values())
    else:
        fits = all(map(_are_sentences, chosen.values()))
    if not fits or not (chosen or weights):
        wrong.append("sentences")
    count = len(values["views"])
    fits = all(isinstance(w, list) and len(w) == count and all(map(_is_number, w)) and any(w) for w in weights.values())
    if not fits or (weights and (ALL in weights) == by_part):
        wrong.append("weights")
    return wrong
