"""What a run is and what it leaves behind, in the form that both tasks share."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from pointclip.datasets.batches import BatchReader
from pointclip.runs.provenance import Provenance
from pointclip.utils.files import atomic_path


@dataclass
class Run:
    """How the answers of a run came about: what stands in every table and file of it."""

    folder: Path
    settings: CfgNode
    data: str  # "modelnet40 (test)", "own shapes"
    encoder: str
    origin: Provenance  # of its sentences and view weights
    seconds: float | None  # from reading all shapes to their features or labels; None where features were kept before
    notes: list[str] = field(default_factory=list)  # what else a reader of any table must know

    @property
    def all_notes(self) -> list[str]:
        return [*self.origin.notes, *self.notes]

    @property
    def facts(self) -> dict[str, str]:
        """The above in words, for reports."""
        return {
            "Data": self.data,
            "Encoder": self.encoder,
            "Prompts": self.origin.prompts,
            "View weights": self.origin.view_weights,
        }

    def tell(self, shapes: int, named: int | None = None) -> None:
        """Print what stands below a table: of how many shapes it is, and how many were named in all (None: as many)."""
        print(f"\n{self.data}; {self.encoder}; {self.origin.prompts}; view weights: {self.origin.view_weights}")
        for note in self.all_notes:
            print(f"note: {note}")
        count = f"{shapes} shape{'s' * (shapes != 1)}"
        rate = self.rate(shapes if named is None else named)
        speed = "" if rate is None else f" at {rate:.1f} shapes/s"
        print(f"{count}{speed}; files in {self.folder}")

    def rate(self, named: int) -> float | None:
        """Shapes a second."""
        return None if self.seconds is None else named / self.seconds


def data_in_words(settings: CfgNode) -> str:
    """The data set and its split: "modelnet40 (test)"; a data set of one's own goes by its file's name."""
    return f"{Path(settings.DATASET.NAME).stem} ({settings.DATASET.SPLIT})"


def summary_of(run: Run, reader: BatchReader, shapes: int, named: int | None = None) -> dict:
    """What metrics.json holds of any run, besides its scores; `shapes` and `named` as for `Run.tell`."""
    names = ("dataset", "split", "shapes", "data", "encoder", "procedure", "score")
    searched = run.origin.searched
    return {
        "dataset": run.data,
        "encoder": run.encoder,
        "shapes": shapes,
        "shapes_left_out": len(reader.bad),
        "prompts": run.origin.prompts,
        "view_weights": run.origin.view_weights,
        "searched": None if searched is None else {name: getattr(searched, name) for name in names},
        "tuned_on_test_labels": run.origin.tuned,
        "notes": run.all_notes,
        "bad_shapes": reader.bad,
        "shapes_per_second": run.rate(shapes if named is None else named),
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
