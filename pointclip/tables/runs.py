"""The runs behind a table: executed in this process, each in its own folder, and reused by later calls."""

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import torch
from yacs.config import CfgNode

from pointclip.config_files import Config
from pointclip.errors import CannotFetch, InputError, first_line
from pointclip.tables.definition import Job
from pointclip.tables.identity import digest_of_code, identify, name_of
from pointclip.utils.files import atomic_path, expanded

OPENAI_FILES = {"ViT-L-14-336": "ViT-L-14-336px"}  # where OpenAI's file name differs from the encoder's name
SUFFIXES = (".pt", ".safetensors")
FOR_OTHERS = ("searched.yaml", "head.safetensors")  # files of a run that other runs read


@dataclass(frozen=True)
class Task:
    """A task, as far as tables need to know it.

    Attributes:
        main: runs the task: command line words -> content of metrics.json.
        load: config path and KEY VALUE words -> the config and the task's settings.
        folder: contains the task's code, view_weights.yaml, configs/ and tables/.
        split_by_kind: splits a sentence file by kind of command into files in a folder: {kind: file}.
    """

    main: Callable[[Sequence[str]], Mapping]
    load: Callable[..., tuple[Config, CfgNode]]
    folder: Path
    split_by_kind: Callable[[Path, Path], Mapping[str, Path]]


@dataclass(frozen=True)
class Outcome:
    """The result of a run, or the reason why it failed."""

    metrics: Mapping
    folder: Path | None = None  # of the run's files
    reason: str = ""  # "" if the run succeeded
    reused: bool = False  # from an earlier call
    seconds: float = 0.0


class Runner:
    """Executes runs, each only once.

    Each run has a folder below `folder`, named after its settings. It contains log.txt with the run's output, the files
    that the task writes, and finally cell.json with the run's identity (see `identify`). A run is reused if its
    identity is unchanged; otherwise, also if only the code changed, it is repeated in the same folder. If the repeated
    run fails before it has a figure, the earlier results remain valid (see `set_aside`). A failed run that wrote
    nothing leaves no folder. Cached features are independent of this: they are keyed by their inputs and survive
    changes of the code (see `pointclip.features.store`).

    After a failed download the same weights are not requested again, since each attempt can take most of a minute.

    Args:
        task: the task to run.
        folder: for the runs.
        cache: folder for features shared by runs, unless a run's settings have a CACHE; "" for none: each search then
            uses a temporary one.
        checkpoint: a weights file for every encoder except the bundled one, or a folder of such files under OpenAI's
            names (RN50.pt, ViT-B-16.pt); "" to use those of the configs. A run's ENCODER.PRETRAINED takes precedence.
        again: whether to repeat runs whose results exist.
    """

    def __init__(self, task: Task, folder: Path, cache: str = "", checkpoint: str = "", again: bool = False):
        self.task, self.folder, self.cache, self.checkpoint, self.again = task, folder, cache, checkpoint, again
        self.code = digest_of_code(task.folder)  # computed now, while the files are still those that were imported
        self.done: dict[Job, Outcome] = {}
        self.unfetched: dict[tuple[str, str], str] = {}  # encoder and weights: why they could not be fetched

    def run(self, job: Job) -> Outcome:
        """Execute a run, or return its earlier outcome. Failures are reported in the outcome, not raised."""
        if job not in self.done:
            try:
                self.done[job] = self._run(job)
            except InputError as error:
                self.done[job] = self._failed(str(error))
            except (MemoryError, torch.OutOfMemoryError) as error:
                self.done[job] = self._failed(f"Out of memory ({first_line(error)}).")
            except OSError as error:
                self.done[job] = self._failed(f"File error: {first_line(error)}.")
        return self.done[job]

    def _failed(self, reason: str) -> Outcome:
        """A failed outcome, with the reason on one line and without the path of this checkout."""
        return Outcome({}, reason=" ".join(reason.replace(f"{self.task.folder.parent}{os.sep}", "").split()))

    def _run(self, job: Job) -> Outcome:
        pairs = self._pairs(job)
        config, settings = self.task.load(job.config, _flat(pairs))
        identity = identify(settings, job.search, self.code)
        folder = self.folder / f"{config.name}-{name_of(identity)}"
        files = folder / config.name
        if not self.again and (metrics := read_earlier(folder / "cell.json", files, identity)) is not None:
            return Outcome(metrics, files, reused=True)
        weights = (settings.ENCODER.NAME, settings.ENCODER.PRETRAINED)
        if weights in self.unfetched:
            raise InputError(self.unfetched[weights])
        start = time.perf_counter()
        with set_aside(folder / "cell.json", files):
            try:
                words = self._make(job, pairs, folder)
            except CannotFetch as error:
                self.unfetched[weights] = str(error)
                raise
            seconds = time.perf_counter() - start
            metrics = json.loads((files / "metrics.json").read_text(encoding="utf-8"))
            for_others = [name for name in FOR_OTHERS if (files / name).is_file()]
            cell = {"arguments": words, "identity": identity, "seconds": seconds, "for_others": for_others}
            with atomic_path(folder / "cell.json") as path:  # written last: marks the run as complete
                path.write_text(json.dumps(cell, indent=1))
        return Outcome(metrics, files, seconds=seconds)

    def _make(self, job: Job, pairs: Mapping[str, str], folder: Path) -> list[str]:
        """Execute a run in its folder; returns its command line words."""
        words = ["--quiet", "--config", str(job.config)]
        if job.search:
            words += ["--search", job.search[0], "--search-split", job.search[1]]
        cache, temporary = pairs.get("CACHE", self.cache), folder / "cache"
        if job.search and not cache:  # a search reads its features many times
            cache = str(temporary)
        words += _flat({"REPORT": "False", **pairs, "CACHE": cache, "OUTPUT": str(folder)})
        try:
            self._call(words, folder)
        finally:
            if cache == str(temporary):
                shutil.rmtree(temporary, ignore_errors=True)
            remove_empty(folder)
        return words

    def _call(self, words: Sequence[str], folder: Path) -> None:
        """Run the task with its output in log.txt, which is removed if it has nothing that the table does not show."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "log.txt"
        try:
            with open(path, "w", encoding="utf-8") as log, quiet(log):
                try:
                    self.task.main(list(words))
                except Exception as error:
                    log.flush()
                    if path.stat().st_size or not isinstance(error, InputError):
                        print(f"\n{type(error).__name__}: {error}")
                    raise
        finally:
            if not path.stat().st_size:
                path.unlink()

    def _pairs(self, job: Job) -> dict[str, str]:
        """The settings of the run that override its config's."""
        pairs = dict(job.settings)
        if job.searched:
            outcome = self.run(job.searched)
            if outcome.reason or outcome.folder is None:
                raise InputError(f"The search whose result it uses failed: {outcome.reason}")
            pairs["SEARCHED"] = str((outcome.folder / "searched.yaml").resolve())
        if job.trained:
            outcome = self.run(job.trained)
            if outcome.reason or outcome.folder is None:
                raise InputError(f"The training whose head it uses failed: {outcome.reason}")
            pairs["HEAD"] = str((outcome.folder / "head.safetensors").resolve())
        _, settings = self.task.load(job.config, _flat(pairs))
        if self.checkpoint and settings.ENCODER.NAME != "demo" and "ENCODER.PRETRAINED" not in pairs:
            pairs["ENCODER.PRETRAINED"] = weights_file(self.checkpoint, settings.ENCODER.NAME)
        if job.kind:
            files = self.task.split_by_kind(expanded(settings.PROMPTS.FILE), self.folder.parent / "sentences")
            pairs["PROMPTS.FILE"] = str(files[job.kind].resolve())
        return pairs


@contextlib.contextmanager
def quiet(log: TextIO) -> Iterator[None]:
    """Redirect output to `log`, including that of loggers that already hold a reference to standard error."""
    sys.stderr.flush()
    errors = os.dup(2)
    try:
        os.dup2(log.fileno(), 2)
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            yield
    finally:
        os.dup2(errors, 2)
        os.close(errors)


def read_earlier(cell: Path, files: Path, identity: dict) -> dict | None:
    """The metrics of an earlier run with the same identity, from its folder `files`; None if missing or incomplete."""
    try:
        earlier = json.loads(cell.read_text(encoding="utf-8"))
        if earlier["identity"] != identity or not all((files / name).is_file() for name in earlier["for_others"]):
            return None
        metrics = json.loads((files / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    complete = isinstance(metrics, dict) and isinstance(metrics.get("notes", []), list)
    return metrics if complete else None


@contextlib.contextmanager
def set_aside(cell: Path, files: Path) -> Iterator[None]:
    """Set a run's cell.json aside, so that the run counts as complete only once the block has written a new one.

    It is restored if the block fails or is interrupted before it has changed the run's results.
    """
    old, before = cell.with_name("cell.old"), _results(files)
    old.unlink(missing_ok=True)  # left by a call that was killed
    with contextlib.suppress(FileNotFoundError):
        os.replace(cell, old)
    try:
        yield
    except BaseException:
        if old.is_file() and _results(files) == before:
            os.replace(old, cell)
        raise
    finally:
        old.unlink(missing_ok=True)


def _results(files: Path) -> list[bytes]:
    paths = (files / name for name in ("metrics.json", *FOR_OTHERS))
    return [path.read_bytes() if path.is_file() else b"" for path in paths]


def remove_empty(folder: Path) -> None:
    """Remove empty folders inside a run's folder, and, if empty, the folder itself and its parent."""
    inside = [Path(path) for path, *_ in os.walk(folder, topdown=False)]
    for path in (*inside, folder.parent):
        with contextlib.suppress(OSError):  # not empty
            path.rmdir()


def weights_file(checkpoint: str, encoder: str) -> str:
    """The weights file of an encoder: `checkpoint` itself, or the file with OpenAI's name if it is a folder."""
    folder = expanded(checkpoint)
    if not folder.is_dir():
        return checkpoint
    names = [f"{stem}{suffix}" for stem in (encoder, OPENAI_FILES.get(encoder, encoder)) for suffix in SUFFIXES]
    for name in names:
        if (folder / name).is_file():
            return str(folder / name)
    raise InputError(f"There is no {names[0]} in {folder}; put the weights of {encoder} there.")


def _flat(pairs: Mapping[str, str]) -> list[str]:
    return [word for pair in pairs.items() for word in pair]
