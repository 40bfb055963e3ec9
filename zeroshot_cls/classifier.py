"""Zero-shot classification: view features against class features, weighted by view."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pointclip.datasets.batches import BatchReader
from pointclip.features import FeatureExtractor

TASK = "zero-shot classification"


@dataclass(frozen=True)
class Features:
    """What CLIP makes of a data set: all that scoring needs."""

    views: Tensor  # [n, V, C] float32 on the CPU, unit length
    labels: Tensor  # [n] int64, -1 where it is not known
    names: list[str]
    indices: list[int]  # places in the data set


def extract_features(reader: BatchReader, extractor: FeatureExtractor) -> Features:
    """Project and encode every shape that the reader gives; the next batch is projected while one is encoded."""
    views, shapes, indices = [], [], []
    for batch, features in extractor.view_features(reader):
        views.append(features.cpu())
        shapes += [(shape.label, shape.name) for shape in batch.shapes]
        indices += batch.indices
    labels, names = zip(*shapes, strict=True)
    return Features(torch.cat(views), torch.tensor(labels), list(names), indices)


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
