"""A frozen CLIP and a projection for the shapes that a caller gives; the tasks' faces add classes and answers.

A face does what its command does with files of one's own: the settings, the readers and the functions that compute are
the same, and so are the answers.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import ClassVar, TypedDict, TypeVar, cast

import torch
from torch import Tensor
from yacs.config import CfgNode

from pointclip.config import own_outliers
from pointclip.config_files import PUBLISHED
from pointclip.datasets import ShapeFiles
from pointclip.datasets.base import brief
from pointclip.datasets.batches import BatchReader, usual_batch_size
from pointclip.datasets.up_axis import UpGuess, guess_up
from pointclip.encoder import Encoder, projection_device
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor
from pointclip.predicting.given import Given, GivenShapes, given_shapes
from pointclip.presets import preset_files
from pointclip.projection.view_projection import ViewProjection
from pointclip.prompts import given_prompts, open_prompts
from pointclip.runs.notes import gathered
from pointclip.runs.opening import open_encoder
from pointclip.runs.poses import find_up_axes
from pointclip.runs.reading import configure_reading

A = TypeVar("A")
UNIFORM = "uniform"  # view weights of 1
ARRAYS = "the convention of arrays"  # why a cloud has y up


@dataclass(frozen=True)
class Named:
    """Classes or parts, with the features of their sentences."""

    names: tuple[str, ...]
    sentences: Mapping[str, Sequence[str]]
    features: Tensor  # [K, C], unit


class Options(TypedDict, total=False):
    """The options of every face, with the defaults of `Predictor`."""

    pretrained: str | os.PathLike
    device: str | torch.device
    precision: str
    sentences: str | os.PathLike | Mapping[str, Sequence[str]] | None
    template: str | None
    view_weights: str | Iterable[float]
    projection: ViewProjection | None
    settings: Mapping[str, object] | None
    progress: bool


class Predictor:
    """What the faces of all tasks are made of.

    Args:
        encoder: the CLIP: a model of open_clip such as "ViT-B-16", a preset such as "vit_b16", "demo" for the bundled
            one, or an `Encoder` that is loaded already and can serve several faces.
        pretrained, device, precision: of the encoder, see `load_encoder`; one that is loaded has its own.
        sentences: a file of sentences, the name of a bundled one such as "modelnet40", or {name: [sentence, …]}; names
            without sentences there use the template.
        template: a sentence with {} in place of a name; None for the command's.
        view_weights: "uniform", one number a view, or the name of a published set.
        projection: from points to CLIP's images, instead of the task's own with the settings PROJECTION.
        settings: any others of the command (docs/settings.md), such as {"PROJECTION.VIEWS": "0,4"}.
        progress: whether to show progress bars.

    Raises:
        InputError: for an unknown model or setting, weights that cannot be had, and a loaded encoder with options of
            loading one.
    """

    own_config: ClassVar[str] = "own_shapes"  # the command's config for files of one's own

    def __init__(
        self,
        encoder: str | Encoder = "ViT-B-16",
        *,
        pretrained: str | os.PathLike = "auto",
        device: str | torch.device = "auto",
        precision: str = "auto",
        sentences: str | os.PathLike | Mapping[str, Sequence[str]] | None = None,
        template: str | None = None,
        view_weights: str | Iterable[float] = "uniform",
        projection: ViewProjection | None = None,
        settings: Mapping[str, object] | None = None,
        progress: bool = False,
    ):
        _check_kind("encoder", encoder, (str, Encoder), 'a name such as "ViT-B-16", or a loaded Encoder')
        _check_kind(
            "projection", projection, (ViewProjection, NoneType), "a ViewProjection such as RealisticProjection()"
        )
        if isinstance(encoder, Encoder) and (pretrained, device, precision) != ("auto", "auto", "auto"):
            raise InputError(
                f"The encoder {encoder.name} is loaded, but its weights, device or precision were given too; load it "
                "with them, or give its name."
            )
        changes: dict[str, object] = {
            "ENCODER.PRETRAINED": pretrained,
            "ENCODER.PRECISION": precision,
            "DEVICE": device,
        }
        self._weights = None if isinstance(view_weights, str) else _numbers(view_weights)
        if isinstance(view_weights, str):
            changes["VIEW_WEIGHTS"] = view_weights
        if isinstance(sentences, str | os.PathLike):
            changes["PROMPTS.FILE"] = sentences
        if template is not None:
            changes["PROMPTS.TEMPLATE"] = template
        self.settings = own_settings(self.load_settings, self.own_config, encoder, changes | dict(settings or {}))
        self.prompts = (
            given_prompts(sentences) if isinstance(sentences, Mapping) else open_prompts(self.settings.PROMPTS.FILE)
        )
        projection = self.open_projection() if projection is None else projection
        loaded = encoder if isinstance(encoder, Encoder) else open_encoder(self.settings)
        self.extractor = FeatureExtractor(projection, loaded, progress=progress)
        configure_reading(self.settings)
        self._last: tuple[Mapping[str, Sequence[str]], Tensor] | None = None
        self._checked_standing = False
        if self.settings.VIEW_WEIGHTS != PUBLISHED:  # which may differ by category
            self.view_weights()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.encoder.name}, {self.encoder.precision}, on {self.encoder.device}>"

    def load_settings(self, config: str, overrides: Sequence[str], encoder: str) -> CfgNode:
        """The settings of the task's command; see a task's `settings.load`."""
        raise NotImplementedError

    def open_projection(self) -> ViewProjection:
        """The projection that the settings select."""
        raise NotImplementedError

    def open_view_weights(self, category: str) -> Tensor:
        """The view weights that the settings select, [V]; `category` is that of shapes with parts."""
        raise NotImplementedError

    def view_weights(self, category: str = "") -> Tensor:
        """The weight of each of the projection's views, [V]. Raises an InputError where they are not as many."""
        views = len(self.projection.rotations)
        if self._weights is None and self.settings.VIEW_WEIGHTS == UNIFORM:
            return torch.ones(views)
        weights = self.open_view_weights(category) if self._weights is None else self._weights
        if len(weights) != views:
            raise InputError(f"There are {len(weights)} view weights, but {views} views; give one for each.")
        return weights

    @property
    def encoder(self) -> Encoder:
        return self.extractor.encoder

    @property
    def projection(self) -> ViewProjection:
        return self.extractor.projection

    def with_features(self, sentences: Mapping[str, Sequence[str]]) -> Named:
        """The names with the features of their sentences, which are kept until a call has others."""
        if self._last is None or self._last[0] != dict(sentences):
            self._last = dict(sentences), self.extractor.class_features(sentences)
        return Named(tuple(sentences), *self._last)

    @torch.no_grad()
    def depth_maps(self, shape: Given, *, up: str | None = None) -> Tensor:
        """The pictures that CLIP sees of a single shape, [V, H, W] in [0, 1]; `up` as in a call, without the model."""
        points = torch.from_numpy(self.files(shape, up, ())[0].points)[None]
        return self.projection.depth_maps(points.to(projection_device(self.extractor.device)))[0].cpu()

    def files(self, shapes: Given, up: str | None, names: Sequence[str], every_vertex: bool = False) -> ShapeFiles:
        """The shapes of a call as a data set.

        Args:
            up: the axis that points up in all of them, "auto" to guess it for each, or None: guessed for files, y for
                clouds.
            names: of the classes.
            every_vertex: see `ShapeFiles`.
        """
        configure_reading(self.settings)
        given, c = given_shapes(shapes), self.settings
        rest = {"seed": c.SEED, "columns": c.READING.COLUMNS, "every_vertex": every_vertex, "clouds": given.clouds}
        rest["outliers"] = own_outliers(self.settings)
        files = ShapeFiles(given.paths, c.DATASET.NUM_POINTS or None, up or "auto", names, **rest)
        files.notes = given.notes
        if up is None:
            self._check_standing(given)
            for place in given.places:
                files.set_up(place, UpGuess("y", ARRAYS))
        return files

    def reader(self, files: ShapeFiles) -> BatchReader:
        """A reader of all the shapes, which stops at a bad one unless the settings say to skip it."""
        size = self.settings.BATCH_SIZE or usual_batch_size(self.extractor.device)
        on_bad = "skip" if self.settings.ON_BAD_SHAPE == "skip" else "stop"
        return BatchReader(files, size, on_bad, list(range(len(files))))

    def stand(
        self,
        files: ShapeFiles | None,
        classes: Tensor,
        weights: Tensor,
        names: Sequence[str],
        places: Iterable[int] | None = None,
    ) -> None:
        """Find the up axes of shapes that are not known yet, where need be by the classes' features [K, C].

        Args:
            weights: [V], view weights.
            names: of the K classes.
            places: of the shapes; None for all.
        """
        if files is None:
            return
        unknown = [place for place in (range(len(files)) if places is None else places) if not files.has_up(place)]
        find_up_axes(files, unknown, self.extractor, classes, weights, names)

    def _check_standing(self, given: GivenShapes) -> None:
        """Warn, once, if the first cloud surely has another axis up than y."""
        if self._checked_standing or not given.clouds:
            return
        self._checked_standing = True
        path, cloud = next(iter(given.clouds.items()))
        guess = guess_up(cloud.points)
        if guess.sure and guess.axis != "y":
            warnings.warn(
                f"{path} seems to have {guess.axis} up, but arrays count as y up; say up={guess.axis!r}, or up='y'."
            )


def _numbers(weights: Iterable[float]) -> Tensor:
    """View weights as a tensor [V]. Raises an InputError unless they are finite, and not all 0."""
    values = torch.tensor([float(weight) for weight in weights])
    if not values.isfinite().all() or not values.any():
        raise InputError(f"The view weights are {values.tolist()}; expected finite numbers, not all 0.")
    return values


def _check_kind(name: str, value: object, kinds: tuple[type, ...], expected: str) -> None:
    if not isinstance(value, kinds):
        raise InputError(f"The {name} is {brief(value)}; expected {expected}.")


def aligned(reader: BatchReader, answers: Mapping[int, A]) -> list[A]:
    """The answers in the order of a reader's shapes, None for those that were skipped; warns of what was noted."""
    for note in gathered(reader.notes):
        warnings.warn(note)
    for place, reason in reader.bad.items():
        warnings.warn(f"shape {place} was skipped: {reason}")
    return [cast(A, answers.get(place)) for place in range(len(reader.shapes))]


def own_settings(
    load: Callable[[str, Sequence[str], str], CfgNode],
    config: str,
    encoder: str | Encoder,
    changes: Mapping[str, object],
) -> CfgNode:
    """The settings of a task's command for files of one's own, with a caller's changes {dotted name: value}."""
    name = encoder.architecture if isinstance(encoder, Encoder) else encoder
    name = "demo" if name == "demo-clip" else name
    preset = name if name in preset_files() else ""
    changes = {"ON_BAD_SHAPE": "stop"} | dict(changes)
    if preset and changes.get("ENCODER.PRETRAINED") == "auto":  # the preset says which
        del changes["ENCODER.PRETRAINED"]
    elif not preset:
        changes["ENCODER.NAME"] = name
    return load(config, [word for pair in changes.items() for word in map(str, pair)], preset)
