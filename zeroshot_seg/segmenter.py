"""Zero-shot part segmentation: every point reads the patches it lies on, in every view that sees it.

The method is stated for 14 × 14 patches in an image of 224 pixels. Another encoder resizes the image to its own input
and cuts it into another grid, such as 16 × 16 or 27 × 27, which covers the same image. So a point's pixel, counted in
the image of 224, finds its patch in any grid, and the smoothing window keeps its extent in the image, not its number
of patches: a patch that it covers in part counts in part. With 14 × 14 it is the method's, to the bit. (An input that
its patches do not divide, as SigLIP's 384 pixels by 14, has a border that no patch covers; it is taken as covered.)
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial import KDTree
from torch import Tensor
from tqdm import tqdm

from pointclip.errors import InputError
from zeroshot_seg.realistic_projection import SeenPoints

GRID = 14  # rows (= columns) of patches that the method is stated for
SMOOTHING = 6  # a logit map is averaged over windows of so many patches of that grid …
CHUNK = 100_000  # points of a cloud read at a time, so that memory does not grow with the cloud
MOST_MAPPED = 64  # logits up to which maps of all pixels are made for a cloud of more points than pixels
BEFORE = 2  # … of which so many lie before the patch itself; beyond the border, its patches are repeated


def read_points(
    patches: Tensor, seen: SeenPoints, weights: Tensor, image_size: int = 224, progress: bool = False
) -> Tensor:
    """What each point reads: Σ_v w_v · visible_v · (the patches under its pixel, smoothed and upsampled).

    The published code smooths, upsamples and gathers maps of logits; all of it is linear, so it is applied here to the
    points' coordinates, and no map of the image's size is made. Being linear, it reads features, which then serve any
    number of sentences, as well as logits, which is faster for few of them: the results are the same.

    Args:
        patches: [B, V, P, C] features or logits, row by row, P a square number.
        seen: where and whether the points are seen, [B, V, N].
        weights: [V], view weights.
        image_size: rows (= columns) of the image that the pixels count in.
        progress: whether to show a bar.

    Returns:
        [B, N, C] float32; zero for points that no view sees.
    """
    grid = round(patches.shape[2] ** 0.5)
    smooth = smoothing_matrix(grid).to(patches)
    table = patches.unflatten(2, (grid, grid))  # [B, V, row, column, C]
    table = torch.einsum("ij,kl,bvjlc->bvikc", smooth, smooth, table)
    many = seen.visible.shape[2] > image_size**2 and patches.shape[3] <= MOST_MAPPED
    source, read = (_pixel_maps(table, image_size), _read_maps) if many else (table, _read_some)
    parts = zip(seen.visible.split(CHUNK, 2), seen.pixel.split(CHUNK, 2), strict=True)
    bar = tqdm(parts, "read points", -(-seen.visible.shape[2] // CHUNK), leave=False, disable=not progress)
    return torch.cat([read(source, visible, pixel, weights, image_size) for visible, pixel in bar], 1)


def _pixel_maps(table: Tensor, image_size: int) -> Tensor:
    """What every pixel reads in smoothed patches [B, V, row, column, C]: [B, V, image_size², C]."""
    batch, views = table.shape[:2]
    place = torch.arange(image_size, device=table.device)
    pixel = torch.stack(torch.meshgrid(place, place, indexing="ij"), -1).reshape(1, 1, -1, 2)
    pixel = pixel.expand(batch * views, -1, -1, -1)
    visible = torch.ones_like(pixel[..., 0], dtype=torch.bool)
    each = table.flatten(0, 1)[:, None]  # every view as a cloud of its own
    return _read_some(each, visible, pixel, torch.ones(1), image_size).unflatten(0, (batch, views))


def _read_maps(maps: Tensor, visible: Tensor, pixel: Tensor, weights: Tensor, image_size: int) -> Tensor:
    """As `_read_some`, from maps of all pixels [B, V, image_size², C]: a quarter of the work where points are many."""
    batch, views, count, width = maps.shape
    # a point seen outside the image reads what the border has, as the neighbours of `_read_some` do
    row, column = pixel.long().clamp(0, image_size - 1).unbind(-1)  # [B, V, N]
    view = torch.arange(batch * views, device=maps.device).view(batch, views, 1)
    index = view * count + row * image_size + column
    share = visible * weights.to(maps)[:, None]
    index, share = (part.transpose(1, 2).reshape(-1, views) for part in (index, share))  # [B · N, V]
    read = F.embedding_bag(index, maps.reshape(-1, width), per_sample_weights=share.to(maps), mode="sum")
    return read.unflatten(0, (batch, -1))


def _read_some(table: Tensor, visible: Tensor, pixel: Tensor, weights: Tensor, image_size: int) -> Tensor:
    """What points read in smoothed patches [B, V, row, column, C], where visible [B, V, N]: [B, N, C]."""
    batch, views, grid, _, width = table.shape
    row, row_share = _neighbours(pixel[..., 0], grid, image_size)  # [B, V, N, 2] each
    column, column_share = _neighbours(pixel[..., 1], grid, image_size)
    view = torch.arange(batch * views, device=table.device).view(batch, views, 1, 1, 1)
    index = (view * grid + row[..., :, None]) * grid + column[..., None, :]  # [B, V, N, 2, 2]
    share = row_share[..., :, None] * column_share[..., None, :]
    share = share * (visible * weights.to(table)[:, None])[..., None, None]

    index, share = (part.flatten(3).transpose(1, 2).reshape(-1, views * 4) for part in (index, share))  # [B · N, V · 4]
    features = F.embedding_bag(index, table.reshape(-1, width), per_sample_weights=share.to(table), mode="sum")
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


def nearest_seen(points: Tensor, visible: Tensor, progress: bool = False) -> Tensor:
    """For each point the nearest one that some view sees: itself, if one does.

    Args:
        points: [N, 3].
        visible: [V, N] bool.
        progress: whether to show a bar.

    Returns:
        Indices [N] int64. Where no point is seen, each point's own.
    """
    seen = visible.any(0)
    index = torch.arange(len(seen), device=seen.device)
    if bool(seen.all()) or not bool(seen.any()):
        return index
    known, unknown = (points[part].cpu().numpy() for part in (seen, ~seen))
    tree = KDTree(known, balanced_tree=False, compact_nodes=False)  # builds faster, and is as fast to search
    chunks = np.array_split(unknown, -(-len(unknown) // CHUNK))
    bar = tqdm(chunks, "label unseen points", leave=False, disable=not progress)
    nearest = [tree.query(chunk, workers=torch.get_num_threads())[1] for chunk in bar]
    index[~seen] = index[seen][torch.from_numpy(np.concatenate(nearest)).to(index.device)]
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
