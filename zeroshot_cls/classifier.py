"""Zero-shot classification: view features against class features, weighted by view."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pointclip.datasets.batches import BatchReader
from pointclip.encoder import Encoder
from pointclip.features.extractor import encode_views, encoded_batches
from pointclip.features.store import FeatureStore

TASK = "zero-shot classification"


@dataclass(frozen=True)
class Features:
    """What CLIP makes of a data set: all that scoring needs."""

    views: Tensor  # [n, V, C] float32 on the CPU, unit length
    labels: Tensor  # [n] int64, -1 where it is not known
    names: list[str]
    indices: list[int]  # places in the data set


def extract_features(
    reader: BatchReader,
    projection: nn.Module,
    encoder: Encoder,
    progress: bool = True,
    store: FeatureStore | None = None,
) -> Features:
    """Project and encode every shape that the reader gives; the next batch is projected while one is encoded.

    Args:
        projection: points [B, N, 3] -> images [B, V, 3, H, W].
        store: keeps the features for later runs, and gives those that earlier ones kept; None does neither.
    """
    views, shapes, indices = [], [], []

    def encode(images: Tensor) -> dict[str, Tensor]:
        return {"views": encode_views(images, encoder)}

    for batch, features in encoded_batches(reader, projection, encode, encoder, progress, store):
        views.append(features["views"].cpu())
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
