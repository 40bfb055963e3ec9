"""Zero-shot classification: view features against class features, weighted by view."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pointclip.datasets.batches import BatchReader
from pointclip.features import FeatureExtractor

TASK = "zero-shot classification"
TOP = 5  # classes reported per shape


@dataclass(frozen=True)
class Features:
    """The view features of a data set, with labels."""

    views: Tensor  # [n, V, C] float32 on the CPU
    labels: Tensor  # [n] int64, -1 if unknown
    names: list[str]
    indices: list[int]  # indices in the data set


@torch.no_grad()
def extract_features(reader: BatchReader, extractor: FeatureExtractor, unit: bool = True) -> Features:
    """Project and encode all shapes of the reader; the next batch is projected while one is encoded.

    Args:
        unit: whether features have unit length, or are as CLIP returns them.
    """
    views, shapes, indices = torch.empty(0), list[tuple[int, str]](), list[int]()
    for batch, features in extractor.view_features(reader, unit):
        if not shapes:  # allocated once: rows kept one by one would fragment the heap
            views = torch.empty(reader.total, *features.shape[1:])
        views[len(shapes) : len(shapes) + len(features)] = features.cpu()
        shapes += [(shape.label, shape.name) for shape in batch.shapes]
        indices += batch.indices
    labels, names = zip(*shapes, strict=True)
    return Features(views[: len(shapes)], torch.tensor(labels), list(names), indices)


@dataclass(frozen=True)
class Answers:
    """Predictions for shapes, of the same small size per shape for any number of classes."""

    labels: np.ndarray  # [n] int64, -1 if unknown
    names: list[str]
    indices: list[int]  # indices in the data set
    top: np.ndarray  # [n, T] int64, the most probable classes, best first
    probabilities: np.ndarray  # [n, T] float32, their probabilities
    margins: np.ndarray  # [n] float32, margin of the first over the second in mean cosine; NaN for a single class


def classify(
    reader: BatchReader, extractor: FeatureExtractor, classes: Tensor, weights: Tensor, temperature: float = 1.0
) -> Answers:
    """Classify all shapes of the reader, without keeping their features.

    Args:
        classes: [K, C], unit features of the classes' sentences.
        weights: [V], view weights.
        temperature: by which the logits are divided before the softmax; see `zeroshot_cls.calibration`.
    """
    labels, names, indices, top, probabilities, margins = [], [], [], [], [], []
    for batch, views in extractor.view_features(reader):
        logits = view_weighted_logits(views, classes, weights)
        best, shares = top_classes(logits / temperature)
        top += best.tolist()  # numbers, since small arrays between large ones that are freed fragment the heap
        probabilities += shares.tolist()
        margins += cosine_margins(logits, views.shape[1]).tolist()
        labels += [shape.label for shape in batch.shapes]
        names += [shape.name for shape in batch.shapes]
        indices += batch.indices
    probabilities, margins = (np.array(numbers, np.float32) for numbers in (probabilities, margins))
    return Answers(np.array(labels), names, indices, np.array(top, np.int64), probabilities, margins)


def top_classes(logits: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The `TOP` most probable classes of logits [n, K] and their probabilities, [n, T] each; ties go to the first."""
    shares = logits.softmax(1).cpu().numpy()
    best = np.argsort(-shares, axis=1, kind="stable")[:, :TOP].copy()  # a view would keep all K
    return best, np.take_along_axis(shares, best, 1)


def cosine_margins(logits: Tensor, views: int) -> np.ndarray:
    """The margin of the best class in mean cosine: logits [n, K] over `views` -> [n], NaN for a single class."""
    if logits.shape[1] < 2:
        return np.full(len(logits), np.nan, np.float32)
    best = logits.topk(2, 1).values
    return ((best[:, 0] - best[:, 1]) / (100 * views**0.5)).cpu().numpy()


def view_weighted_logits(views: Tensor, classes: Tensor, weights: Tensor) -> Tensor:
    """logit_k = 100 / √V · Σ_v w_v (f_v · t_k), as in the published code.

    Args:
        views: [n, V, C], unit features of the views.
        classes: [K, C], unit features of the classes' sentences.
        weights: [V].

    Returns:
        [n, K] logits, whose softmax over K are the class probabilities.
    """
    pooled = torch.einsum("nvc,v->nc", views, weights.to(views))  # linear, so the views are summed first
    return 100 / views.shape[1] ** 0.5 * pooled @ classes.to(views).T
