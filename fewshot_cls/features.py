"""The training shapes of all draws, and the view features that a method takes."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor
from yacs.config import CfgNode

from fewshot_cls.frames import Frame
from fewshot_cls.head_facts import HeadFacts
from fewshot_cls.learn import CHOSEN_ON, LabelledShapes, Learned, learn
from fewshot_cls.methods import METHODS
from fewshot_cls.methods.head import Head
from fewshot_cls.methods.zero_shot import ZeroShot
from fewshot_cls.new_classes import BaseShapes, base_classes
from fewshot_cls.projections import CAMERAS, open_training_projection, smoothing_of
from fewshot_cls.shots import Shots, draw_shots
from fewshot_cls.training_shapes import Augmented, FolderShapes, TestFolder
from pointclip.config import own_outliers, with_changes
from pointclip.datasets import ShapeFiles, ShapeSet
from pointclip.datasets.batches import BatchReader, usual_batch_size
from pointclip.encoder import Encoder, check_device
from pointclip.features import FeatureExtractor, FeatureStore
from pointclip.features.store import fingerprint_of_encoder
from pointclip.projection.view_projection import ViewProjection
from pointclip.runs.opening import open_extractor, open_shapes, open_split
from pointclip.runs.reading import configure_reading
from zeroshot_cls.classifier import Features, extract_features


def open_training(settings: CfgNode, args: argparse.Namespace) -> Augmented:
    """The split of SHOTS_SPLIT, or the shapes under --train, with AUGMENT copies of each shape.

    Its classes are those with shots, see SHOTS_CLASSES.
    """
    configure_reading(settings)
    if args.train:
        num_points = settings.DATASET.NUM_POINTS or None
        rest = {"columns": settings.READING.COLUMNS, "outliers": own_outliers(settings)}
        shapes = FolderShapes(args.train, num_points, args.up, settings.SEED, **rest)
        return Augmented(shapes, settings.AUGMENT, settings.SEED, as_they_are(settings))
    changes = {"DATASET.SPLIT": settings.SHOTS_SPLIT, "DATASET.MAX_SHAPES": 0, "DATASET.CATEGORIES": ""}
    shapes = cast(ShapeSet, open_split(with_changes(settings, changes)).shapes)
    if settings.SHOTS_CLASSES != "all":
        shapes = BaseShapes(shapes, base_classes(settings.SHOTS_CLASSES, shapes.class_names))
    return Augmented(shapes, settings.AUGMENT, settings.SEED, as_they_are(settings))


def as_they_are(settings: CfgNode) -> bool:
    """Whether training shapes are projected as they are: V1's projection crops the copies among them."""
    return bool(settings.AUGMENT) and settings.PROJECTION.METHOD in CAMERAS


def open_reader(settings: CfgNode, args: argparse.Namespace, class_names: Sequence[str]) -> BatchReader | None:
    """The shapes to classify: the user's files, those under --test, or a data set's; None if a head is only learned."""
    configure_reading(settings)
    if args.test:
        num_points, columns = settings.DATASET.NUM_POINTS or None, settings.READING.COLUMNS
        rest = {"num_points": num_points, "up": args.up, "seed": settings.SEED, "columns": columns}
        rest["outliers"] = own_outliers(settings)
        shapes = TestFolder(args.test, class_names, **rest)
        size = settings.BATCH_SIZE or usual_batch_size(check_device(settings.DEVICE))
        return BatchReader(
            shapes, size, "stop" if settings.ON_BAD_SHAPE == "stop" else "skip", list(range(len(shapes)))
        )
    return None if args.train and not args.input else open_shapes(settings, args, class_names)


def files_of(reader: BatchReader | None) -> ShapeFiles | None:
    """The reader's shape files, whose up axes can be found; None for those of a data set."""
    if reader is None:
        return None
    shapes = getattr(reader.shapes, "files", reader.shapes)
    return shapes if isinstance(shapes, ShapeFiles) else None


def draw_all(settings: CfgNode, training: Augmented, name: str = "") -> list[Shots]:
    """The shots drawn with each seed; `name` is that of the training shapes, by default the data set's."""
    name = name or Path(settings.DATASET.NAME).stem
    return [
        draw_shots(
            training.original_labels,
            training.class_names,
            settings.SHOTS,
            seed,
            name,
            settings.PROTOCOL == "validation",
            training.rows_per_object,
        )
        for seed in range(settings.SEED, settings.SEED + settings.SEEDS)
    ]


def drawn(draws: Sequence[Shots]) -> list[int]:
    """The indices of the shapes of all draws, without augmented copies."""
    return sorted({i for draw in draws for i in (*draw.train, *draw.validation)})


def open_method_extractor(
    settings: CfgNode, projection: ViewProjection, args: argparse.Namespace, unit: bool
) -> FeatureExtractor:
    """The extractor; its store keeps raw CLIP features apart from unit ones."""
    extractor = open_extractor(settings, projection, args)
    if extractor.store and not unit:
        folder = extractor.store.encoder_folder.parent / "raw"
        extractor.store = FeatureStore(folder, extractor.encoder, extractor.projection)
    return extractor


def extract_shots(
    settings: CfgNode, training: Augmented, draws: Sequence[Shots], extractor: FeatureExtractor, unit: bool
) -> Features:
    """The features of every shape in any draw; one that cannot be read stops the run, since draws are fixed."""
    wanted = sorted({i for draw in draws for i in (*training.with_copies(draw.train), *draw.validation)})
    size = settings.BATCH_SIZE or usual_batch_size(extractor.device)
    if as_they_are(settings):
        store, projection = extractor.store, open_training_projection(settings)
        extractor = FeatureExtractor(projection, extractor.encoder, progress=extractor.progress)
        if store:
            extractor.store = FeatureStore(store.encoder_folder.parent, extractor.encoder, extractor.projection)
    return extract_features(BatchReader(training, size, "stop", wanted), extractor, unit)


def labelled_shapes(settings: CfgNode, features: Features, indices: Sequence[int], shapes) -> LabelledShapes:
    """The features of some shapes, with their points where training projects them anew.

    `indices` refer to the data set `shapes`.
    """
    row_of = {index: row for row, index in enumerate(features.indices)}
    rows = [row_of[index] for index in indices]
    anew = METHODS[settings.METHOD].smoothing or settings.AUGMENT_ONLINE
    clouds = [torch.from_numpy(shapes[index].points) for index in indices] if anew else []
    objects = torch.tensor(indices) % len(getattr(shapes, "original_labels", shapes))  # copies have their original's
    return LabelledShapes(features.views[rows], features.labels[rows], clouds, objects)


def validation_shapes(
    settings: CfgNode, draw: Shots, shots: Features, training: Augmented, test: Features | None, reader
) -> LabelledShapes | None:
    """The shapes to select on, by PROTOCOL: validation shots, the test split, or None."""
    if settings.PROTOCOL == "published":
        assert test is not None, "PROTOCOL published selects on a test split"
        known = [index for index, label in zip(test.indices, test.labels.tolist(), strict=True) if label >= 0]
        return labelled_shapes(settings, test, known, reader.shapes)
    return labelled_shapes(settings, shots, draw.validation, training) if draw.validation else None


def learn_from(
    settings: CfgNode,
    zero: ZeroShot,
    training: Augmented,
    draw: Shots,
    shots: Features,
    encoder: Encoder,
    test: Features | None = None,
    reader: BatchReader | None = None,
    **rest,
) -> Learned:
    """Learn a head from one draw of the training shapes.

    Args:
        zero: the zero-shot head.
        shots: the features of all draws.
        test, reader: the shapes to classify, on which PROTOCOL published selects.
        rest: `checkpoint` and `on_epoch` of `fewshot_cls.learn.learn`.
    """
    support = labelled_shapes(settings, shots, training.with_copies(draw.train), training)
    validation = validation_shapes(settings, draw, shots, training, test, reader)
    return learn(settings, zero, support, validation, encoder, seed=draw.seed, **rest)


def unit_views(features: Features) -> Tensor:
    """Features [n, V, C] of unit length, for the zero-shot baseline of any method."""
    return F.normalize(features.views, dim=-1)


def facts_of(settings: CfgNode, class_names: Sequence[str], draw: Shots, head: Head, **rest) -> HeadFacts:
    """What a head's file records about how it was made; `rest` are the fields that do not follow from these."""
    c = settings.PROJECTION
    return HeadFacts(
        method=settings.METHOD,
        class_names=tuple(class_names),
        projection={"METHOD": c.METHOD, "STEPS": c.STEPS, "VIEWS": c.VIEWS},
        smoothing=smoothing_of(settings) if METHODS[settings.METHOD].smoothing else {},
        numbers=head.numbers,
        temperature=head.temperature,
        calibrated=head.calibrated,
        shots=f"{draw.dataset}, {draw.words}",
        chosen_on=CHOSEN_ON[settings.PROTOCOL],
        **rest,
    )


def encoder_facts(
    extractor: FeatureExtractor, sentences: Mapping, unit: bool, frame: Frame | None, class_names: Sequence[str]
) -> dict:
    """The fields of `HeadFacts` about what a head takes, for `facts_of`."""
    encoder = extractor.encoder
    return {
        "encoder": f"{encoder.name}, {encoder.precision}",
        "encoder_key": fingerprint_of_encoder(encoder),
        "view_count": len(extractor.projection.rotations),
        "sentences": {name: list(sentences[name]) for name in class_names},
        "features": "unit" if unit else "raw",
        "frame": asdict(frame) if frame else {},
    }
