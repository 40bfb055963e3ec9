"""`pointclip.FewShotClassifier`: learns classes from labelled shapes, as the command `fewshot` does from folders."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from yacs.config import CfgNode

from fewshot_cls.features import (
    as_they_are,
    draw_all,
    drawn,
    encoder_facts,
    extract_shots,
    facts_of,
    learn_from,
)
from fewshot_cls.frames import Frame, common_frame, stand_alike
from fewshot_cls.head_facts import HeadFacts
from fewshot_cls.inference import projection_of
from fewshot_cls.learn import takes_unit
from fewshot_cls.methods import METHODS
from fewshot_cls.methods.head import Head
from fewshot_cls.methods.zero_shot import ZeroShot
from fewshot_cls.projections import open_projection, open_view_weights
from fewshot_cls.realistic_projection import LearnedProjection
from fewshot_cls.settings import load
from fewshot_cls.training_shapes import Augmented, FolderShapes, LabelledFiles
from pointclip.config import own_outliers
from pointclip.encoder import Encoder
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor
from pointclip.features.store import fingerprint_of_encoder
from pointclip.predicting import ClassAnswer, Given, Options, Predictor, aligned
from pointclip.projection.view_projection import ViewProjection
from pointclip.prompts import class_sentences
from pointclip.utils.files import expanded
from zeroshot_cls.classifier import extract_features

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class Taught:
    """A head with what it needs to see shapes."""

    head: Head  # in evaluation mode
    facts: HeadFacts
    extractor: FeatureExtractor  # with its learned smoothing where it has one

    @property
    def frame(self) -> Frame | None:
        return Frame(**self.facts.frame) if self.facts.frame else None


class FewShotClassifier(Predictor):
    """Few-shot classification of point clouds by PointCLIP V2: from some labelled shapes of each of your classes.

    >>> classifier = FewShotClassifier("ViT-B-16").fit(["a.ply", cloud, …], ["chair", "stool", …])
    >>> classifier = FewShotClassifier("ViT-B-16").fit("my_shapes/")  # a folder with a subfolder of shapes per class
    >>> classifier(["c.ply", cloud])[0].label, classifier.predict(clouds)
    >>> classifier.save("head.safetensors")
    >>> classifier = FewShotClassifier.load("head.safetensors", "ViT-B-16")

    Args:
        encoder: see `pointclip.predicting.Predictor`.
        method: how it learns, one of `fewshot_cls.methods.METHODS`; see docs/fewshot.md.
        options: see `pointclip.predicting.Predictor`.

    Raises:
        InputError: as `Predictor`, and for an unknown method.
    """

    def __init__(self, encoder: str | Encoder = "ViT-B-16", method: str = "kernel_ridge", **options: "Unpack[Options]"):
        options["settings"] = {"METHOD": method} | dict(options.get("settings") or {})
        super().__init__(encoder, **options)
        if METHODS[method].smoothing and self.encoder.precision != "fp32":
            raise InputError(f"The method {method!r} trains through the encoder, which needs precision='fp32'.")
        self._taught: Taught | None = None

    def load_settings(self, config: str, overrides: Sequence[str], encoder: str) -> CfgNode:
        return load(config, overrides, encoder)[1]

    def open_projection(self) -> ViewProjection:
        return open_projection(self.settings)

    def open_view_weights(self, category: str) -> Tensor:
        return open_view_weights(self.settings, searched=False).values

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that were learned; () before `fit`."""
        return self._taught.facts.class_names if self._taught else ()

    def fit(self, shapes: Given, labels: Sequence[str] | None = None, *, up: str | None = None) -> "FewShotClassifier":
        """Learn the classes of labelled shapes; what was learned before is forgotten.

        Args:
            shapes: one or several of: files, folders and patterns; arrays [N, 3]; arrays and tensors [B, N, 3]. Without
                labels, a folder with one subfolder of shapes per class, named after the class.
            labels: the class of each shape.
            up: the axis that points up in all of them; by default guessed for files, one axis for all of them, and y
                for arrays and tensors.

        Returns:
            Itself.

        Raises:
            InputError: for shapes that are none or cannot be read, another number of labels, or fewer than two classes.
        """
        settings, unit = self.settings, takes_unit(self.settings)
        labelled, name = self._labelled(shapes, labels, up)
        training = Augmented(labelled, settings.AUGMENT, settings.SEED, as_they_are(settings))
        draw = draw_all(settings, training, name)[0]
        named = self.with_features(class_sentences(training.class_names, self.prompts, settings.PROMPTS.TEMPLATE))
        weights = self.view_weights()
        self.stand(training.files, named.features, weights, named.names, drawn([draw]))
        frame = common_frame(training.files, drawn([draw]))

        features = extract_shots(settings, training, [draw], self.extractor, unit)
        zero = ZeroShot(named.features.cpu(), weights)
        learned = learn_from(settings, zero, training, draw, features, self.encoder)

        facts = encoder_facts(self.extractor, named.sentences, unit, frame, training.class_names)
        facts = facts_of(settings, training.class_names, draw, learned.head, **facts)
        self._taught = Taught(learned.head, facts, self._seeing(learned.projection))
        return self

    @torch.no_grad()
    def __call__(self, shapes: Given, *, up: str | None = None) -> list[ClassAnswer]:
        """What each shape is.

        Args:
            shapes: as for `fit`.
            up: the axis that points up in all of them; by default as the training shapes stand, or guessed, for files,
                and y for arrays and tensors.

        Returns:
            One answer a shape, in order; with the setting ON_BAD_SHAPE "skip", None for a shape that cannot be read.

        Raises:
            InputError: before `fit`, and for shapes that are none or cannot be read.
        """
        taught = self._known()
        head, facts, frame = taught.head, taught.facts, taught.frame
        files = self.files(shapes, up, facts.class_names)
        if frame is None or frame.consistent:
            named = self.with_features(facts.sentences)
            self.stand(files, named.features, torch.ones(facts.view_count), named.names)
        stand_alike(files, frame)
        reader = self.reader(files)
        seen = extract_features(reader, taught.extractor, facts.features == "unit")
        shares = (head(seen.views) / head.temperature).softmax(1).numpy()  # [n, K]
        answers = {
            place: ClassAnswer(seen.names[row], facts.class_names, shares[row], head.calibrated, files.up_of(place))
            for row, place in enumerate(seen.indices)
        }
        return aligned(reader, answers)

    def predict(self, shapes: Given, *, up: str | None = None) -> list[str]:
        """The class of each shape; arguments as for a call."""
        return [answer.label for answer in self(shapes, up=up)]

    def save(self, path: str | os.PathLike) -> None:
        """Write what was learned to a safetensors file, as `pointclip fewshot` does, for `load` and HEAD."""
        taught = self._known()
        projection = taught.extractor.projection
        smoothing = projection.smoothing if isinstance(projection, LearnedProjection) else None
        taught.head.save(expanded(path), taught.facts, smoothing)

    @classmethod
    def load(
        cls, path: str | os.PathLike, encoder: str | Encoder = "ViT-B-16", **options: "Unpack[Options]"
    ) -> "FewShotClassifier":
        """A classifier with the head of a file that `save` or `pointclip fewshot` wrote.

        Args:
            encoder, options: as for the class; the encoder has to be the head's.

        Raises:
            InputError: for a file that is no head, or one of another encoder.
        """
        saved = Head.load(Path(path))
        facts = saved.facts
        changes = {f"PROJECTION.{name}": value for name, value in facts.projection.items()}
        options["settings"] = changes | dict(options.get("settings") or {})
        loaded = cls(encoder, facts.method, **options)
        projection = projection_of(facts, loaded.settings, saved.smoothing)
        own = loaded.encoder
        facts.check_fits(fingerprint_of_encoder(own), f"{own.name}, {own.precision}", len(projection.rotations))
        loaded._taught = Taught(saved.head, facts, loaded._seeing(projection if facts.smoothing else None))
        return loaded

    def _known(self) -> Taught:
        if self._taught is None:
            raise InputError("Nothing was learned yet; call fit, or load what was saved.")
        return self._taught

    def _seeing(self, learned: ViewProjection | None) -> FeatureExtractor:
        """The extractor of a head: with the projection it learned, or the fixed one."""
        if learned is None:
            return self.extractor
        return FeatureExtractor(learned.eval(), self.encoder, progress=self.extractor.progress)

    def _labelled(self, shapes: Given, labels: Sequence[str] | None, up: str | None) -> tuple[LabelledFiles, str]:
        """The training shapes, and their name."""
        if labels is not None:
            names = _names_of(labels)
            files = self.files(shapes, up, names)
            if len(files) != len(labels):
                raise InputError(f"There are {len(files)} shapes, but {len(labels)} labels; give one for each.")
            return LabelledFiles(files, np.array([names.index(label) for label in labels])), "given shapes"
        if not isinstance(shapes, str | os.PathLike):
            raise InputError(
                "There are no labels; give the class of each shape, or a folder with one subfolder per class."
            )
        c = self.settings
        rest = {"columns": c.READING.COLUMNS, "outliers": own_outliers(self.settings)}
        folder = FolderShapes(Path(shapes), c.DATASET.NUM_POINTS or None, up or "auto", c.SEED, **rest)
        return folder, Path(shapes).name


def _names_of(labels: Sequence[str]) -> tuple[str, ...]:
    """The classes of labels, sorted by name."""
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        kind = "text" if isinstance(labels, str) else type(next(x for x in labels if not isinstance(x, str))).__name__
        raise InputError(f'The labels are {kind}; expected a list of class names, such as ["chair", "stool", "chair"].')
    names = tuple(sorted(set(labels)))
    if len(names) < 2:
        raise InputError(f"The labels have {len(names)} class(es); expected two or more.")
    return names
