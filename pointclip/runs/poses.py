"""The up axis by a model: a shape is encoded with y and with z up, and the surer pose is taken."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pointclip.datasets import ShapeFiles
from pointclip.datasets.axes import to_y_up
from pointclip.datasets.base import Shapes
from pointclip.datasets.batches import AHEAD
from pointclip.datasets.up_axis import CUES, MODEL, UNDECIDED, UpGuess
from pointclip.encoder import projection_device
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor
from pointclip.projection.points import check_points

POSES = ("y", "z")
LEAD = 0.01  # cosine by which a pose's margin has to be larger


def find_up_axes(
    shapes: Shapes | None,
    indices: Sequence[int] | None,
    extractor: FeatureExtractor,
    classes: Tensor,
    weights: Tensor,
    names: Sequence[str],
) -> None:
    """Find the up axes of shape files with `--up auto` before they are read, where needed with the model.

    It is asked where format, frame and shape leave the axis unsure; the guess is sure if the two agree. Files that
    cannot be read are passed over; reading their shapes reports them.

    Args:
        shapes: any data set; only `ShapeFiles` have axes to find.
        indices: of the shapes that will be read; None for all.
        classes: [K, C], unit features of the classes' sentences.
        weights: [V], view weights.
        names: of the K classes.
    """
    if not isinstance(shapes, ShapeFiles) or shapes.up != "auto":
        return
    judge = model_judge(extractor, classes, weights, names)
    wanted = range(len(shapes)) if indices is None else indices
    first = {shapes.entries[i].path: i for i in reversed(wanted) if not shapes.entries[i].reason}  # of each file
    order = sorted(first.values())
    for place, index in enumerate(tqdm(order, "up axes", unit="file", leave=False, disable=not extractor.progress)):
        shapes.prepare(order[place : place + AHEAD], samples=True)
        try:
            guess, clouds = shapes.guess(index)
        except InputError:
            continue
        if not guess.sure and guess.reason in (CUES, UNDECIDED):
            guess = together(guess, judge(clouds))
        shapes.set_up(index, guess)


def together(shape: UpGuess, model: UpGuess) -> UpGuess:
    """The model's axis, sure if the shape leans to it too; the shape's if the model is undecided."""
    if model.reason == UNDECIDED:
        return replace(shape, remark=model.remark)
    if shape.reason == UNDECIDED or model.axis == shape.axis:
        return replace(model, sure=model.axis == shape.axis, margin=shape.margin)
    remarks = [f"its shape leans to {shape.axis}", *([model.remark] if model.remark else [])]
    return replace(model, remark="; ".join(remarks), sure=False, margin=shape.margin)


def model_judge(
    extractor: FeatureExtractor, classes: Tensor, weights: Tensor, names: Sequence[str]
) -> Callable[[Sequence[np.ndarray]], UpGuess]:
    """A function from the clouds [N, 3] of one file to its up axis: that with the larger cosine margin.

    The margin is of the best class over the next, or the cosine itself if there is a single class; those of several
    clouds are averaged. See `find_up_axes` for the arguments.
    """

    @torch.no_grad()
    def judge(clouds: Sequence[np.ndarray]) -> UpGuess:
        margins, best = [], []  # per cloud: [poses]
        for cloud in clouds:
            if not len(cloud):  # reported when the shape itself is read
                continue
            middle = np.median(cloud, axis=0)  # float32 cannot hold a survey's coordinates
            poses = np.stack([to_y_up(cloud - middle, axis) for axis in POSES]).astype(np.float32)
            try:
                check_points(torch.from_numpy(poses))
            except InputError:  # reported when the shape itself is read
                continue
            cosines = _cosines(torch.from_numpy(poses), extractor, classes, weights)
            top = cosines.topk(min(2, cosines.shape[1]), 1).values
            margins.append(top[:, 0] - top[:, 1] if top.shape[1] > 1 else top[:, 0])
            best.append(cosines.argmax(1).tolist())
        if not margins:
            return UpGuess("y", UNDECIDED, sure=False)
        mean = torch.stack(margins).mean(0).tolist()
        different = [pair for pair in best if pair[0] != pair[1]]
        remark = ""
        if different:
            read = [f"{names[k]} with {axis} up" for k, axis in zip(different[0], POSES, strict=True)]
            remark = f"the poses disagree: {', '.join(read)}"
        if abs(mean[0] - mean[1]) < LEAD:
            return UpGuess("y", UNDECIDED, remark, sure=False)
        return UpGuess(POSES[int(np.argmax(mean))], MODEL, remark)

    return judge


def _cosines(points: Tensor, extractor: FeatureExtractor, classes: Tensor, weights: Tensor) -> Tensor:
    """The mean cosine over views of shapes [B, N, 3] and classes [K, C]: [B, K] on the CPU."""
    projected = extractor.projection(points.to(projection_device(extractor.device)))
    views = extractor.encode_views(getattr(projected, "images", projected))  # [B, V, C]
    weights = weights.to(views)
    pooled = torch.einsum("bvc,v->bc", views, weights / weights.abs().sum().clamp(min=1e-12))
    return (pooled @ classes.to(views).T).cpu()
