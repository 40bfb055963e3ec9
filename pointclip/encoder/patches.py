"""Patch features in the text space, for all kinds of image towers.

The rule is the same for all: a patch's feature is the output of the tower's head if it pooled only that patch. For a
ViT with class token this is the final norm and the projection (PointCLIP V2); for attention pooling with all attention
on one position it is the value path (MaskCLIP, Zhou et al., ECCV 2022), followed by SigLIP's residual MLP; for average
pooling it is the head, applied to each position.
"""

from typing import Any

import torch
from torch import Tensor

from pointclip.errors import InputError

BATCH = 8192  # patches per call of a head; attention on GPUs does not support batches beyond 65,535


def patch_features(visual: Any, images: Tensor, name: str) -> Tensor:
    """Features of patches, row by row: [n, 3, H, H] of the tower's size and type -> [n, P, C], not of unit length.

    Args:
        visual: an image tower of open_clip: its ViT or ResNet, or one of timm (SigLIP, EVA, MobileCLIP, …).
        images: its input.
        name: for messages.

    Raises:
        InputError: for towers whose head cannot be applied to single positions, such as CoCa's.
    """
    import open_clip  # slow, and not every install can import it (see `check_torchvision`)

    if isinstance(visual, open_clip.transformer.VisionTransformer) and visual.attn_pool is None:
        return _of_vit(visual, images)
    if isinstance(visual, open_clip.modified_resnet.ModifiedResNet):
        return _of_resnet(visual, images)
    if isinstance(visual, open_clip.timm_model.TimmModel) and not hasattr(visual.head, "pool"):
        features = visual.trunk.forward_features(images)
        if features.ndim == 3 and hasattr(visual.trunk, "num_prefix_tokens"):
            return _of_tokens(visual, features)
        if features.ndim == 4 and getattr(visual.trunk, "output_fmt", "NCHW") == "NCHW":
            return _of_maps(visual, features)
    kind = getattr(visual, "trunk", visual)
    raise InputError(
        f"{name} has a {type(kind).__name__} tower, which has no patch features in the text space; "
        "use a ViT, a ResNet, or one of the encoders in zeroshot_seg/configs."
    )


def _of_vit(visual: Any, images: Tensor) -> Tensor:
    """CLIP's ViT: tokens through the final norm and the projection."""
    tokens = visual.forward_intermediates(
        images, indices=1, normalize_intermediates=True, intermediates_only=True, output_fmt="NLC"
    )["image_intermediates"][0]  # [n, P, width]
    return tokens @ visual.proj


def _of_resnet(visual: Any, images: Tensor) -> Tensor:
    """CLIP's ResNet: the last map through the value and output projections of the attention pool."""
    maps = visual.forward_intermediates(images, indices=1, intermediates_only=True)["image_intermediates"][0]
    return visual.attnpool.c_proj(visual.attnpool.v_proj(maps.flatten(2).transpose(1, 2)))  # [n, P, C]


def _of_tokens(visual: Any, tokens: Tensor) -> Tensor:
    """A timm transformer (SigLIP, EVA, MobileCLIP2-B): tokens [n, prefix + P, width] -> [n, P, C]."""
    prefix = visual.trunk.num_prefix_tokens
    patches = tokens[:, prefix:]
    # the patch also replaces the class token, so that the head only sees the patch, however it pools
    repeated = patches.flatten(0, 1)[:, None].expand(-1, prefix + 1, -1)  # [n · P, prefix + 1, width]
    return _through_head(visual, repeated).unflatten(0, patches.shape[:2])


def _of_maps(visual: Any, maps: Tensor) -> Tensor:
    """A convolutional or hybrid timm network (MobileCLIP2-S, ConvNeXt): maps [n, width, h, w] -> [n, h · w, C]."""
    patches = maps.flatten(2).transpose(1, 2)  # [n, P, width]
    repeated = patches.flatten(0, 1)[..., None, None]  # [n · P, width, 1, 1]
    return _through_head(visual, repeated).unflatten(0, patches.shape[:2])


def _through_head(visual: Any, repeated: Tensor) -> Tensor:
    return torch.cat([visual.head(visual.trunk.forward_head(batch)) for batch in repeated.split(BATCH)])
