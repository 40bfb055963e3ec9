"""Search for segmentation's sentences and view weights on one split, category by category."""

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
from pointclip.published import published_start
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

MAX_BYTES = 3 << 30  # of point features stored in memory; those of further shapes are computed on demand


@dataclass(frozen=True)
class Split:
    """The data of a search."""

    settings: CfgNode  # DATASET.SPLIT is the split; SEARCH.* define the procedure, PROTOCOL and IOU_RULE the score
    reader: BatchReader


def open_search(settings: CfgNode, args: argparse.Namespace) -> Split:
    """The split given by --search-split."""
    settings = search_settings(settings, args.search_split)
    return Split(settings, open_split(settings, parts_wanted=True))


@dataclass(frozen=True)
class LabelledShape:
    """A shape with labels."""

    points: np.ndarray  # [N, 3], the key of its features in the store
    truth: Tensor  # [N] int64, -1 for unlabelled points
    source: Tensor  # [N] int64, the point whose part each point gets: itself, or its nearest visible one
    visible: np.ndarray  # [V, N] bool


def search_split(
    what: Sequence[str],
    split: Split,
    sentences: PartSentences,
    weights: Mapping[str, ViewWeights],
    extractor: FeatureExtractor,
) -> SearchResult:
    """Extract a split's features and search using its labels.

    Args:
        what: "prompts", "weights" or both.
        sentences: candidates of each category and part; all of them are averaged if prompts are not searched for.
        weights: initial weights [V] of each category. SEARCH.START published starts from the paper's sentences and
            weights instead.
        extractor: with a store, from which the features are read many times.
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
        start, indices = weights[name].values, None
        if published:
            start = published_weights[name].values
            groups, indices = published_start(published_parts(published, name), groups)
        candidates = [features.cpu() for features in extractor.sentence_features(groups)]
        assert extractor.store is not None
        stored = StoredShapes(labelled, extractor.store, extractor.device, settings.FEATURES)
        problem = as_problem(stored, start, len(groups), len(parts), settings)
        best[name] = search(problem, candidates, start, what, settings.SEARCH, views, extractor.progress, indices)
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
    """The published sentences of a category's parts; {} if there are none."""
    by_key = {key_of(name): entry for name, entry in published.entries.items()}
    return by_key.get(key_of(category), {})


def as_problem(stored: "StoredShapes", weights: Tensor, predicted: int, parts: int, settings: CfgNode) -> Segmentation:
    """The search problem of a category; the first `predicted` of its parts have sentences."""
    return Segmentation(
        [shape.truth for shape in stored.shapes],
        len(weights),
        point_features=lambda view_weights: PointFeatures(stored, view_weights),
        view_logits=lambda texts: [stored.view_logits(i, texts) for i in range(len(stored))],
        parts=parts,
        rule=settings.IOU_RULE,
        fixed=[torch.from_numpy(fixed_parts(shape.visible, predicted, settings.PROTOCOL)) for shape in stored.shapes],
    )


def predicted(sentences: Mapping[str, list[str]], category: str, protocol: str) -> dict[str, list[str]]:
    """The sentences of the parts that can be predicted at all under a protocol."""
    return dict(list(sentences.items())[: predicted_parts(category, len(sentences), protocol)])


def labelled_shapes(reader: BatchReader, extractor: FeatureExtractor, protocol: str) -> dict[str, list[LabelledShape]]:
    """The shapes to search on, by category; their features are in the store afterwards."""
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
class StoredShapes:
    """Shapes with features in a store."""

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
        each = SeenPoints(seen.visible[0, :, None], seen.pixel[0, :, None])  # each view as a separate cloud
        read = read_points(logits[:, None], each, torch.ones(1))  # [V, N, K]
        return read.transpose(0, 1)[self.shapes[i].source].cpu()

    def _load(self, i: int) -> tuple[SeenPoints, Tensor]:
        stored = self.store.load([self.shapes[i].points])
        if stored is None:
            raise InputError("Features were removed from the cache during the search; search again.")
        stored = {name: tensor.to(self.device) for name, tensor in stored.items()}
        return SeenPoints(stored["visible"], stored["pixel"].long()), arranged(stored["patches"], self.order).float()


class PointFeatures(Sequence[Tensor]):
    """All shapes' point features at given view weights, in memory up to `MAX_BYTES`, otherwise computed on demand."""

    def __init__(self, stored: StoredShapes, weights: Tensor):
        self.kept, self.weights = stored, weights
        self.held: dict[int, Tensor] = {}
        self.room = MAX_BYTES

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, i: int) -> Tensor:  # type: ignore[override]  # no slices
        if i in self.held:
            return self.held[i]
        if not 0 <= i < len(self):
            raise IndexError(i)
        features = self.kept.point_features(i, self.weights)
        if features.nbytes <= self.room:
            self.held[i] = features
            self.room -= features.nbytes
        return features
