"""Reading boxes: crops of scenes as shapes, and what their views say about the classes."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from pointclip.datasets.axes import to_y_up
from pointclip.datasets.base import Shape
from pointclip.datasets.batches import BatchReader
from pointclip.features import FeatureExtractor
from zeroshot_cls.classifier import view_weighted_logits
from zeroshot_det.boxes import in_box_axes, inside
from zeroshot_det.proposals.opening import Proposed
from zeroshot_det.scenes.opening import PreparedScenes


def crop(points: np.ndarray, box: np.ndarray, margin: float, most: int, seed: int = 0) -> np.ndarray:
    """The points in a box, in the box's own axes turned to y up.

    A box's heading is only known up to quarter turns, which merely permute the views of a projection whose views go
    round by quarters.

    Args:
        points: [N, 3], z up.
        box: [7].
        margin: metres around the box that belong to it.
        most: how many points to return; of more, a random subset, of fewer, some come again, which changes no depth
            map.

    Returns:
        [most, 3] float32, y up, in the unit sphere; [0, 3] when the box is empty.
    """
    found = points[inside(points, box, margin)]
    if not len(found):
        return np.zeros((0, 3), np.float32)
    rng = np.random.default_rng(seed)
    chosen = np.arange(most) % len(found) if len(found) <= most else rng.choice(len(found), most, replace=False)
    points = to_y_up(in_box_axes(found[chosen], box), "z")
    points -= (points.max(0) + points.min(0)) / 2  # PointCLIP V1's projection wants the unit sphere, V2's does not mind
    return (points / max(np.linalg.norm(points, axis=1).max(), 1e-12)).astype(np.float32)


class Crops:
    """The boxes of all scenes as a set of shapes, scene after scene, so that batches go across boxes and scenes.

    Args:
        scenes: the scenes; one is read again when its first box is.
        proposed: the boxes of each.
        margin, most: as for `crop`.
    """

    part_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - it has none, and the protocol asks for a dict

    def __init__(self, scenes: PreparedScenes, proposed: Sequence[Proposed], margin: float, most: int):
        self.scenes, self.margin, self.most = scenes, margin, most
        self.class_names = scenes.class_names
        self.boxes = [(own.place, number, box) for own in proposed for number, box in enumerate(own.proposals.boxes)]
        self.counts = [len(own.proposals) for own in proposed]
        self.labels = np.full(len(self.boxes), -1)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: int) -> Shape:
        place, number, box = self.boxes[index]
        points = crop(self.scenes[place].points, box, self.margin, self.most)
        return Shape(points, -1, f"{self.scenes.names[place]}, box {number}")

    def by_scene(self, rows: np.ndarray) -> list[np.ndarray]:
        """Rows of all boxes, [n, …], apart by scene, in the order of `proposed`."""
        return np.split(rows, np.cumsum(self.counts)[:-1])


def read_boxes(
    reader: BatchReader, extractor: FeatureExtractor, classes: Tensor, weights: Tensor, logits: str, wanted: int
) -> np.ndarray:
    """How likely each crop that the reader gives is of each class; features live no longer than their batch.

    Args:
        reader: of `Crops`.
        classes, weights, logits, wanted: as for `class_probabilities`.

    Returns:
        [n, K] float64; a crop that cannot be read has probability 0 of every class.
    """
    probabilities = np.zeros((reader.total, wanted))
    for batch, views in extractor.view_features(reader):
        probabilities[batch.indices] = class_probabilities(views, classes, weights, logits, wanted)
    return probabilities


def class_probabilities(views: Tensor, classes: Tensor, weights: Tensor, logits: str, wanted: int) -> np.ndarray:
    """How likely each box is of each class.

    Args:
        views: [n, V, C] unit features of the views.
        classes: [K + more, C] unit features of the classes, and behind them those that together are "none of these".
        weights: [V] view weights.
        logits: "mean" for 100 × the weighted mean of the views' cosines, "published" for classification's logits.
        wanted: K.

    Returns:
        [n, K] float64; rows sum to 1 where there is no "none of these", else to less.
    """
    if logits == "mean":
        weights = weights * (views.shape[1] ** 0.5 / weights.abs().sum())
    probabilities = view_weighted_logits(views, classes, weights).cpu().double().softmax(1)
    return probabilities[:, :wanted].numpy()
