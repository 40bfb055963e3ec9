"""Where a run's sentences and view weights came from, and what a reader of any table or file must know of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from pointclip.datasets.batches import BatchReader
from pointclip.encoder import Encoder
from pointclip.errors import InputError
from pointclip.search.result import Searched
from pointclip.utils.files import expanded, read_yaml


@dataclass(frozen=True)
class Origin:
    """Of sentences or of view weights."""

    words: str  # "synthetic.json, 240 sentences a class, averaged"
    note: str = ""  # what a reader of any result must know
    tuned: bool = False  # whether labels of a test split chose them


@dataclass(frozen=True)
class Provenance:
    """What a run used in the end."""

    prompts: str
    view_weights: str
    notes: list[str]
    tuned: bool  # whether labels of a test split chose any of it
    searched: Searched | None  # the search it came from, where one was used


def origin_of_prompts(settings: CfgNode, sentences: Mapping[str, Sequence[str]], prompts: Mapping, kind: str) -> Origin:
    """Where the sentences come from and how many a name has.

    A file NAME.json may have NAME.origin.yaml beside it, {origin: a sentence, tuned_on_test_labels: true or false}, as
    prompts/import_published.py writes it.

    Args:
        sentences: of each class, or each part.
        prompts: what the file holds, {} without one.
        kind: "class" or "part".
    """
    template = f"the template “{settings.PROMPTS.TEMPLATE}”"
    if not prompts:
        return Origin(template)
    filled = re.escape(settings.PROMPTS.TEMPLATE).replace(r"\{\}", ".+").replace(r"\{category\}", ".+")
    by_template = [name for name, group in sentences.items() if len(group) == 1 and re.fullmatch(filled, group[0])]
    if len(by_template) == len(sentences):
        return Origin(template)  # the file has none of these names
    more = f"; {template} for {', '.join(by_template)}" if by_template else ""
    path = expanded(settings.PROMPTS.FILE)
    words = f"{path.name}, {_count(sentences.values(), kind)}, averaged{more}"
    return Origin(words, *_read_origin(path.with_suffix(".origin.yaml")))


def origin_of_weights(words: str, note: str) -> Origin:
    """Where view weights come from, by what `pointclip.projection.views.view_weights` tells of them."""
    return Origin(words, note, tuned=bool(note))  # the published sets are what there is to tell of


def weights_to_begin_with(settings: CfgNode, sought: Sequence[str], searched: Searched | None) -> str:
    """VIEW_WEIGHTS, but "uniform" where weights are searched or were, so that nothing of a published set stays."""
    return "uniform" if "weights" in sought or (searched and searched.weights) else settings.VIEW_WEIGHTS


def passed_on(searched: Searched, origins: Sequence[Origin]) -> Searched:
    """The outcome of a search, marked if anything that it began with was chosen by labels of a test split."""
    tuned = searched.tuned_on_test_labels or any(origin.tuned for origin in origins)
    return replace(searched, tuned_on_test_labels=tuned)


def provenance(
    settings: CfgNode,
    prompts: Origin,
    weights: Origin,
    searched: Searched | None,
    encoder: Encoder,
    reader: BatchReader,
    own: bool,
) -> Provenance:
    """What a run used, and what its readers must know of it.

    Args:
        settings: of the run.
        prompts, weights: what the settings name, of which a search may have chosen.
        searched: the outcome of that search, where there was one.
        reader: of the shapes that are reported, after it was read.
        own: whether the shapes are a user's own, not those of DATASET.
    """
    if searched is None:
        notes = [origin.note for origin in (weights, prompts) if origin.note]
        return Provenance(prompts.words, weights.words, notes, prompts.tuned or weights.tuned, None)

    missing = searched.without(_classes_read(reader, own))
    used = []  # of what the settings name
    if not searched.weights:
        used.append(weights)
    if not searched.sentences or missing:
        used.append(prompts)
    shown = ("" if own else Path(settings.DATASET.NAME).stem, settings.DATASET.SPLIT, reader.fingerprint)
    notes = [origin.note for origin in used if origin.note]
    notes += [searched.note(*shown), *searched.differences(settings, encoder.name)]
    if missing:
        notes.append(f"Nothing was chosen for {', '.join(missing)}: no shape of theirs was searched on.")
    tuned = searched.tuned_on_test_labels or searched.on_same(*shown) or any(origin.tuned for origin in used)
    words = prompts.words
    if searched.sentences:
        words = f"{_count(searched.groups, searched.kind)}, {searched.words}"
    return Provenance(words, searched.words if searched.weights else weights.words, notes, tuned, searched)


def standing_notes(
    settings: CfgNode, encoder: Encoder, reader: BatchReader, sentences: Mapping[str, Sequence[str]]
) -> list[str]:
    """The notes that any task's run may need: on its encoder, cut sentences, and on turned, mended and bad shapes."""
    notes = list(encoder.notes)
    if cut := encoder.count_cut([sentence for group in sentences.values() for sentence in group]):
        notes.append(f"{cut} sentence(s) were cut after the {encoder.context_length} tokens that the encoder reads.")
    if settings.ENCODER.NAME == "demo":
        notes.append(
            "The bundled demo encoder only knows 16 kinds of synthetic shapes: its figures are no research results."
        )
    if settings.DATASET.TURN != "none":
        how = {"up": "about the up axis", "free": "in any direction"}[settings.DATASET.TURN]
        notes.append(f"Every shape was turned at random {how} (seed {settings.SEED}).")
    notes += reader.notes[:3]
    if len(reader.notes) > 3:
        notes.append(f"{len(reader.notes) - 3} more shape(s) have notes of such a kind.")
    if reader.bad:
        notes.append(f"{len(reader.bad)} bad shape(s) left out, the first: {next(iter(reader.bad.values()))}")
    return notes


def _classes_read(reader: BatchReader, own: bool) -> list[str]:
    """The classes of the shapes that are read; of own shapes, whose classes are not known, all that may be."""
    names = reader.shapes.class_names
    if own:
        return list(names)
    labels = reader.shapes.labels[slice(None) if reader.indices is None else reader.indices]
    return [names[label] for label in np.unique(labels) if label >= 0]


def _count(groups: Sequence[Sequence[str]], kind: str) -> str:
    """How many sentences a class or a part has: "1 sentence a class", "1 to 240 sentences a part"."""
    counts = [len(group) for group in groups]
    number = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    return f"{number} sentence{'s' * (number != '1')} a {kind}"


def _read_origin(path: Path) -> tuple[str, bool]:
    """The note and the mark in the file beside a prompt file; none where it is not there."""
    if not path.exists():
        return "", False
    values = read_yaml(path, "the origin of the sentences", "write origin and tuned_on_test_labels, or remove it")
    known = {"origin": str, "tuned_on_test_labels": bool}
    if not isinstance(values, dict) or {name: type(value) for name, value in values.items()} != known:
        raise InputError(f"{path} does not hold origin (a text) and tuned_on_test_labels (true or false); write both.")
    return " ".join(values["origin"].split()), values["tuned_on_test_labels"]
