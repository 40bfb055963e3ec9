"""From a reader of shapes to labelled points."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pointclip.datasets import ShapeFiles
from pointclip.datasets.base import Shape
from pointclip.datasets.batches import Batch, BatchReader
from pointclip.datasets.shape_files.labelling import FileLabels, labels_in_file, labels_of_cloud
from pointclip.encoder import Encoder
from pointclip.features import FeatureExtractor
from pointclip.features.store import Forms
from pointclip.view_weights import ViewWeights
from zeroshot_seg.protocol import fixed_parts, predicted_parts
from zeroshot_seg.realistic_projection import ProjectedPoints, SeenPoints
from zeroshot_seg.segmenter import arranged, check_grid, nearest_seen, part_logits, read_points

TASK = "zero-shot part segmentation"
# Devices on which shapes are labelled one by one. On a GPU the shapes of a category are labelled together, since a
# single one does not keep it busy. On a CPU that gains nothing, and a shape's labels would depend on its batch, since
# products of other sizes are rounded differently.
ONE_BY_ONE = ("cpu",)
SLOW = 500_000  # points from which labelling a shape is slow and shows a progress bar


@dataclass(frozen=True)
class Category:
    """Part features and view weights of one category."""

    parts: tuple[str, ...]
    features: Tensor  # [P, C], unit features of the parts' sentences
    weights: Tensor  # [V], view weights


def make_categories(
    parts: Mapping[str, tuple[str, ...]], features: Tensor, weights: Mapping[str, ViewWeights]
) -> dict[str, Category]:
    """The categories, from the features [total parts, C] of all their parts in order."""
    groups = features.split([len(names) for names in parts.values()])
    return {
        name: Category(parts[name], group, weights[name].values.to(features.device))
        for name, group in zip(parts, groups, strict=True)
    }


def category_features(extractor: FeatureExtractor, categories: Sequence[str]) -> Tensor:
    """The unit features [K, C] of categories as a whole, by which a shape's up axis and pose are found."""
    return extractor.class_features({category: [f"a depth map of a {category}."] for category in categories})


@dataclass(frozen=True)
class Segmented:
    """One shape with its labelled points."""

    index: int  # index in the data set
    name: str
    category: str
    labels: np.ndarray  # [N] int16, index into the category's parts
    truth: np.ndarray | None  # [N] int16, -1 for unlabelled points
    unseen: int  # points that no view sees


def check_encoder(encoder: Encoder, order: str) -> None:
    """Raise an InputError, before any shape is read, for an encoder whose patches cannot be arranged in this order."""
    if order != "in_order":
        blank = torch.ones(1, 3, encoder.image_size, encoder.image_size)
        check_grid(encoder.encode_patches(blank).shape[1], order)


def segment(
    reader: BatchReader,
    extractor: FeatureExtractor,
    categories: Mapping[str, Category],
    protocol: str = "standard",
    order: str = "in_order",
) -> list[Segmented]:
    """Label the points of all shapes of the reader.

    Args:
        categories: one for every class name of the data set.
        protocol: "standard", or "published" for two peculiarities of the published evaluation: lamp's last two parts
            are never predicted, and points that no view sees get a fixed part (`protocol.PUBLISHED_UNSEEN`) instead of
            that of their nearest visible neighbour.
        order: how a patch's feature is read; see `segmenter.arranged`.
    """
    shapes = []
    for batch, seen, patches in seen_batches(reader, extractor):
        names, progress = reader.shapes.class_names, extractor.progress and batch.points.shape[1] >= SLOW
        shapes += label_batch(batch, seen, arranged(patches, order), names, categories, protocol, progress)
    return shapes


def seen_batches(reader: BatchReader, extractor: FeatureExtractor) -> Iterator[tuple[Batch, SeenPoints, Tensor]]:
    """Yield every batch with the pixels and visibility of its points, and the patches' unit features [B, V, P, C].

    Features are in half precision, whether computed or cached, so that both give the same labels: 2 MB per shape.
    """

    def encode(seen: ProjectedPoints) -> dict[str, Tensor]:
        patches = extractor.encode_view_patches(seen.images).half()
        return {"patches": patches, "visible": seen.visible, "pixel": seen.pixel.short()}

    def forms(points: int) -> Forms:
        where = {"visible": (torch.bool, (None, points)), "pixel": (torch.int16, (None, points, 2))}
        return {"patches": (torch.float16, (None, None, None)), **where}

    for batch, features in extractor.batches(reader, encode, forms):
        yield batch, SeenPoints(features["visible"], features["pixel"]), features["patches"]


def label_batch(
    batch: Batch,
    seen: SeenPoints,
    patches: Tensor,
    names: Sequence[str],
    categories: Mapping[str, Category],
    protocol: str = "standard",
    progress: bool = False,
) -> list[Segmented]:
    """Label the points of one batch from its patch features [B, V, P, C]; `names` are the data set's classes."""
    segmented: dict[int, Segmented] = {}
    for name, group in _groups(batch, names, patches.device):
        category, visible = categories[name], seen.visible[group]
        logits = part_logits(patches[group].float(), category.features)  # [G, V, P, parts]
        logits = read_points(logits, SeenPoints(visible, seen.pixel[group]), category.weights, progress=progress)
        for b, of_points, views in zip(group, logits.cpu(), visible.cpu(), strict=True):
            shape = batch.shapes[b]
            labels = label_points(shape, name, of_points, views, protocol, progress)
            truth = None if shape.parts is None else shape.parts.astype(np.int16)
            unseen = int((~views.any(0)).sum())
            segmented[b] = Segmented(batch.indices[b], shape.name, name, labels.astype(np.int16), truth, unseen)
    return [segmented[b] for b in range(len(segmented))]


def _groups(batch: Batch, names: Sequence[str], device: torch.device) -> list[tuple[str, list[int]]]:
    """Categories with the indices of their shapes in the batch; on a device in `ONE_BY_ONE`, one group per shape."""
    categories = [names[max(shape.label, 0)] for shape in batch.shapes]  # own shapes have no label, and one category
    if device.type in ONE_BY_ONE:
        return [(name, [b]) for b, name in enumerate(categories)]
    return [(name, [b for b, other in enumerate(categories) if other == name]) for name in dict.fromkeys(categories)]


def label_points(
    shape: Shape, name: str, logits: Tensor, visible: Tensor, protocol: str, progress: bool = False
) -> np.ndarray:
    """Labels of a shape's points [N] from their logits [N, parts] and visibility [V, N], on the CPU."""
    count = predicted_parts(name, logits.shape[1], protocol)
    labels = logits[:, :count].argmax(1)
    if protocol == "standard":
        labels = labels[nearest_seen(torch.from_numpy(shape.points), visible, progress)]
    labels, fixed = labels.numpy(), fixed_parts(visible.numpy(), count, protocol)
    return np.where(fixed < 0, labels, fixed)


def file_labels(shapes: ShapeFiles, segmented: Segmented, count: int) -> FileLabels:
    """The labels of all points and triangles of a shape's file; the file is read again unless it has no others.

    Args:
        count: the number of parts.
    """
    if shapes.is_whole(segmented.index):
        return labels_of_cloud(segmented.labels, count)
    return labels_in_file(shapes.taken(segmented.index), segmented.labels, count)
