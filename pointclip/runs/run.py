"""A run: what all tasks say of it, and how its results are published."""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from yacs.config import CfgNode

from pointclip.datasets.batches import BatchReader
from pointclip.errors import escaped
from pointclip.features import FeatureExtractor
from pointclip.origin import Origin
from pointclip.report.page import Footer, Heading
from pointclip.runs.atomic_folder import atomic_folder
from pointclip.runs.command_line import date_in_words
from pointclip.runs.environment import environment
from pointclip.runs.output import write_csv, write_json, write_settings
from pointclip.runs.provenance import Provenance, provenance, run_notes
from pointclip.search.result import SearchResult, write_result
from pointclip.utils.files import expanded
from pointclip.version import __version__


def no_files(folder: Path) -> None:
    """What a run writes that has nothing else to write."""


@dataclass(frozen=True)
class Results:
    """What a task hands over to be published, after it has printed its table.

    Attributes:
        summary: the content of metrics.json: `Run.summary` and the task's scores.
        header, rows: of predictions.csv; no such file without a header.
        page: writes report.html, unless the settings say not to; None for no page.
        files: writes what else there is to a folder.
        closing: the last line printed, by default the number of shapes and the speed.
    """

    summary: dict
    header: Sequence[str] = ()
    rows: Iterable[Sequence] = ()
    page: Callable[[Path], object] | None = None
    files: Callable[[Path], object] = no_files
    closing: str = ""


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
    left_out: Mapping[int, str] | Mapping[str, str] = field(default_factory=dict)  # bad shape -> what is wrong with it
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

    def heading(self, title: str, facts: Mapping[str, object] = MappingProxyType({})) -> Heading:
        """The heading of a page, with further facts."""
        return Heading(title, self.facts | dict(facts), self.all_notes, self.page_footer)

    def with_notes(self, *notes: str) -> "Run":
        """The run with further notes."""
        return replace(self, notes=[*self.notes, *notes])

    def rate(self, predicted: int) -> float | None:
        """Shapes per second."""
        return None if self.seconds is None else predicted / self.seconds

    def summary(self, shapes: int, predicted: int | None = None) -> dict:
        """The content of metrics.json except the scores, of `shapes` shapes.

        Args:
            predicted: all predictions, by default as many.
        """
        names = ("dataset", "split", "shapes", "data", "encoder", "procedure", "score")
        search = self.origin.search
        return {
            **self.environment,
            "dataset": self.data,
            "encoder": self.encoder,
            "shapes": shapes,
            "shapes_left_out": len(self.left_out),
            "prompts": self.origin.prompts,
            "view_weights": self.origin.view_weights,
            "searched": None if search is None else {name: getattr(search, name) for name in names},
            "tuned_on_test_labels": self.origin.tuned,
            "notes": self.all_notes,
            "bad_shapes": self.left_out,
            "shapes_per_second": self.rate(shapes if predicted is None else predicted),
        }

    def publish(self, results: Results) -> dict:
        """Write what a task hands over to the run's folder, and print where from it comes; returns the summary.

        All files replace the previous run's at once or not at all (see `pointclip.runs.atomic_folder`). The result of a
        search in the run's folder is written with them.
        """
        with atomic_folder(self.folder) as folder:
            write_json(folder / "metrics.json", results.summary)
            write_settings(folder / "config.yaml", self.settings)
            searched = expanded(self.settings.SEARCHED)
            if self.origin.search and searched.resolve() == self.folder.resolve() / "searched.yaml":
                write_result(folder / searched.name, self.origin.search)
            results.files(folder)
            if results.header:
                write_csv(folder / "predictions.csv", results.header, results.rows)
            if self.settings.REPORT and results.page:
                results.page(folder / "report.html")
        self._print_origin(results.closing or self._count_in_words(results.summary))
        return results.summary

    def _print_origin(self, closing: str) -> None:
        """Print the lines below a task's table."""
        line = f"{self.data}; {self.encoder}; {self.origin.prompts}; view weights: {self.origin.view_weights}"
        print(f"\n{escaped(line)}")
        for note in self.all_notes:
            print(f"note: {escaped(note)}")
        print(f"{closing}; files in {escaped(str(self.folder))}")

    def _count_in_words(self, summary: Mapping) -> str:
        shapes, speed = summary["shapes"], summary["shapes_per_second"]
        return f"{shapes} shape{'s' * (shapes != 1)}" + ("" if speed is None else f" at {speed:.1f} shapes/s")


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
