"""Zero-shot part segmentation: every point reads the patches it lies on, in every view that sees it.

The method is stated for 14 × 14 patches in an image of 224 pixels. Another encoder resizes the image to its own input
and cuts it into another grid, such as 16 × 16 or 27 × 27, which covers the same image. So a point's pixel, counted in
the image of 224, finds its patch in any grid, and the smoothing window keeps its extent in the image, not its number
of patches: a patch that it covers in part counts in part. With 14 × 14 it is the method's, to the bit. (An input that
its patches do not divide, as SigLIP's 384 pixels by 14, has a border that no patch covers; it is taken as covered.)
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from pointclip.errors import InputError
from zeroshot_seg.realistic_projection import SeenPoints

GRID = 14  # rows (= columns) of patches that the method is stated for
SMOOTHING = 6  # a logit map is averaged over windows of so many patches of that grid …
BEFORE = 2  # … of which so many lie before the patch itself; beyond the border, its patches are repeated


def read_points(patches: Tensor, seen: SeenPoints, weights: Tensor, image_size: int = 224) -> Tensor:
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


def arranged(patches: Tensor, order: str) -> Tensor:
    """Patch features as they are multiplied with sentences.

    "in_order" leaves them as they are. "scrambled" does what the published code does: it keeps the features of an image
    channel by channel, as [C, 14, 14], and reads that memory back as [196, C]. So a row is not a patch's feature but C
    consecutive numbers out of a few channels. The paper's segmentation figures rest on this.

    Args:
        patches: [..., P, C], row by row.

    Raises:
        InputError: for scrambled features of another grid than 14 × 14, for which nothing is published.
    """
    if order == "in_order":
        return patches
    if patches.shape[-2] != GRID**2:
        raise InputError(
            f"FEATURES is 'scrambled', which the published code does to {GRID} × {GRID} patches, but the encoder gives "
            f"{patches.shape[-2]}; use ViT-B/16 at 224 pixels, or FEATURES in_order."
        )
    return patches.transpose(-1, -2).reshape(patches.shape)


def part_logits(features: Tensor, parts: Tensor) -> Tensor:
    """100 · feature · sentence: features [..., C], unit features of the parts' sentences [K, C] -> [..., K]."""
    return 100 * features @ parts.to(features).T


def nearest_seen(points: Tensor, visible: Tensor) -> Tensor:
    """For each point the nearest one that some view sees: itself, if one does.

    Args:
        points: [N, 3].
        visible: [V, N] bool.

    Returns:
        Indices [N] int64. Where no point is seen, each point's own.
    """
    seen = visible.any(0)
    index = torch.arange(len(seen), device=seen.device)
    if bool(seen.all()) or not bool(seen.any()):
        return index
    chunks = points[~seen].float().split(512)  # in chunks, for clouds of any size
    nearest = torch.cat([torch.cdist(chunk, points[seen].float()).argmin(1) for chunk in chunks])
    index[~seen] = index[seen][nearest]
    return index


def smoothing_matrix(grid: int) -> Tensor:
    """The mean over a window as wide as `SMOOTHING` of `GRID` patches, along one axis: [grid, grid].

    A patch counts by the share of it that lies in the window; beyond the border, its patches are repeated.
    """
    before = (BEFORE + 0.5) * grid / GRID  # from a patch's middle to the window's borders, in patches
    after = (SMOOTHING - BEFORE - 0.5) * grid / GRID
    matrix = torch.zeros(grid, grid)
    for offset in range(math.ceil(-before - 0.5), math.ceil(after + 0.5)):
        share = min(offset + 0.5, after) - max(offset - 0.5, -before)
        neighbour = (torch.arange(grid) + offset).clamp(0, grid - 1)
        matrix[torch.arange(grid), neighbour] += share / (before + after)
    return matrix


def _neighbours(pixel: Tensor, grid: int, image_size: int) -> tuple[Tensor, Tensor]:
    """The two patches along an axis that a pixel lies between, and their bilinear shares (align_corners=False)."""
    place = ((pixel.float() + 0.5) * (grid / image_size) - 0.5).clamp(min=0)
    first = place.floor().clamp(max=grid - 1)
    share = place - first
    second = (first + 1).clamp(max=grid - 1)
    return torch.stack([first, second], -1).long(), torch.stack([1 - share, share], -1)
