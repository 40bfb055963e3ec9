"""A run, and the part of metrics.json common to all tasks."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from yacs.config import CfgNode

from pointclip.datasets.batches import BatchReader
from pointclip.errors import escaped
from pointclip.features import FeatureExtractor
from pointclip.origin import Origin
from pointclip.report.page import Footer
from pointclip.runs.atomic_folder import atomic_folder
from pointclip.runs.command_line import date_in_words
from pointclip.runs.environment import environment
from pointclip.runs.output import write_json, write_settings
from pointclip.runs.provenance import Provenance, provenance, run_notes
from pointclip.search.result import SearchResult, write_result
from pointclip.utils.files import expanded
from pointclip.version import __version__


@dataclass
class Run:
    """The circumstances of a run, as stated in all its tables and files."""

    folder: Path
    settings: CfgNode
    data: str  # "modelnet40 (test)", "own shapes"
    encoder: str
    origin: Provenance  # of its sentences and view weights
    seconds: float | None  # from reading all shapes to their features or labels; None if features may have been cached
    notes: list[str] = field(default_factory=list)  # further notes for readers
    left_out: Mapping[int | str, str] = field(default_factory=dict)  # bad shape -> what is wrong with it
    environment: dict = field(default_factory=dict)  # see `pointclip.runs.environment`
    command: str = ""  # that made it, in words

    @property
    def all_notes(self) -> list[str]:
        return [*self.origin.notes, *self.notes]

    @property
    def facts(self) -> dict[str, str]:
        """A summary for reports."""
        return {
            "Data": self.data,
            "Encoder": self.encoder,
            "Prompts": self.origin.prompts,
            "View weights": self.origin.view_weights,
        }

    @property
    def page_footer(self) -> Footer:
        """What made a page of this run."""
        number, commit = self.environment.get("version", __version__), self.environment.get("revision")
        revision = f" ({commit[:10]}{'-dirty' * commit.endswith('-dirty')})" if commit else ""
        return Footer(self.command, date_in_words(), f"pointclip {number}{revision}")

    def print_footer(self, shapes: int, predicted: int | None = None) -> None:
        """Print the lines below a table of `shapes` shapes; `predicted` counts all predictions (default: as many)."""
        summary_line = f"{self.data}; {self.encoder}; {self.origin.prompts}; view weights: {self.origin.view_weights}"
        print(f"\n{escaped(summary_line)}")
        for note in self.all_notes:
            print(f"note: {escaped(note)}")
        count = f"{shapes} shape{'s' * (shapes != 1)}"
        rate = self.rate(shapes if predicted is None else predicted)
        speed = "" if rate is None else f" at {rate:.1f} shapes/s"
        print(f"{count}{speed}; files in {escaped(str(self.folder))}")

    def rate(self, predicted: int) -> float | None:
        """Shapes per second."""
        return None if self.seconds is None else predicted / self.seconds


def describe_run(
    args: argparse.Namespace,
    settings: CfgNode,
    extractor: FeatureExtractor,
    reader: BatchReader | None,
    sentences: Mapping[str, Sequence[str]],
    origins: tuple[Origin, Origin],
    search: SearchResult | None,
    seconds: float,
) -> Run:
    """Describe the run of a task, after its shapes were read.

    Args:
        reader: of the reported shapes; None for a run that only learns.
        sentences: of every class or part.
        origins: of the sentences and of the view weights.
        search: the search that chose any of them, or None.
        seconds: from reading all shapes to their features or labels.
    """
    encoder = extractor.encoder
    return Run(
        folder=args.folder,
        settings=settings,
        data="own shapes" if args.input else data_in_words(settings),
        encoder=f"{encoder.name}, {encoder.precision}",
        origin=provenance(settings, origins, search, encoder, reader, bool(args.input)),
        seconds=None if extractor.store else seconds,
        notes=run_notes(settings, extractor, reader, sentences),
        left_out=reader.bad if reader else {},
        environment=environment(encoder.device, encoder.precision, settings.SEED),
        command=args.command,
    )


def data_in_words(settings: CfgNode) -> str:
    """The data set and its split: "modelnet40 (test)"; a user-defined data set is named after its file."""
    return f"{Path(settings.DATASET.NAME).stem} ({settings.DATASET.SPLIT})"


def summary_of(run: Run, shapes: int, predicted: int | None = None) -> dict:
    """The content of metrics.json except the scores; `shapes` and `predicted` as for `Run.print_footer`."""
    names = ("dataset", "split", "shapes", "data", "encoder", "procedure", "score")
    search = run.origin.search
    return {
        **run.environment,
        "dataset": run.data,
        "encoder": run.encoder,
        "shapes": shapes,
        "shapes_left_out": len(run.left_out),
        "prompts": run.origin.prompts,
        "view_weights": run.origin.view_weights,
        "searched": None if search is None else {name: getattr(search, name) for name in names},
        "tuned_on_test_labels": run.origin.tuned,
        "notes": run.all_notes,
        "bad_shapes": run.left_out,
        "shapes_per_second": run.rate(shapes if predicted is None else predicted),
    }


@contextmanager
def run_files(run: Run, summary: Mapping) -> Iterator[Path]:
    """The folder to which a task writes its files; with metrics.json and config.yaml they replace the previous run's.

    They are replaced all at once or not at all (see `pointclip.runs.atomic_folder`). The result of a search in the
    run's folder is written with them.

    Args:
        summary: the content of metrics.json.
    """
    with atomic_folder(run.folder) as folder:
        write_json(folder / "metrics.json", summary)
        write_settings(folder / "config.yaml", run.settings)
        result = expanded(run.settings.SEARCHED)
        if run.origin.search and result.resolve() == run.folder.resolve() / "searched.yaml":
            write_result(folder / result.name, run.origin.search)
        yield folder
