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
from pointclip.files import atomic_path


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


def prompts_in_words(settings: CfgNode, sentences: Mapping[str, Sequence[str]], prompts: Mapping, kind: str) -> str:
    """Where the sentences come from and how many a name has."""
    counts = [len(group) for group in sentences.values()]
    number = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    template = f"the template “{settings.PROMPTS.TEMPLATE}”"
    filled = re.escape(settings.PROMPTS.TEMPLATE).replace(r"\{\}", ".+").replace(r"\{category\}", ".+")
    by_template = [name for name, group in sentences.items() if len(group) == 1 and re.fullmatch(filled, group[0])]
    if not prompts:
        return template
    more = f"; {template} for {', '.join(by_template)}" if by_template else ""
    return f"{Path(settings.PROMPTS.FILE).name}, {number} sentences a {kind}, averaged{more}"


def standing_notes(settings: CfgNode, weights_note: str, bad: Mapping[int, str]) -> list[str]:
    """The notes that any task's run may need: on view weights, the demo encoder, and shapes left out."""
    notes = [weights_note] if weights_note else []
    if Path(settings.PROMPTS.FILE).parent.name == "published":
        notes.append("The sentences were chosen on the labels of the test split by the paper's authors.")
    if settings.ENCODER.NAME == "demo":
        notes.append(
            "The bundled demo encoder only knows 16 kinds of synthetic shapes: its figures are no research results."
        )
    if bad:
        notes.append(f"{len(bad)} bad shape(s) left out, the first: {next(iter(bad.values()))}")
    return notes


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
