"""The runs behind a table: made in this process, kept in folders of their own, and not made twice."""

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

OPENAI_FILES = {"ViT-L-14-336": "ViT-L-14-336px"}  # where OpenAI's file is not named as the encoder is


@dataclass(frozen=True)
class Task:
    """What tables must know of a task.

    Attributes:
        main: the task's command, from its words to what metrics.json holds.
        load: from a config's path and KEY VALUE words to the config found and the task's settings.
        folder: holds the task's code, view_weights.yaml, configs/ and tables/.
        split_by_kind: splits a file of sentences by kind of command into files in a folder: {kind: file}.
    """

    main: Callable[[Sequence[str]], Mapping]
    load: Callable[..., tuple[Config, CfgNode]]
    folder: Path
    split_by_kind: Callable[[Path, Path], Mapping[str, Path]]


@dataclass(frozen=True)
class Outcome:
    """What a run gave, or why it could not be."""

    metrics: Mapping
    folder: Path | None = None  # with the run's files
    reason: str = ""  # "" for a run that went well
    kept: bool = False  # made by an earlier call
    seconds: float = 0.0


class Runner:
    """Makes runs, each once.

    A run has a folder of its own below `folder`, named by its settings. It holds log.txt with what was printed, what
    the task writes, and at last cell.json with all that the run was made of (see `identify`): a run is taken as it is
    where that is there and the same, and made anew in the same folder where anything differs, be it the code. What was
    made before stays good where the new run ends before it has a figure (see `set_aside`). A run that could not be and
    left nothing leaves no folder either. Features in the cache are another matter: they are found by what went in, and
    outlive changes of the code (see `pointclip.features.store`).

    Weights that could not be fetched once are not asked for again, as every try takes the hub most of a minute.

    Args:
        task: what is run.
        folder: for the runs.
        cache: for features that runs share, unless a run's settings name a CACHE; "" keeps none: a search then has
            some of its own, which are removed after it.
        checkpoint: a file of weights for every encoder but the bundled one, or a folder that holds them under OpenAI's
            names (RN50.pt, ViT-B-16.pt); "" takes what the configs say. An ENCODER.PRETRAINED of a run wins over it.
        again: whether to make runs that were made before.
    """

    def __init__(self, task: Task, folder: Path, cache: str = "", checkpoint: str = "", again: bool = False):
        self.task, self.folder, self.cache, self.checkpoint, self.again = task, folder, cache, checkpoint, again
        self.code = digest_of_code(task.folder)  # now, while it is still what was imported
        self.done: dict[Job, Outcome] = {}
        self.unfetched: dict[tuple[str, str], str] = {}  # encoder and weights: why they could not be fetched

    def run(self, job: Job) -> Outcome:
        """Make a run, or say what an earlier call gave. What cannot run is told in the outcome, not raised."""
        if job not in self.done:
            try:
                self.done[job] = self._run(job)
            except InputError as error:
                self.done[job] = self._failed(str(error))
            except (MemoryError, torch.OutOfMemoryError) as error:
                self.done[job] = self._failed(f"The memory is not enough ({first_line(error)}).")
            except OSError as error:
                self.done[job] = self._failed(f"The system refused a file: {first_line(error)}.")
        return self.done[job]

    def _failed(self, reason: str) -> Outcome:
        """The reason on one line, without the place of this checkout."""
        return Outcome({}, reason=" ".join(reason.replace(f"{self.task.folder.parent}{os.sep}", "").split()))

    def _run(self, job: Job) -> Outcome:
        pairs = self._pairs(job)
        config, settings = self.task.load(job.config, _flat(pairs))
        identity = identify(settings, job.search, self.code)
        folder = self.folder / f"{config.name}-{name_of(identity)}"
        files = folder / config.name
        if not self.again and (metrics := kept(folder / "cell.json", files, identity)) is not None:
            return Outcome(metrics, files, kept=True)
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
            with atomic_path(folder / "cell.json") as path:  # the last file: with it the run counts as made
                path.write_text(json.dumps({"arguments": words, "identity": identity, "seconds": seconds}, indent=1))
        return Outcome(metrics, files, seconds=seconds)

    def _make(self, job: Job, pairs: Mapping[str, str], folder: Path) -> list[str]:
        """Make a run in its folder; returns its words."""
        words = ["--quiet", "--config", str(job.config)]
        if job.search:
            words += ["--search", job.search[0], "--search-split", job.search[1]]
        cache, passing = pairs.get("CACHE", self.cache), folder / "cache"
        if job.search and not cache:  # a search goes over its features again and again
            cache = str(passing)
        words += _flat({"REPORT": "False", **pairs, "CACHE": cache, "OUTPUT": str(folder)})
        try:
            self._call(words, folder)
        finally:
            if cache == str(passing):
                shutil.rmtree(passing, ignore_errors=True)
            remove_empty(folder)
        return words

    def _call(self, words: Sequence[str], folder: Path) -> None:
        """Call the task with what it prints in log.txt, which stays where it holds more than the table tells."""
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
        """The run's settings over its config's."""
        pairs = dict(job.settings)
        if job.searched:
            found = self.run(job.searched)
            if found.reason:
                raise InputError(f"The search that it rests on could not run: {found.reason}")
            pairs["SEARCHED"] = str((found.folder / "searched.yaml").resolve())
        _, settings = self.task.load(job.config, _flat(pairs))
        if self.checkpoint and settings.ENCODER.NAME != "demo" and "ENCODER.PRETRAINED" not in pairs:
            pairs["ENCODER.PRETRAINED"] = weights_file(self.checkpoint, settings.ENCODER.NAME)
        if job.kind:
            files = self.task.split_by_kind(expanded(settings.PROMPTS.FILE), self.folder.parent / "sentences")
            pairs["PROMPTS.FILE"] = str(files[job.kind].resolve())
        return pairs


@contextlib.contextmanager
def quiet(log: TextIO) -> Iterator[None]:
    """Send what is printed to `log`, also by loggers that took hold of the standard error before."""
    sys.stderr.flush()
    errors = os.dup(2)
    try:
        os.dup2(log.fileno(), 2)
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            yield
    finally:
        os.dup2(errors, 2)
        os.close(errors)


def kept(cell: Path, files: Path, identity: dict) -> dict | None:
    """The metrics in the folder `files` of a run that was made of the same; None where there is none, or not whole."""
    try:
        if json.loads(cell.read_text(encoding="utf-8"))["identity"] != identity:
            return None
        metrics = json.loads((files / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    whole = isinstance(metrics, dict) and isinstance(metrics.get("notes", []), list)
    whole = whole and (not identity["search"] or (files / "searched.yaml").is_file())
    return metrics if whole else None


@contextlib.contextmanager
def set_aside(cell: Path, files: Path) -> Iterator[None]:
    """Take a run's cell.json away, so that the run counts as made only once the block has written another.

    It comes back if the block fails or is interrupted while the run's figures and findings are still what they were.
    """
    old, before = cell.with_name("cell.old"), _findings(files)
    old.unlink(missing_ok=True)  # of a call that was killed
    with contextlib.suppress(FileNotFoundError):
        os.replace(cell, old)
    try:
        yield
    except BaseException:
        if old.is_file() and _findings(files) == before:
            os.replace(old, cell)
        raise
    finally:
        old.unlink(missing_ok=True)


def _findings(files: Path) -> list[bytes]:
    paths = (files / name for name in ("metrics.json", "searched.yaml"))
    return [path.read_bytes() if path.is_file() else b"" for path in paths]


def remove_empty(folder: Path) -> None:
    """Remove the empty folders in a run's folder, the folder itself if nothing is left, and so that of all runs."""
    inside = [Path(place) for place, *_ in os.walk(folder, topdown=False)]
    for place in (*inside, folder.parent):
        with contextlib.suppress(OSError):  # not empty
            place.rmdir()


def weights_file(checkpoint: str, encoder: str) -> str:
    """The file of an encoder's weights: `checkpoint` itself, or the one of OpenAI's name in that folder."""
    place = expanded(checkpoint)
    if not place.is_dir():
        return checkpoint
    names = [f"{stem}{suffix}" for stem in (encoder, OPENAI_FILES.get(encoder, encoder)) for suffix in SUFFIXES]
    for name in names:
        if (place / name).is_file():
            return str(place / name)
    raise InputError(f"There is no {names[0]} in {place}; put the weights of {encoder} there.")


SUFFIXES = (".pt", ".safetensors")


def _flat(pairs: Mapping[str, str]) -> list[str]:
    return [word for pair in pairs.items() for word in pair]
