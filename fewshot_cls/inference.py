"""Inference with a trained head: within the run that made it, or from a file on your own shapes or another data set."""

import argparse
import time
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor
from yacs.config import CfgNode

from fewshot_cls.comparison import Compared
from fewshot_cls.features import files_of, open_method_extractor, open_reader, unit_views
from fewshot_cls.frames import Frame, stand_alike
from fewshot_cls.head_facts import HeadFacts
from fewshot_cls.head_results import report_head_on_set
from fewshot_cls.learn import Learned
from fewshot_cls.methods.head import Head
from fewshot_cls.methods.zero_shot import ZeroShot
from fewshot_cls.new_classes import beside_new, new_note, with_new
from fewshot_cls.own_shapes import report_own_shapes
from fewshot_cls.projections import open_projection, open_view_weights, selected_views
from fewshot_cls.realistic_projection import LearnedProjection
from pointclip.config import with_changes
from pointclip.datasets import ShapeSet
from pointclip.datasets.batches import BatchReader
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor
from pointclip.features.store import fingerprint_of_encoder
from pointclip.origin import Origin
from pointclip.projection.view_projection import ViewProjection
from pointclip.prompts import class_sentences, open_prompts
from pointclip.runs.poses import find_up_axes
from pointclip.runs.run import describe_run
from pointclip.utils.files import expanded
from zeroshot_cls.classifier import Features, extract_features


@torch.no_grad()
def logits_of(learned: Learned, test: Features, reader: BatchReader, extractor: FeatureExtractor, unit: bool) -> Tensor:
    """Logits [n, K] of the reader's shapes, divided by the head's temperature.

    `test` are their features from the fixed projection; they are projected again where the smoothing was learned.
    """
    if learned.projection is not None:
        smoothed = FeatureExtractor(learned.projection.eval(), extractor.encoder, progress=extractor.progress)
        test = extract_features(reader, smoothed, unit)
    return learned.head(test.views) / learned.head.temperature


def no_logits(zero: ZeroShot) -> Tensor:
    """The logits of no shape, [0, K], where a head is only learned."""
    return zero.classes.new_empty(0, len(zero.classes))


def apply_head(args: argparse.Namespace, settings: CfgNode) -> dict:
    """Classify with a head from a file; returns what metrics.json holds."""
    # settings and model
    saved = Head.load(settings.HEAD)
    head, facts = saved.head, saved.facts
    settings = with_changes(settings, {"METHOD": facts.method})
    _check_projection(facts, settings)
    projection = projection_of(facts, settings, saved.smoothing)
    unit = facts.features == "unit"
    extractor = open_method_extractor(settings, projection, args, unit)
    encoder = extractor.encoder
    facts.check_fits(fingerprint_of_encoder(encoder), f"{encoder.name}, {encoder.precision}", len(projection.rotations))

    # data
    names = with_new(facts.class_names, args.new_classes)
    reader = open_reader(settings, args, names)
    assert reader is not None, "--train and --head exclude each other"
    if not args.input:
        columns, shared_labels = replace(facts, class_names=names).class_columns(reader.shapes.class_names)
        reader = replace(reader, indices=_of_classes(reader, shared_labels))
        if not reader.indices:
            raise InputError(
                f"No selected shape is of the head's classes {', '.join(facts.class_names)}; set DATASET.CATEGORIES to "
                "some of them, or DATASET.MAX_SHAPES to a larger number."
            )

    sentences = dict(facts.sentences)
    if args.new_classes:
        prompts = open_prompts(settings.PROMPTS.FILE)
        sentences |= class_sentences(args.new_classes, prompts, settings.PROMPTS.TEMPLATE)
    weights = torch.ones(len(projection.rotations))
    class_features = extractor.class_features(sentences)
    named = class_features, weights, list(sentences)
    files, frame = files_of(reader), Frame(**facts.frame) if facts.frame else None
    if frame is None or frame.consistent:
        find_up_axes(files, reader.indices, extractor, *named)
    stand_alike(files, frame)

    # predictions
    start = time.perf_counter()
    test = extract_features(reader, extractor, unit)
    seconds = time.perf_counter() - start
    with torch.no_grad():
        logits = head(test.views) / head.temperature
    # zero-shot beside it, whose projection learns nothing
    zero = head.zero_shot(open_view_weights(settings, False).values)
    if args.new_classes:
        known = range(len(facts.class_names))
        zero = ZeroShot(torch.cat([zero.classes, class_features[len(known) :].cpu()]), zero.weights)
    before = zero(unit_views(_by_fixed_projection(settings, facts, test, reader, extractor)))
    origins = Origin(f"of the head ({facts.shots})", tuned=facts.tuned_on_test), Origin("of the head")
    run = describe_run(args, settings, extractor, reader, sentences, origins, None, seconds)
    rest = projection, head.calibrated and not args.new_classes, args.threshold
    if args.new_classes:
        logits = beside_new(logits, before, known)
        run = run.with_notes(new_note(names, known))
    if args.input:
        return report_own_shapes(run, Compared(reader, test, names, before, logits, *rest))
    if args.test:
        run = replace(run, data=f"own shapes ({expanded(args.test).name})")
    labels = torch.tensor([shared_labels.index(label) for label in test.labels.tolist()])
    shared_names = [names[column] for column in columns]
    shared = replace(test, labels=labels), shared_names, before[:, columns], logits[:, columns]
    return report_head_on_set(run, facts, Compared(reader, *shared, *rest))


def _by_fixed_projection(
    settings: CfgNode, facts: HeadFacts, test: Features, reader: BatchReader, extractor: FeatureExtractor
) -> Features:
    """The reader's features as zero-shot sees them: `test`, unless the head has learned a smoothing."""
    if not facts.smoothing:
        return test
    projection = open_projection(settings).to(extractor.device)
    return extract_features(reader, FeatureExtractor(projection, extractor.encoder, progress=extractor.progress), True)


def _check_projection(facts: HeadFacts, settings: CfgNode) -> None:
    for name in ("METHOD", "STEPS"):
        if settings.PROJECTION[name] != facts.projection[name]:
            raise InputError(
                f"The head was trained with PROJECTION.{name} {facts.projection[name]}, but it is now "
                f"{settings.PROJECTION[name]}; set it to the head's."
            )


def projection_of(facts: HeadFacts, settings: CfgNode, smoothing: dict[str, Tensor]) -> ViewProjection:
    """The projection that a head was trained with, with its learned smoothing where it has one."""
    if not facts.smoothing:
        return open_projection(settings)
    projection = LearnedProjection(selected_views(settings)[0], **facts.smoothing)
    projection.smoothing.load_state_dict(smoothing)
    return projection.eval().requires_grad_(False)


def _of_classes(reader: BatchReader, labels: list[int]) -> list[int]:
    """Indices of the reader's shapes that have these labels."""
    wanted = range(len(reader.shapes)) if reader.indices is None else reader.indices
    return [index for index in wanted if cast(ShapeSet, reader.shapes).labels[index] in labels]
