"""The outcome of a search as a small file: which sentences and view weights, chosen how and on what."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
import yaml
from torch import Tensor

from pointclip.errors import InputError
from pointclip.files import atomic_path
from pointclip.prompts import spoken

ALL = "all"  # under what classification's view weights stand, which serve all classes


@dataclass(frozen=True)
class Searched:
    """What a search chose; what was not sought is empty.

    Sentences and weights stand by class name for classification, whose weights stand under `ALL`;
    for segmentation they stand by category, the sentences there by part.
    """

    task: str
    dataset: str
    split: str
    shapes: int
    data: str  # fingerprint of the shapes and their labels
    encoder: str
    procedure: str
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
    def counts(self) -> list[int]:
        """How many sentences each class or part has."""
        return [len(group) for group in _groups(self.sentences)]

    def on_same(self, dataset: str, split: str, data: str) -> bool:
        """Whether it was chosen on that data set's split, or on shapes of that fingerprint."""
        return data == self.data or (dataset, split) == (self.dataset, self.split)

    def note(self, dataset: str, split: str, data: str) -> str:
        """What a reader must know of results on that data set, split, fingerprint."""
        if self.on_same(dataset, split, data):
            return f"The {self.what} were chosen on the labels of the very split that is reported; not zero-shot."
        where = f"{self.dataset} ({self.split}, {self.shapes} shapes)"
        if self.split == "test":
            return f"The {self.what} were chosen on the labels of a test split, {where}; not strictly zero-shot."
        return f"The {self.what} were chosen on the labels of {where}."

    def without(self, names: Sequence[str]) -> list[str]:
        """Those of the names that nothing was chosen for, as no shape of theirs was searched on."""
        chosen = [_by_key(entries) for entries in (self.sentences, self.weights) if entries and ALL not in entries]
        return [name for name in names if any(_key(name) not in own for own in chosen)]

    def class_sentences(self, names: Sequence[str]) -> dict[str, list[str]]:
        """The chosen sentences of these classes, under the names as they are spelt here.

        Raises:
            InputError: when a class has none.
        """
        known = _by_key(self.sentences)
        for name in names:
            if _key(name) not in known:
                raise InputError(
                    f"The searched sentences are of {', '.join(list(self.sentences)[:5])} …, but not of {name!r}; "
                    "search on this data set, or empty SEARCHED."
                )
        return {name: known[_key(name)] for name in names}

    def part_sentences(self, category: str) -> dict[str, list[str]]:
        """The chosen sentences of a category's parts; {} where none were chosen."""
        return _by_key(self.sentences).get(_key(category), {})

    def weights_for(self, name: str, otherwise: Tensor) -> Tensor:
        """The chosen view weights [V] of a category, or of `ALL`; `otherwise` [V] where none were chosen.

        Raises:
            InputError: when they are of another number of views.
        """
        weights = torch.tensor(_by_key(self.weights).get(_key(name), otherwise.tolist()))
        if weights.shape != otherwise.shape:
            raise InputError(
                f"There are {len(weights)} searched view weights for {name!r}, but {len(otherwise)} views; "
                "search with these views, or empty SEARCHED."
            )
        return weights


def write_searched(path: Path, searched: Searched) -> None:
    """Write the outcome as YAML."""
    with atomic_path(path) as temporary:
        text = yaml.safe_dump(asdict(searched), sort_keys=False, allow_unicode=True, width=120)
        temporary.write_text(text, encoding="utf-8")


def read_searched(path: str | Path, task: str) -> Searched:
    """Read such a file.

    Raises:
        InputError: for a file that cannot be read, of another form, or of another task.
    """
    try:
        values = yaml.safe_load(Path(path).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"Cannot read SEARCHED {path} ({error.strerror}); give a searched.yaml.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"SEARCHED {path} is not valid YAML: {' '.join(str(error).split())[:200]}.") from error
    if not isinstance(values, dict) or set(values) != {own.name for own in fields(Searched)}:
        raise InputError(f"SEARCHED {path} is no outcome of a search; give the searched.yaml that --search wrote.")
    if values["task"] != task:
        raise InputError(f"SEARCHED {path} is of {values['task']}, but this is {task}; give one of this task.")
    searched = Searched(**values)
    if not _is_sound(searched):
        raise InputError(f"SEARCHED {path} holds other sentences or weights than --search writes; search again.")
    return searched


def _key(name: str) -> str:
    return spoken(name).casefold()


def _by_key(entries: Mapping[str, object]) -> dict:
    return {_key(name): entry for name, entry in entries.items()}


def _groups(entries: Mapping) -> list:
    return [part for entry in entries.values() for part in (entry.values() if isinstance(entry, dict) else [entry])]


def _is_sound(searched: Searched) -> bool:
    def sentences(entry: object) -> bool:
        return isinstance(entry, list) and bool(entry) and all(isinstance(text, str) and text for text in entry)

    def numbers(entry: object) -> bool:
        return isinstance(entry, list) and all(type(w) in (int, float) and abs(w) < 1e6 for w in entry) and any(entry)

    chosen, weights = searched.sentences, searched.weights
    if not isinstance(chosen, Mapping) or not isinstance(weights, Mapping) or not (chosen or weights):
        return False
    named = all(isinstance(name, str) for name in (*chosen, *weights))
    return named and all(map(sentences, _groups(chosen))) and all(map(numbers, weights.values()))
