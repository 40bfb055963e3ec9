"""The setting POSE: each shape is read in several poses by few views, and stands in the surest one."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from pointclip.datasets import ShapeFiles, ShapeSet
from pointclip.datasets.batches import Batch, BatchReader
from pointclip.datasets.posed import Posed, poses_of
from pointclip.encoder import projection_device
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor

SCREENING = (6, 7)  # views that compare poses: two sides at a right angle, of the ten
SHARPNESS = 10.0  # factor of cosines before the softmax: with CLIP's 100 every pose looks sure


def in_surest_poses(
    reader: BatchReader, how: str, extractor: FeatureExtractor, classes: Tensor, weights: Tensor
) -> BatchReader:
    """A reader of the same shapes in the poses that are read most surely; see `pointclip.datasets.posed.poses_of`.

    A pose's sureness is the entropy of the classes' probabilities, the softmax of SHARPNESS times the mean cosine over
    the screening views. All shapes are read once for it.

    Args:
        how: POSE; "default" and "as_is" leave the shapes as they are.
        classes: [K, C], unit features of the classes' sentences.
        weights: [V], view weights.

    Raises:
        InputError: for fewer than two classes, of which no pose is surer.
    """
    if how in ("default", "as_is"):
        return reader
    if len(classes) < 2:
        raise InputError(f"POSE is {how!r}, which compares classes, but there is one; set it to as_is.")
    few, views = _with_few_views(extractor.projection)
    rotations: dict[int, np.ndarray] = {}
    count = 0
    for batch in reader:
        count += len(batch.shapes)
        rotations |= _surest(batch, how, few, extractor, classes, weights[views])
    words = {"yaw": "about the up axis", "search": "to one of its principal axes"}[how]
    note = f"{len(rotations):,} of {count:,} shapes were turned {words}, since that pose was surer (POSE {how})."
    if isinstance(reader.shapes, ShapeFiles):
        reader.shapes.set_poses(rotations)
        reader.shapes.notes = (*reader.shapes.notes, note)
        return reader
    shapes = Posed(cast(ShapeSet, reader.shapes), rotations)
    shapes.notes = (*shapes.notes, note)
    return replace(reader, shapes=shapes, bad={}, notes=[], outliers={})


@torch.no_grad()
def _surest(
    batch: Batch, how: str, few: nn.Module, extractor: FeatureExtractor, classes: Tensor, weights: Tensor
) -> Mapping[int, np.ndarray]:
    """The surest rotation of each shape that is not to stay as it is, by its index."""
    rotations = np.stack([poses_of(shape.points, how) for shape in batch.shapes])  # [B, P, 3, 3]
    turn = torch.from_numpy(rotations.astype(np.float32))
    points = torch.einsum("bpij,bnj->bpni", turn, batch.points).flatten(0, 1)
    projected = few(points.to(projection_device(extractor.device)))
    features = extractor.encode_views(getattr(projected, "images", projected))  # [B · P, V, C]
    shares = weights.to(features) / weights.abs().sum().clamp(min=1e-12)
    cosines = torch.einsum("nvc,v->nc", features, shares) @ classes.to(features).T
    logs = (SHARPNESS * cosines).log_softmax(1)
    best = (-(logs.exp() * logs).sum(1)).view(rotations.shape[:2]).argmin(1).tolist()
    chosen = zip(batch.indices, rotations, best, strict=True)
    return {index: of_shape[pose] for index, of_shape, pose in chosen if pose}


def _with_few_views(projection: nn.Module) -> tuple[nn.Module, list[int]]:
    """The projection with the screening views only, and their numbers; all of them if it has none such."""
    rotations = cast(Tensor, projection.rotations)
    every = list(range(len(rotations)))
    if len(every) <= max(SCREENING):
        return projection, every
    few = copy.copy(projection)
    few._buffers = dict(projection._buffers)
    few.rotations = rotations[list(SCREENING)]
    return few, list(SCREENING)
