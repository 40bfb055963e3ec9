"""Zero-shot part segmentation: every point samples the patches at its pixel, in every view in which it is visible.

The method is defined for 14 × 14 patches in an image of 224 pixels. Other encoders resize the image to their input and
divide it into another grid, such as 16 × 16 or 27 × 27, of the same image. A point's pixel in the image of 224 pixels
therefore has a patch in any grid, and the smoothing window keeps its extent in the image, not its number of patches:
partially covered patches count partially. With 14 × 14 patches the result is bit-identical to the method. (If the input
size is not divisible by the patch size, such as SigLIP's 384 by 14, the uncovered border is treated as covered.)
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

GRID = 14  # rows (= columns) of patches for which the method is defined
SMOOTHING = 6  # width of the averaging window for logit maps, in patches of that grid …
CHUNK = 100_000  # points processed at a time, so that memory does not grow with the cloud
MIN_THREADED = 10_000  # points from which several threads find neighbours faster than one
MAX_MAPPED = 64  # logits up to which maps of all pixels are used for a cloud with more points than pixels
BEFORE = 2  # … and its part before the patch itself; border patches are replicated


def read_points(
    patches: Tensor, seen: SeenPoints, weights: Tensor, image_size: int = 224, progress: bool = False
) -> Tensor:
    """Features or logits of each point: Σ_v w_v · visible_v · (patches at its pixel, smoothed and upsampled).

    The published code smooths, upsamples and gathers maps of logits; all of this is linear, so it is applied here at
    the points' coordinates, without maps of image size. Because of linearity it can sample features, which serve any
    number of sentences, or logits, which is faster for a few of them, with the same result.

    Args:
        patches: [B, V, P, C] features or logits, row-major, P a square number.
        seen: pixels and visibility of the points, [B, V, N].
        weights: [V], view weights.
        image_size: rows (= columns) of the image to which the pixels refer.
        progress: whether to show a progress bar.

    Returns:
        [B, N, C] float32; zero for points that no view sees.
    """
    grid = round(patches.shape[2] ** 0.5)
    smooth = smoothing_matrix(grid).to(patches)
    table = patches.unflatten(2, (grid, grid))  # [B, V, row, column, C]
    table = torch.einsum("ij,kl,bvjlc->bvikc", smooth, smooth, table)
    many = seen.visible.shape[2] > image_size**2 and patches.shape[3] <= MAX_MAPPED
    source, read = (_pixel_maps(table, image_size), _read_maps) if many else (table, _read_some)
    parts = zip(seen.visible.split(CHUNK, 2), seen.pixel.split(CHUNK, 2), strict=True)
    bar = tqdm(parts, "read points", -(-seen.visible.shape[2] // CHUNK), leave=False, disable=not progress)
    return torch.cat([read(source, visible, pixel, weights, image_size) for visible, pixel in bar], 1)


def _pixel_maps(table: Tensor, image_size: int) -> Tensor:
    """The sampled values of every pixel, from smoothed patches [B, V, row, column, C]: [B, V, image_size², C]."""
    batch, views = table.shape[:2]
    position = torch.arange(image_size, device=table.device)
    pixel = torch.stack(torch.meshgrid(position, position, indexing="ij"), -1).reshape(1, 1, -1, 2)
    pixel = pixel.expand(batch * views, -1, -1, -1)
    visible = torch.ones_like(pixel[..., 0], dtype=torch.bool)
    each = table.flatten(0, 1)[:, None]  # each view as a separate cloud
    return _read_some(each, visible, pixel, torch.ones(1), image_size).unflatten(0, (batch, views))


def _read_maps(maps: Tensor, visible: Tensor, pixel: Tensor, weights: Tensor, image_size: int) -> Tensor:
    """As `_read_some`, from maps of all pixels [B, V, image_size², C]: a quarter of the work for many points."""
    batch, views, count, width = maps.shape
    # a visible point outside the image uses the border's value, as in `_read_some`
    row, column = pixel.long().clamp(0, image_size - 1).unbind(-1)  # [B, V, N]
    view = torch.arange(batch * views, device=maps.device).view(batch, views, 1)
    index = view * count + row * image_size + column
    share = visible * weights.to(maps)[:, None]
    index, share = (part.transpose(1, 2).reshape(-1, views) for part in (index, share))  # [B · N, V]
    read = F.embedding_bag(index, maps.reshape(-1, width), per_sample_weights=share.to(maps), mode="sum")
    return read.unflatten(0, (batch, -1))


def _read_some(table: Tensor, visible: Tensor, pixel: Tensor, weights: Tensor, image_size: int) -> Tensor:
    """The sampled values of points from smoothed patches [B, V, row, column, C], where visible [B, V, N]: [B, N, C]."""
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
    """Patch features in the order in which they are multiplied with sentences.

    "in_order" leaves them unchanged. "scrambled" does what the published code does: it stores an image's features
    channel-first, as [C, 14, 14], and reads that memory as [196, C]. A row is then not a patch's feature but C
    consecutive numbers from a few channels. The paper's segmentation figures depend on this.

    Args:
        patches: [..., P, C], row-major.

    Raises:
        InputError: for scrambled features of another grid than 14 × 14, which the published code does not have.
    """
    if order == "in_order":
        return patches
    check_grid(patches.shape[-2], order)
    return patches.transpose(-1, -2).reshape(patches.shape)


def check_grid(patches: int, order: str) -> None:
    """Raise an InputError if this number of patches per view does not allow the order."""
    if order == "scrambled" and patches != GRID**2:
        raise InputError(
            f"FEATURES is 'scrambled', which the published code does with {GRID} × {GRID} patches, but the encoder has "
            f"{patches}; use ViT-B/16 at 224 pixels, or FEATURES in_order."
        )


def part_logits(features: Tensor, parts: Tensor) -> Tensor:
    """100 · feature · sentence: features [..., C], unit features of the parts' sentences [K, C] -> [..., K]."""
    return 100 * features @ parts.to(features).T


def nearest_seen(points: Tensor, visible: Tensor, progress: bool = False) -> Tensor:
    """For each point the nearest visible point: itself, if it is visible in some view.

    Args:
        points: [N, 3].
        visible: [V, N] bool.
        progress: whether to show a progress bar.

    Returns:
        Indices [N] int64; each point's own if no point is visible.
    """
    seen = visible.any(0)
    index = torch.arange(len(seen), device=seen.device)
    if bool(seen.all()) or not bool(seen.any()):
        return index
    known, unknown = (points[part].cpu().numpy() for part in (seen, ~seen))
    tree = KDTree(known, balanced_tree=False, compact_nodes=False)  # faster to build, and as fast to query
    chunks = np.array_split(unknown, -(-len(unknown) // CHUNK))
    bar = tqdm(chunks, "label unseen points", leave=False, disable=not progress)
    workers = torch.get_num_threads() if len(unknown) >= MIN_THREADED else 1
    nearest = [tree.query(chunk, workers=workers)[1] for chunk in bar]
    index[~seen] = index[seen][torch.from_numpy(np.concatenate(nearest)).to(index.device)]
    return index


def smoothing_matrix(grid: int) -> Tensor:
    """The mean over a window as wide as `SMOOTHING` of `GRID` patches, along one axis: [grid, grid].

    A patch is weighted by its share in the window; border patches are replicated.
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
    """The two patches along an axis between which a pixel lies, and their bilinear weights (align_corners=False)."""
    position = ((pixel.float() + 0.5) * (grid / image_size) - 0.5).clamp(min=0)
    first = position.floor().clamp(max=grid - 1)
    share = position - first
    second = (first + 1).clamp(max=grid - 1)
    return torch.stack([first, second], -1).long(), torch.stack([1 - share, share], -1)
