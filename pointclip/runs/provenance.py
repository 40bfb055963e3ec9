"""Where a run's sentences and view weights came from, and what a reader of its figures must know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yacs.config import CfgNode

from pointclip.datasets.batches import BatchReader
from pointclip.encoder import Encoder
from pointclip.features import FeatureExtractor
from pointclip.origin import Origin
from pointclip.prompts import some_of
from pointclip.search.result import SearchResult

MOST_REASONS = 20  # why own files were left out, shown in full


@dataclass(frozen=True)
class Provenance:
    """What a run used in the end."""

    prompts: str
    view_weights: str
    notes: list[str]
    tuned: bool  # whether labels of a test split chose any of it
    search: SearchResult | None  # the search that chose any of it


def provenance(
    settings: CfgNode,
    origins: tuple[Origin, Origin],
    search: SearchResult | None,
    encoder: Encoder,
    reader: BatchReader,
    own_shapes: bool,
) -> Provenance:
    """What a run used, and what its readers must know of it.

    Args:
        settings: of the run.
        origins: of the sentences and of the view weights that it used.
        search: the search that chose any of them.
        reader: of the shapes that are reported, after they were read.
        own_shapes: whether the shapes are a user's own, not those of DATASET.
    """
    sentences, weights = origins
    notes = [origin.note for origin in (weights, sentences) if origin.note]
    tuned = sentences.tuned or weights.tuned
    if search:
        shown = ("" if own_shapes else Path(settings.DATASET.NAME).stem, settings.DATASET.SPLIT, reader.fingerprint)
        tuned = tuned or search.on_same(*shown)
        notes += [search.note(*shown), *search.differences(settings, encoder.name)]
        if missing := search.missing(reader.classes_read()):
            notes.append(f"Nothing was chosen for {some_of(missing)}: no shape of theirs was searched on.")
    return Provenance(sentences.words, weights.words, notes, tuned, search)


def run_notes(
    settings: CfgNode, extractor: FeatureExtractor, reader: BatchReader, sentences: Mapping[str, Sequence[str]]
) -> list[str]:
    """The notes that any task's run may need: on its encoder, cut sentences, and on damaged, turned and bad shapes."""
    encoder = extractor.encoder
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
    if extractor.store and (damaged := extractor.store.damaged):
        notes.append(f"{len(damaged)} file(s) of kept features were damaged and made anew, such as {min(damaged)}.")
    notes += reader.notes[:3]
    if len(reader.notes) > 3:
        notes.append(f"{len(reader.notes) - 3} more shape(s) have notes of this kind.")
    if reader.bad and getattr(reader.shapes, "labels", None) is None:  # a user's own files
        reasons = list(reader.bad.values())
        notes += [f"left out: {reason}" for reason in reasons[:MOST_REASONS]]
        if len(reasons) > MOST_REASONS:
            notes.append(f"{len(reasons) - MOST_REASONS} more file(s) were left out; metrics.json has the reasons.")
    elif reader.bad:
        notes.append(f"{len(reader.bad)} bad shape(s) left out, the first: {next(iter(reader.bad.values()))}")
    return notes
