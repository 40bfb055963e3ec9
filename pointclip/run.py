"""What a run is and what it leaves behind, in the form that both tasks share."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from pointclip.datasets.batches import BatchReader
from pointclip.encoder import Encoder
from pointclip.files import atomic_path
from pointclip.searched import Searched


@dataclass
class Run:
    """How the answers of a run came about: what stands in every table and file of it."""

    folder: Path
    settings: CfgNode
    data: str  # "modelnet40 (test)", "3 own shapes"
    encoder: str
    prompts: str
    view_weights: str
    seconds: float  # reading, projecting and encoding all shapes
    notes: list[str] = field(default_factory=list)  # what a reader of any table must know
    tuned_on_test: bool = False  # whether sentences or view weights were chosen on labels of a test split
    searched: Searched | None = None  # the search they came from, where one was used

    @property
    def facts(self) -> dict[str, str]:
        """The above in words, for reports."""
        return {
            "Data": self.data,
            "Encoder": self.encoder,
            "Prompts": self.prompts,
            "View weights": self.view_weights,
        }

    def tell(self, shapes: int) -> None:
        """Print what stands below a table."""
        print(f"\n{self.data}; {self.encoder}; {self.prompts}; view weights: {self.view_weights}")
        for note in self.notes:
            print(f"note: {note}")
        print(f"{shapes} shapes at {shapes / self.seconds:.1f} shapes/s; files in {self.folder}")


def data_in_words(settings: CfgNode) -> str:
    """The data set and its split: "modelnet40 (test)"; a data set of one's own goes by its file's name."""
    return f"{Path(settings.DATASET.NAME).stem} ({settings.DATASET.SPLIT})"


def prompts_in_words(
    settings: CfgNode,
    sentences: Mapping[str, Sequence[str]],
    prompts: Mapping,
    kind: str,
    searched: Searched | None = None,
) -> str:
    """Where the sentences come from and how many a name has."""
    if searched and searched.sentences:
        number = _range(searched.counts)
        return f"{number} sentence{'s' * (number != '1')} a {kind}, {searched.words}"
    number = _range([len(group) for group in sentences.values()])
    template = f"the template “{settings.PROMPTS.TEMPLATE}”"
    filled = re.escape(settings.PROMPTS.TEMPLATE).replace(r"\{\}", ".+").replace(r"\{category\}", ".+")
    by_template = [name for name, group in sentences.items() if len(group) == 1 and re.fullmatch(filled, group[0])]
    if not prompts:
        return template
    more = f"; {template} for {', '.join(by_template)}" if by_template else ""
    return f"{Path(settings.PROMPTS.FILE).name}, {number} sentences a {kind}, averaged{more}"


def _range(counts: Sequence[int]) -> str:
    return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def choice_notes(
    settings: CfgNode,
    encoder: Encoder,
    reader: BatchReader,
    weights_note: str,
    searched: Searched | None,
    own: bool,
) -> tuple[list[str], bool]:
    """What was chosen by labels, for readers of any result, and whether labels of a test split were among them.

    Args:
        weights_note: on the view weights that the settings name, "" for none.
        searched: the outcome of a search, where one was used.
        own: whether the shapes are a user's own, not those of DATASET.
    """
    notes = [weights_note] if weights_note else []
    if Path(settings.PROMPTS.FILE).parent.name == "published" and not (searched and searched.sentences):
        notes.append("The sentences were chosen on the labels of the test split by the paper's authors.")
    tuned = bool(notes)
    if searched:
        shown = ("" if own else Path(settings.DATASET.NAME).stem, settings.DATASET.SPLIT, reader.fingerprint)
        notes.append(searched.note(*shown))
        tuned |= searched.split == "test" or searched.on_same(*shown)
        if encoder.name != searched.encoder:
            notes.append(f"The {searched.what} were chosen with another encoder, {searched.encoder}.")
        read = np.unique(reader.shapes.labels[slice(None) if reader.indices is None else reader.indices])
        if without := searched.without([reader.shapes.class_names[max(label, 0)] for label in read]):
            notes.append(f"Nothing was chosen for {', '.join(without)}: no shape of theirs was searched on.")
    return notes, tuned


def standing_notes(
    settings: CfgNode, encoder: Encoder, reader: BatchReader, sentences: Mapping[str, Sequence[str]]
) -> list[str]:
    """The notes that any task's run may need: on the demo encoder, cut sentences, and turned and bad shapes."""
    notes = []
    if cut := encoder.count_cut([sentence for group in sentences.values() for sentence in group]):
        notes.append(f"{cut} sentence(s) were cut after the {encoder.context_length} tokens that the encoder reads.")
    if settings.ENCODER.NAME == "demo":
        notes.append(
            "The bundled demo encoder only knows 16 kinds of synthetic shapes: its figures are no research results."
        )
    if settings.DATASET.TURN != "none":
        how = {"up": "about the up axis", "free": "in any direction"}[settings.DATASET.TURN]
        notes.append(f"Every shape was turned at random {how} (seed {settings.SEED}).")
    if reader.bad:
        notes.append(f"{len(reader.bad)} bad shape(s) left out, the first: {next(iter(reader.bad.values()))}")
    return notes


def searched_summary(searched: Searched | None) -> dict | None:
    """What metrics.json holds of a search whose outcome was used."""
    names = ("dataset", "split", "shapes", "data", "encoder", "procedure", "score")
    return None if searched is None else {name: getattr(searched, name) for name in names}


def own_summary(run: Run, reader: BatchReader, shapes: int) -> dict:
    """What metrics.json holds of own shapes, whose truth is not known."""
    return {
        "dataset": run.data,
        "encoder": run.encoder,
        "shapes": shapes,
        "shapes_left_out": len(reader.bad),
        "prompts": run.prompts,
        "view_weights": run.view_weights,
        "notes": run.notes,
        "bad_shapes": reader.bad,
    }


def write_json(path: Path, values: dict) -> None:
    """Write a JSON file; numbers that are not a number become null."""
    text = json.dumps(_plain(values), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence]) -> None:
    """Write a CSV file with a header line."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def write_settings(path: Path, settings: CfgNode) -> None:
    """Write the settings as run, in a form that --config takes again."""
    with atomic_path(path) as temporary:
        temporary.write_text(settings.dump(), encoding="utf-8")


def table(header: Sequence[str], rows: Sequence[Sequence]) -> str:
    """Columns for the terminal: the first is text and left-aligned, the others are right-aligned."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *rest in cells:
        right = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *right]))
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
