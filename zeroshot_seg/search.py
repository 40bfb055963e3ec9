"""Choosing segmentation's sentences and view weights by the labels of one split, category by category."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from yacs.config import CfgNode

from pointclip.datasets.batches import BatchReader, check_parts_known
from pointclip.encoder import Encoder
from pointclip.errors import InputError
from pointclip.features.extractor import sentence_features
from pointclip.features.store import FeatureStore
from pointclip.search import Segmentation, search
from pointclip.search.result import Searched, outcome
from zeroshot_seg.evaluate import TASK, predicted_parts, seen_batches
from zeroshot_seg.projections import views_of
from zeroshot_seg.realistic_projection import RealisticProjection, SeenPoints
from zeroshot_seg.segmenter import nearest_seen, part_logits, read_points

MOST_BYTES = 3 << 30  # of points' features that are held at once; those of further shapes are made when asked for


@dataclass(frozen=True)
class Labelled:
    """A shape to choose on."""

    points: np.ndarray  # [N, 3], by which the store finds its features
    truth: Tensor  # [N] int64, -1 where a point's part is not known
    source: Tensor  # [N] int64, the point that each point is labelled like: itself, or its nearest seen one


def search_split(
    what: Sequence[str],
    reader: BatchReader,
    sentences: Mapping[str, Mapping[str, list[str]]],
    weights: Mapping[str, Tensor],
    *,
    settings: CfgNode,
    projection: RealisticProjection,
    encoder: Encoder,
    store: FeatureStore,
    progress: bool = True,
) -> Searched:
    """Extract a split's features and choose on its labels.

    Args:
        what: "prompts", "weights" or both.
        reader: of the split's shapes.
        sentences: for each category and part its candidates; where prompts are not sought, all of them averaged.
        weights: for each category [V], to begin with.
        store: keeps the features; they are read from there again and again.
        settings: DATASET.SPLIT is the split to choose on, PROJECTION.VIEWS are those of `weights`, SEARCH says how,
            PROTOCOL and IOU_RULE what is scored.
    """
    views, _ = views_of(settings)
    shapes = labelled_shapes(reader, projection, encoder, store, settings.PROTOCOL, progress)
    found, chosen = {}, {}
    for number, (name, own) in enumerate(shapes.items(), start=1):
        if progress:
            print(f"search {number}/{len(shapes)}: {name}, {len(own)} shapes", flush=True)
        groups = predicted(sentences[name], name, settings.PROTOCOL)
        candidates = [part.cpu() for part in sentence_features(groups, encoder, progress, store)]
        kept = KeptShapes(own, store, encoder.device)
        problem = Segmentation(
            [shape.truth for shape in own],
            len(weights[name]),
            point_features=lambda view_weights, kept=kept: PointFeatures(kept, view_weights),
            view_logits=lambda texts, kept=kept: [kept.view_logits(i, texts) for i in range(len(kept))],
            parts=len(sentences[name]),
            rule=settings.IOU_RULE,
        )
        found[name] = search(problem, candidates, weights[name], what, settings.SEARCH, views, progress)
        choices = zip(groups.items(), found[name].choices, strict=True)
        chosen[name] = {part: [group[i] for i in choice] for (part, group), choice in choices}

    counts = {name: len(own) for name, own in shapes.items()}
    return outcome(
        TASK,
        what,
        settings,
        reader,
        encoder,
        views,
        shapes=sum(counts.values()),
        tried=sum(own.evaluations for own in found.values()),
        score=sum(found[name].score * count for name, count in counts.items()) / sum(counts.values()),
        sentences=chosen,
        weights={name: list(own.weights) for name, own in found.items()},
        scores={name: own.score for name, own in found.items()},
    )


def predicted(sentences: Mapping[str, list[str]], category: str, protocol: str) -> dict[str, list[str]]:
    """The sentences of the parts that can be predicted at all under a protocol."""
    return dict(list(sentences.items())[: predicted_parts(category, len(sentences), protocol)])


def labelled_shapes(
    reader: BatchReader,
    projection: RealisticProjection,
    encoder: Encoder,
    store: FeatureStore,
    protocol: str,
    progress: bool,
) -> dict[str, list[Labelled]]:
    """By category the shapes to choose on; their features are in the store afterwards."""
    shapes: dict[str, list[Labelled]] = {}
    for batch, seen, _ in seen_batches(reader, projection, encoder, progress, store):
        for shape, visible in zip(batch.shapes, seen.visible.cpu(), strict=True):
            check_parts_known(shape.name, shape.parts)
            points = torch.from_numpy(shape.points)
            source = nearest_seen(points, visible) if protocol == "standard" else torch.arange(len(points))
            own = Labelled(shape.points, torch.from_numpy(shape.parts).long(), source)
            shapes.setdefault(reader.shapes.class_names[shape.label], []).append(own)
    return shapes


@dataclass(frozen=True)
class KeptShapes:
    """Shapes whose features are in a store."""

    shapes: list[Labelled]
    store: FeatureStore
    device: torch.device

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
            raise InputError("Features went missing from the folder of kept ones during the search; search again.")
        kept = {name: tensor.to(self.device) for name, tensor in kept.items()}
        return SeenPoints(kept["visible"], kept["pixel"].long()), kept["patches"].float()


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
