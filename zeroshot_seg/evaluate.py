"""From a reader of shapes to labelled points and their scores."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pointclip import metrics
from pointclip.datasets.base import Shape
from pointclip.datasets.batches import Batch, BatchReader, check_parts_known
from pointclip.encoder import Encoder
from pointclip.errors import InputError
from pointclip.features.extractor import encode_view_patches, encoded_batches
from pointclip.features.store import FeatureStore
from zeroshot_seg.realistic_projection import ProjectedPoints, RealisticProjection, SeenPoints
from zeroshot_seg.segmenter import nearest_seen, part_logits, read_points

TASK = "zero-shot part segmentation"
PROTOCOLS = ("standard", "published")
PUBLISHED_LAMP_PARTS = 2  # the published prompts name the first two of lamp's four; the others are never predicted


def check_rules(protocol: str, iou_rule: str) -> None:
    """Raise an InputError for a PROTOCOL or an IOU_RULE that is not known."""
    for name, value, known in (("PROTOCOL", protocol, PROTOCOLS), ("IOU_RULE", iou_rule, metrics.IOU_RULES)):
        if value not in known:
            raise InputError(f"{name} is {value!r}; {' or '.join(known)} was expected.")


@dataclass(frozen=True)
class Category:
    """What is needed to segment the shapes of one category."""

    parts: tuple[str, ...]
    features: Tensor  # [P, C], unit features of the parts' sentences
    weights: Tensor  # [V], view weights


@dataclass(frozen=True)
class Segmented:
    """One shape with its labelled points."""

    index: int  # place in the data set
    name: str
    category: str
    labels: np.ndarray  # [N] int16, index into the category's parts
    truth: np.ndarray | None  # [N] int16, -1 where a point's part is not known
    unseen: int  # points that no view sees


def segment(
    reader: BatchReader,
    projection: RealisticProjection,
    encoder: Encoder,
    categories: Mapping[str, Category],
    protocol: str = "standard",
    progress: bool = True,
    store: FeatureStore | None = None,
) -> list[Segmented]:
    """Label the points of every shape that the reader gives.

    Args:
        categories: for every class name of the data set.
        protocol: "standard", or "published" for two habits of the published evaluation: lamp's last two parts are
            never predicted, and points that no view sees get the first part instead of their neighbour's.
        store: keeps the features for later runs, and gives those that earlier ones kept; None does neither.
    """
    results = []
    for batch, seen, patches in seen_batches(reader, projection, encoder, progress, store):
        results += label_batch(batch, seen, patches, reader.shapes.class_names, categories, protocol)
    return results


def seen_batches(
    reader: BatchReader,
    projection: RealisticProjection,
    encoder: Encoder,
    progress: bool = True,
    store: FeatureStore | None = None,
) -> Iterator[tuple[Batch, SeenPoints, Tensor]]:
    """Yield every batch with where its points are seen, and the patches' unit features [B, V, P, C].

    Features come in half precision, from CLIP as from the store, so that both give the same labels: a shape takes 2 MB.
    """

    def encode(seen: ProjectedPoints) -> dict[str, Tensor]:
        patches = encode_view_patches(seen.images, encoder).half()
        return {"patches": patches, "visible": seen.visible, "pixel": seen.pixel.short()}

    for batch, kept in encoded_batches(reader, projection, encode, encoder, progress, store):
        yield batch, SeenPoints(kept["visible"], kept["pixel"].long()), kept["patches"]


def label_batch(
    batch: Batch,
    seen: SeenPoints,
    patches: Tensor,
    names: Sequence[str],
    categories: Mapping[str, Category],
    protocol: str = "standard",
) -> list[Segmented]:
    """Label the points of one batch from its patch features [B, V, P, C]; `names` are the data set's classes."""
    results = []
    for b, (shape, index) in enumerate(zip(batch.shapes, batch.indices, strict=True)):
        name = names[max(shape.label, 0)]  # own shapes have no label, and one category
        own = SeenPoints(seen.visible[b, None], seen.pixel[b, None])
        logits = part_logits(patches[b, None].float(), categories[name].features)  # [1, V, P, parts]
        logits = read_points(logits, own, categories[name].weights)[0]  # [N, parts]
        labels = label_points(shape, name, logits, seen.visible[b], protocol)
        truth = None if shape.parts is None else shape.parts.astype(np.int16)
        unseen = int((~seen.visible[b].any(0)).sum())
        results.append(Segmented(index, shape.name, name, labels.astype(np.int16), truth, unseen))
    return results


def label_points(shape: Shape, name: str, logits: Tensor, visible: Tensor, protocol: str) -> np.ndarray:
    """Labels of a shape's points [N] from their logits [N, parts]."""
    labels = logits[:, : predicted_parts(name, logits.shape[1], protocol)].argmax(1)
    if protocol == "standard":
        labels = labels[nearest_seen(torch.from_numpy(shape.points).to(labels.device), visible)]
    return labels.cpu().numpy()


def predicted_parts(category: str, parts: int, protocol: str) -> int:
    """How many of a category's parts can be predicted: all, or under the published protocol lamp's first two."""
    return PUBLISHED_LAMP_PARTS if protocol == "published" and category == "lamp" else parts


@dataclass(frozen=True)
class Scores:
    """IoU in percent, per shape, of the prediction and of two guesses that look at nothing."""

    own: np.ndarray  # [n]
    largest: np.ndarray  # [n], every point labelled as its category's largest part (known from the truth)
    chance: np.ndarray  # [n], every point labelled at random


def score(results: list[Segmented], parts: Mapping[str, tuple[str, ...]], rule: str, seed: int) -> Scores:
    """Score segmented shapes of known truth; `rule` as in `pointclip.metrics.shape_iou`."""
    for result in results:
        check_parts_known(result.name, result.truth)
    rng = np.random.default_rng(seed)
    points = {name: np.zeros(len(own), int) for name, own in parts.items()}
    for result in results:
        points[result.category] += np.bincount(result.truth[result.truth >= 0], minlength=len(parts[result.category]))
    rows = []
    for result in results:
        count = len(parts[result.category])
        guesses = (
            result.labels,
            np.full_like(result.labels, points[result.category].argmax()),
            rng.integers(count, size=len(result.labels)),
        )
        ious = [metrics.part_ious(result.truth.astype(int), guess.astype(int), count) for guess in guesses]
        rows.append([metrics.shape_iou(iou, rule) for iou in ious])
    return Scores(*np.array(rows).T)
