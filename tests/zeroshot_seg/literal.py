"""A literal implementation of the point logits: maps of logits, smoothed, upsampled and gathered."""

import torch
import torch.nn.functional as F

from zeroshot_seg.realistic_projection import ProjectedPoints


def smoothed(maps):
    """The method's mean over 6 × 6 of 14 × 14 patches; for other grids the window has the same extent in the image."""
    grid = maps.shape[-1]
    if grid == 14:
        return F.avg_pool2d(F.pad(maps, (2, 3, 2, 3), mode="replicate"), 6, stride=1)
    for _ in "rows", "columns":
        # 28 cells per patch make the window a whole number of cells: 12 · grid, from 5 · grid before a patch's middle
        cells = maps.transpose(-1, -2).repeat_interleave(28, -1)
        sums = F.pad(F.pad(cells, (5 * grid, 7 * grid, 0, 0), mode="replicate").double().cumsum(-1), (1, 0))
        maps = ((sums[..., 12 * grid :] - sums[..., : -12 * grid])[..., 14::28] / (12 * grid)).float()
    return maps


def literal_logits(patches, seen, weights, parts):
    """The published order: logit maps, smoothed, upsampled, gathered, masked by visibility, weighted: [B, N, K]."""
    batch, views, count, _ = patches.shape
    grid = round(count**0.5)
    maps = (100 * patches @ parts.T).permute(0, 1, 3, 2).reshape(batch * views, -1, grid, grid)
    maps = smoothed(maps)
    maps = F.interpolate(maps, size=(224, 224), mode="bilinear", align_corners=False)
    maps = maps.unflatten(0, (batch, views)).flatten(3)  # [B, V, K, 224 · 224]
    place = seen.pixel[..., 0] * 224 + seen.pixel[..., 1]  # [B, V, N]
    read = maps.gather(3, place[:, :, None].expand(-1, -1, maps.shape[2], -1))  # [B, V, K, N]
    read = read * seen.visible[:, :, None] * weights[:, None, None]
    return read.sum(1).transpose(1, 2)


def random_inputs(seed, batch, views, grid, count, width, parts):
    """Random patches [B, V, G · G, C], pixels and visibility, view weights [V] and sentences [K, C]."""
    g = torch.Generator().manual_seed(seed)
    seen = ProjectedPoints(
        images=torch.empty(0),
        visible=torch.rand(batch, views, count, generator=g) < 0.6,
        pixel=torch.randint(0, 224, (batch, views, count, 2), generator=g),
    )
    seen.pixel[:, :, :2] = torch.tensor([0, 223])  # corners too
    patches = F.normalize(torch.randn(batch, views, grid * grid, width, generator=g), dim=-1)
    sentences = F.normalize(torch.randn(parts, width, generator=g), dim=-1)
    return patches, seen, torch.rand(views, generator=g), sentences
