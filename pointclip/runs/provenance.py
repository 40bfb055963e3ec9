"""The origin of a run's sentences and view weights, and notes for readers of its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yacs.config import CfgNode

from pointclip.datasets import ShapeFiles
from pointclip.datasets.batches import BatchReader
from pointclip.encoder import Encoder
from pointclip.features import FeatureExtractor
from pointclip.origin import Origin
from pointclip.prompts import some_of
from pointclip.runs.notes import gathered
from pointclip.runs.own_shapes import up_notes
from pointclip.search.result import SearchResult

MAX_REASONS = 20  # skipped --input files listed with their reasons


@dataclass(frozen=True)
class Provenance:
    """The sentences and view weights that a run used."""

    prompts: str
    view_weights: str
    notes: list[str]
    tuned: bool  # whether labels of a test split were used to choose any of it
    search: SearchResult | None  # the search that chose any of it, if one did


def provenance(
    settings: CfgNode,
    origins: tuple[Origin, Origin],
    search: SearchResult | None,
    encoder: Encoder,
    reader: BatchReader | None,
    own_shapes: bool,
) -> Provenance:
    """The sentences and view weights that a run used, with notes for readers.

    Args:
        settings: of the run.
        origins: of the sentences and of the view weights that it used.
        search: the search that chose any of them.
        reader: of the reported shapes, after they were read; None if there are none.
        own_shapes: whether the shapes are --input files rather than those of DATASET.
    """
    sentences, weights = origins
    notes = [origin.note for origin in (weights, sentences) if origin.note]
    tuned = sentences.tuned or weights.tuned
    if search:
        shown = ("", "", "")
        if reader:
            name = "" if own_shapes else Path(settings.DATASET.NAME).stem
            shown = (name, settings.DATASET.SPLIT, reader.fingerprint)
        tuned = tuned or search.on_same(*shown)
        notes += [search.note(*shown), *search.differences(settings, encoder.name)]
        if missing := search.missing(reader.classes_read() if reader else ()):
            notes.append(f"Nothing was chosen for {some_of(missing)}, of which the search had no shapes.")
    return Provenance(sentences.words, weights.words, notes, tuned, search)


def run_notes(
    settings: CfgNode, extractor: FeatureExtractor, reader: BatchReader | None, sentences: Mapping[str, Sequence[str]]
) -> list[str]:
    """Notes common to all tasks: on the encoder, truncated sentences, damaged caches, rotated and bad shapes.

    Without a `reader` no shapes are reported.
    """
    encoder = extractor.encoder
    notes = list(encoder.notes)
    if cut := encoder.count_cut([sentence for group in sentences.values() for sentence in group]):
        notes.append(f"{cut} sentence(s) were truncated to the encoder's {encoder.context_length} tokens.")
    if settings.ENCODER.NAME == "demo":
        notes.append(
            "The bundled demo encoder only knows 16 kinds of synthetic shapes: its figures are not research results."
        )
    if settings.DATASET.ROTATION != "none":
        axis = {"vertical": "about the up axis", "so3": "in 3-D"}[settings.DATASET.ROTATION]
        notes.append(f"Every shape was randomly rotated {axis} (seed {settings.SEED}).")
    if extractor.store and (damaged := extractor.store.damaged):
        notes.append(f"{len(damaged)} damaged file(s) of cached features were replaced, such as {min(damaged)}.")
    return notes + shape_notes(reader) if reader else notes


def shape_notes(reader: BatchReader) -> list[str]:
    """Notes on the shapes that were read: their up axes, and what is wrong with some of them."""
    notes = up_notes(reader.shapes) + gathered(reader.notes)
    if reader.outliers and not isinstance(reader.shapes, ShapeFiles):
        points = sum(reader.outliers.values())
        notes.append(f"{points:,} points of {len(reader.outliers):,} shapes lie far from the rest and were left out.")
    if reader.bad and getattr(reader.shapes, "labels", None) is None:  # a user's own files
        reasons = list(reader.bad.values())
        notes += [f"left out: {reason}" for reason in reasons[:MAX_REASONS]]
        if len(reasons) > MAX_REASONS:
            notes.append(f"{len(reasons) - MAX_REASONS} more file(s) were left out; metrics.json has the reasons.")
    elif reader.bad:
        notes.append(f"{len(reader.bad)} bad shape(s) skipped, the first: {next(iter(reader.bad.values()))}")
    return notes
