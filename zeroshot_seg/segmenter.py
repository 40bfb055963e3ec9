"""Zero-shot part segmentation: every point reads the patches it lies on, in every view that sees it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from zeroshot_seg.realistic_projection import ProjectedPoints

SMOOTHING = 6  # a logit map is averaged over windows of so many patches …
BEFORE = 2  # … of which so many lie before the patch itself; beyond the border, its patches are repeated


def read_points(patches: Tensor, seen: ProjectedPoints, weights: Tensor, image_size: int = 224) -> Tensor:
    """What each point reads: Σ_v w_v · visible_v · (the patches under its pixel, smoothed and upsampled).

    The published code smooths, upsamples and gathers maps of logits; all of it is linear, so it is applied here to the
    points' coordinates, and no map of the image's size is made. Being linear, it reads features, which then serve any
    number of sentences, as well as logits, which is faster for few of them: the results are the same.

    Args:
        patches: [B, V, P, C] features or logits, row by row, P a square number.
        seen: where and whether the points are seen, [B, V, N].
        weights: [V], view weights.
        image_size: rows (= columns) of the image that the pixels count in.

    Returns:
        [B, N, C] float32; zero for points that no view sees.
    """
    batch, views, count, width = patches.shape
    grid = round(count**0.5)
    smooth = smoothing_matrix(grid).to(patches)
    table = patches.unflatten(2, (grid, grid))  # [B, V, row, column, C]
    table = torch.einsum("ij,kl,bvjlc->bvikc", smooth, smooth, table).reshape(-1, width)

    row, row_share = _neighbours(seen.pixel[..., 0], grid, image_size)  # [B, V, N, 2] each
    column, column_share = _neighbours(seen.pixel[..., 1], grid, image_size)
    view = torch.arange(batch * views, device=patches.device).view(batch, views, 1, 1, 1)
    index = (view * grid + row[..., :, None]) * grid + column[..., None, :]  # [B, V, N, 2, 2]
    share = row_share[..., :, None] * column_share[..., None, :]
    share = share * (seen.visible * weights.to(patches)[:, None])[..., None, None]

    index, share = (part.flatten(3).transpose(1, 2).reshape(-1, views * 4) for part in (index, share))  # [B · N, V · 4]
    features = F.embedding_bag(index, table, per_sample_weights=share.to(table), mode="sum")
    return features.unflatten(0, (batch, -1))


def part_logits(features: Tensor, parts: Tensor) -> Tensor:
    """100 · feature · sentence: features [..., C], unit features of the parts' sentences [K, C] -> [..., K]."""
    return 100 * features @ parts.to(features).T


def label_unseen(points: Tensor, labels: Tensor, visible: Tensor) -> tuple[Tensor, int]:
    """Give points that no view sees the label of the nearest point that one does.

    Args:
        points: [N, 3].
        labels: [N] int64.
        visible: [V, N] bool.

    Returns:
        The labels, and how many points were unseen. Where no point is seen, the labels stay as they are.
    """
    seen = visible.any(0)
    unseen = int((~seen).sum())
    if unseen in (0, len(seen)):
        return labels, unseen
    labels = labels.clone()
    nearest = [
        torch.cdist(chunk, points[seen]).argmin(1) for chunk in points[~seen].float().split(512)
    ]  # in chunks, for clouds of any size
    labels[~seen] = labels[seen][torch.cat(nearest)]
    return labels, unseen


def smoothing_matrix(grid: int) -> Tensor:
    """The mean over `SMOOTHING` patches along one axis, border patches repeated: [grid, grid]."""
    matrix = torch.zeros(grid, grid)
    for offset in range(-BEFORE, SMOOTHING - BEFORE):
        neighbour = (torch.arange(grid) + offset).clamp(0, grid - 1)
        matrix[torch.arange(grid), neighbour] += 1 / SMOOTHING
    return matrix


def _neighbours(pixel: Tensor, grid: int, image_size: int) -> tuple[Tensor, Tensor]:
    """The two patches along an axis that a pixel lies between, and their bilinear shares (align_corners=False)."""
    place = ((pixel.float() + 0.5) * (grid / image_size) - 0.5).clamp(min=0)
    first = place.floor().clamp(max=grid - 1)
    share = place - first
    second = (first + 1).clamp(max=grid - 1)
    return torch.stack([first, second], -1).long(), torch.stack([1 - share, share], -1)
