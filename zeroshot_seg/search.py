"""Choosing segmentation's sentences and view weights by the labels of one split, category by category."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from yacs.config import CfgNode

from pointclip.config import with_changes
from pointclip.config_files import PUBLISHED
from pointclip.datasets.batches import BatchReader, check_parts_known
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor, FeatureStore
from pointclip.origin import Origin
from pointclip.prompts import PartSentences, PromptFile, key_of
from pointclip.published import published_indices
from pointclip.runs.opening import open_split, search_settings
from pointclip.search import Segmentation, search
from pointclip.search.result import Chosen, SearchResult, describe
from pointclip.view_weights import ViewWeights
from zeroshot_seg.labelling import TASK, seen_batches
from zeroshot_seg.projections import open_view_weights, selected_views
from zeroshot_seg.protocol import fixed_parts, predicted_parts
from zeroshot_seg.realistic_projection import SeenPoints
from zeroshot_seg.segmenter import arranged, nearest_seen, part_logits, read_points
from zeroshot_seg.settings import PUBLISHED_SETS

MOST_BYTES = 3 << 30  # of points' features that are held at once; those of further shapes are made when asked for


@dataclass(frozen=True)
class Split:
    """What a search chooses on."""

    settings: CfgNode  # DATASET.SPLIT is the split; SEARCH.* say how to choose, PROTOCOL and IOU_RULE what is scored
    reader: BatchReader


def open_search(settings: CfgNode, args: argparse.Namespace) -> Split:
    """The split that --search-split names."""
    settings = search_settings(settings, args.search_split)
    return Split(settings, open_split(settings, parts_wanted=True))


@dataclass(frozen=True)
class LabelledShape:
    """A shape to choose on."""

    points: np.ndarray  # [N, 3], by which the store finds its features
    truth: Tensor  # [N] int64, -1 where a point's part is not known
    source: Tensor  # [N] int64, the point that each point is labelled like: itself, or its nearest seen one
    visible: np.ndarray  # [V, N] bool


def search_split(
    what: Sequence[str],
    split: Split,
    sentences: PartSentences,
    weights: Mapping[str, ViewWeights],
    extractor: FeatureExtractor,
) -> SearchResult:
    """Extract a split's features and choose on its labels.

    Args:
        what: "prompts", "weights" or both.
        sentences: for each category and part its candidates; where prompts are not searched for, all of them averaged.
        weights: for each category [V], to begin with. SEARCH.START published begins with the paper's sentences and
            weights instead.
        extractor: with a store, from which the features are read again and again.
    """
    settings, (views, _) = split.settings, selected_views(split.settings)
    shapes = labelled_shapes(split.reader, extractor, settings.PROTOCOL)
    published = PUBLISHED_SETS.sentences(settings) if settings.SEARCH.START == PUBLISHED else None
    if published:
        asked = with_changes(settings, {"VIEW_WEIGHTS": PUBLISHED})
        published_weights = open_view_weights(asked, shapes, searched=False)
    best, chosen = {}, {}
    for number, (name, labelled) in enumerate(shapes.items(), start=1):
        if extractor.progress:
            print(f"search {number}/{len(shapes)}: {name}, {len(labelled)} shapes", flush=True)
        parts = sentences.by_category[name]
        groups = predicted(parts, name, settings.PROTOCOL)
        candidates = [features.cpu() for features in extractor.sentence_features(groups)]
        start, places = weights[name].values, None
        if published:
            start = published_weights[name].values
            places = published_indices(published_parts(published, name), groups)
        kept = KeptShapes(labelled, extractor.store, extractor.device, settings.FEATURES)
        problem = as_problem(kept, start, len(groups), len(parts), settings)
        best[name] = search(problem, candidates, start, what, settings.SEARCH, views, extractor.progress, places)
        choices = zip(groups.items(), best[name].choices, strict=True)
        chosen[name] = {part: [group[i] for i in choice] for (part, group), choice in choices}

    counts = {name: len(labelled) for name, labelled in shapes.items()}
    total = sum(counts.values())
    result = Chosen(
        shapes=total,
        tried=sum(choice.evaluations for choice in best.values()),
        score=sum(best[name].score * count for name, count in counts.items()) / total,
        sentences=chosen,
        weights={name: list(choice.weights) for name, choice in best.items()},
        scores={name: choice.score for name, choice in best.items()},
    )
    origins = [sentences.origin, *(given.origin for given in weights.values())]
    if published:
        origins.append(Origin(published.name, published.note, tuned=True))
    return describe(result, TASK, what, settings, split.reader, extractor.encoder, views, origins)


def published_parts(published: PromptFile, category: str) -> Mapping[str, list[str]]:
    """The published sentences of a category's parts; {} where there are none."""
    by_key = {key_of(name): entry for name, entry in published.entries.items()}
    return by_key.get(key_of(category), {})


def as_problem(kept: "KeptShapes", weights: Tensor, predicted: int, parts: int, settings: CfgNode) -> Segmentation:
    """The shapes of a category as the search library takes them; the first `predicted` of its parts have sentences."""
    return Segmentation(
        [shape.truth for shape in kept.shapes],
        len(weights),
        point_features=lambda view_weights: PointFeatures(kept, view_weights),
        view_logits=lambda texts: [kept.view_logits(i, texts) for i in range(len(kept))],
        parts=parts,
        rule=settings.IOU_RULE,
        fixed=[torch.from_numpy(fixed_parts(shape.visible, predicted, settings.PROTOCOL)) for shape in kept.shapes],
    )


def predicted(sentences: Mapping[str, list[str]], category: str, protocol: str) -> dict[str, list[str]]:
    """The sentences of the parts that can be predicted at all under a protocol."""
    return dict(list(sentences.items())[: predicted_parts(category, len(sentences), protocol)])


def labelled_shapes(reader: BatchReader, extractor: FeatureExtractor, protocol: str) -> dict[str, list[LabelledShape]]:
    """By category the shapes to choose on; their features are in the store afterwards."""
    shapes: dict[str, list[LabelledShape]] = {}
    for batch, seen, _ in seen_batches(reader, extractor):
        for shape, visible in zip(batch.shapes, seen.visible.cpu(), strict=True):
            check_parts_known(shape.name, shape.parts)
            points = torch.from_numpy(shape.points)
            source = nearest_seen(points, visible) if protocol == "standard" else torch.arange(len(points))
            labelled = LabelledShape(shape.points, torch.from_numpy(shape.parts).long(), source, visible.numpy())
            shapes.setdefault(reader.shapes.class_names[shape.label], []).append(labelled)
    return shapes


@dataclass(frozen=True)
class KeptShapes:
    """Shapes whose features are in a store."""

    shapes: list[LabelledShape]
    store: FeatureStore
    device: torch.device
    order: str  # of patch features, see `arranged`

    def __len__(self) -> int:
        return len(self.shapes)

    def point_features(self, i: int, weights: Tensor) -> Tensor:
        """The features of shape i's points at view weights [V]: [N, C] float32."""
        seen, patches = self._load(i)
        return read_points(patches, seen, weights)[0][self.shapes[i].source].cpu()

    def view_logits(self, i: int, texts: Tensor) -> Tensor:
        """The logits of shape i's points in each view by sentences [K, C]: [N, V, K] float32, 0 where not visible."""
        seen, patches = self._load(i)
        logits = part_logits(patches, texts.to(self.device))[0]  # [V, P, K]
        each = SeenPoints(seen.visible[0, :, None], seen.pixel[0, :, None])  # every view as a cloud of its own
        read = read_points(logits[:, None], each, torch.ones(1))  # [V, N, K]
        return read.transpose(0, 1)[self.shapes[i].source].cpu()

    def _load(self, i: int) -> tuple[SeenPoints, Tensor]:
        kept = self.store.load([self.shapes[i].points])
        if kept is None:
            raise InputError("Kept features went missing from the cache during the search; search again.")
        kept = {name: tensor.to(self.device) for name, tensor in kept.items()}
        return SeenPoints(kept["visible"], kept["pixel"].long()), arranged(kept["patches"], self.order).float()


class PointFeatures(Sequence):
    """All shapes' point features at given view weights, held as far as `MOST_BYTES` go, else made when asked for."""

    def __init__(self, kept: KeptShapes, weights: Tensor):
        self.kept, self.weights = kept, weights
        self.held: dict[int, Tensor] = {}
        self.room = MOST_BYTES

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, i: int) -> Tensor:
        if i in self.held:
            return self.held[i]
        if not 0 <= i < len(self):
            raise IndexError(i)
        features = self.kept.point_features(i, self.weights)
        if features.nbytes <= self.room:
            self.held[i] = features
            self.room -= features.nbytes
        return features
