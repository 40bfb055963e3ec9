"""Classification of boxes: crops of scenes as shapes, and class probabilities from their views."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor
from yacs.config import CfgNode

from pointclip.datasets.axes import to_y_up
from pointclip.datasets.base import Shape
from pointclip.datasets.batches import BatchReader, usual_batch_size
from pointclip.features import FeatureExtractor
from zeroshot_cls.classifier import view_weighted_logits
from zeroshot_det.boxes import in_box_axes, inside
from zeroshot_det.detector import Detections, detect
from zeroshot_det.proposals.scene_proposals import SceneProposals
from zeroshot_det.scenes.opening import PreparedScenes


def crop(points: np.ndarray, box: np.ndarray, margin: float, count: int, seed: int = 0) -> np.ndarray:
    """The points in a box, in the box's frame with y up.

    A box's heading is only known up to quarter turns, which merely permute the views of a projection whose views are
    placed at quarter turns.

    Args:
        points: [N, 3], z up.
        box: [7].
        margin: metres around the box that are included.
        count: how many points to return: a random subset if there are more; if fewer, points are repeated, which does
            not change any depth map.

    Returns:
        [count, 3] float32, y up, in the unit sphere; [0, 3] when the box is empty.
    """
    inner = points[inside(points, box, margin)]
    if not len(inner):
        return np.zeros((0, 3), np.float32)
    rng = np.random.default_rng(seed)
    repeated = len(inner) <= count
    chosen = np.arange(count) % len(inner) if repeated else rng.choice(len(inner), count, replace=False)
    points = to_y_up(in_box_axes(inner[chosen], box), "z")
    points -= (points.max(0) + points.min(0)) / 2  # PointCLIP V1's projection needs the unit sphere, V2's does not
    return (points / max(np.linalg.norm(points, axis=1).max(), 1e-12)).astype(np.float32)


class Crops:
    """The boxes of all scenes as a data set of shapes, scene by scene, so that batches can span boxes and scenes.

    Args:
        scenes: the scenes; each is read again for its first box.
        proposed: the boxes of each.
        margin: as for `crop`, of a room; divided by a small scan's enlargement.
        count: as for `crop`.
    """

    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - no parts, but the protocol asks for a dict

    def __init__(self, scenes: PreparedScenes, proposed: Sequence[SceneProposals], margin: float, count: int):
        self.scenes, self.margin, self.count = scenes, margin, count
        self.class_names = scenes.class_names
        self.boxes = [
            (entry.scene_index, number, box) for entry in proposed for number, box in enumerate(entry.proposals.boxes)
        ]
        self.enlargements = {entry.scene_index: entry.enlargement for entry in proposed}
        self.proposed, self.counts = proposed, [len(entry.proposals) for entry in proposed]
        self.labels = np.full(len(self.boxes), -1)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: int) -> Shape:
        scene_index, number, box = self.boxes[index]
        margin = self.margin / self.enlargements[scene_index]
        points = crop(self.scenes[scene_index].points, box, margin, self.count)
        return Shape(points, -1, f"{self.scenes.names[scene_index]}, box {number}")

    def by_scene(self, rows: np.ndarray) -> list[np.ndarray]:
        """Rows of all boxes, [n, …], split by scene, in the order of `proposed`."""
        return np.split(rows, np.cumsum(self.counts)[:-1])


def classify_crops(
    reader: BatchReader, extractor: FeatureExtractor, classes: Tensor, weights: Tensor, logits: str, class_count: int
) -> np.ndarray:
    """Class probabilities of every crop of the reader; features are dropped after each batch.

    Args:
        reader: of `Crops`.
        classes, weights, logits, class_count: as for `class_probabilities`.

    Returns:
        [n, K] float64; a crop that cannot be read has probability 0 for every class.
    """
    probabilities = np.zeros((reader.total, class_count))
    if not reader.total:  # no box was proposed
        return probabilities
    for batch, views in extractor.view_features(reader):
        probabilities[batch.indices] = class_probabilities(views, classes, weights, logits, class_count)
    return probabilities


def open_crops(
    scenes: PreparedScenes, proposed: Sequence[SceneProposals], settings: CfgNode, device: torch.device
) -> BatchReader:
    """A reader of the scenes' boxes, by the settings CROPS; a box that cannot be read is passed over."""
    crops = Crops(scenes, proposed, settings.CROPS.MARGIN, settings.CROPS.NUM_POINTS)
    return BatchReader(crops, settings.BATCH_SIZE or usual_batch_size(device), "skip")


def detect_in_crops(
    reader: BatchReader,
    extractor: FeatureExtractor,
    classes: Tensor,
    weights: Tensor,
    extents: Mapping[str, Sequence[float]],
    settings: CfgNode,
) -> list[Detections]:
    """The detections of each scene, by the settings CLASSIFIER and NMS.

    Args:
        reader: see `open_crops`.
        classes, weights: as for `class_probabilities`.
        extents: see `size_filter.read_extents`.
    """
    crops, c, overlap = cast(Crops, reader.shapes), settings.CLASSIFIER, settings.NMS.IOU_THRESHOLD
    names, unnamed = crops.class_names, crops.scenes.keeps_unnamed
    probabilities = classify_crops(reader, extractor, classes, weights, c.LOGITS, len(names))  # [boxes, K]
    return [
        detect(entry.proposals, of_scene, names, extents, c.SIZE_FILTER, overlap, unnamed)
        for entry, of_scene in zip(crops.proposed, crops.by_scene(probabilities), strict=True)
    ]


def class_probabilities(views: Tensor, classes: Tensor, weights: Tensor, logits: str, class_count: int) -> np.ndarray:
    """Class probabilities of each box.

    Args:
        views: [n, V, C] unit view features.
        classes: [K + more, C] unit features of the classes, followed by those that together mean "none of these".
        weights: [V] view weights.
        logits: "mean" for 100 × the weighted mean cosine of the views, "published" for classification's logits.
        class_count: K.

    Returns:
        [n, K] float64; rows sum to 1 without "none of these", and to less with it.
    """
    if logits == "mean":
        weights = weights * (views.shape[1] ** 0.5 / weights.abs().sum())
    probabilities = view_weighted_logits(views, classes, weights).cpu().double().softmax(1)
    return probabilities[:, :class_count].numpy()
