"""Image towers of every kind: from images to the features of their patches, in the space of the sentences.

One rule serves all: a patch's feature is what the tower's own head would give if it pooled that patch alone. For the
class token of a ViT this is the final norm and the projection (PointCLIP V2); for attention pooling, where a single
place gets all the attention, it is the value path (MaskCLIP, Zhou et al., ECCV 2022), with SigLIP's residual MLP behind
it; for average pooling it is the head, place by place.
"""

import torch
from torch import Tensor, nn

from pointclip.errors import InputError

AT_A_TIME = 8192  # patches that go through a head at a time; attention on GPUs takes no batches beyond 65,535


def patch_features(visual: nn.Module, images: Tensor, name: str) -> Tensor:
    """Features of patches, row by row: [n, 3, H, H] of the tower's size and type -> [n, P, C], not of unit length.

    Args:
        visual: an image tower of open_clip's: its own ViT or ResNet, or one of timm's (SigLIP, EVA, MobileCLIP, …).
        images: what it sees.
        name: how messages call it.

    Raises:
        InputError: for towers whose head does not pool place by place, such as CoCa's.
    """
    import open_clip  # slow, and not every install can import it (see `check_torchvision`)

    if isinstance(visual, open_clip.transformer.VisionTransformer) and visual.attn_pool is None:
        return _of_vit(visual, images)
    if isinstance(visual, open_clip.modified_resnet.ModifiedResNet):
        return _of_resnet(visual, images)
    if isinstance(visual, open_clip.timm_model.TimmModel) and not hasattr(visual.head, "pool"):
        places = visual.trunk.forward_features(images)
        if places.ndim == 3 and hasattr(visual.trunk, "num_prefix_tokens"):
            return _of_tokens(visual, places)
        if places.ndim == 4 and getattr(visual.trunk, "output_fmt", "NCHW") == "NCHW":
            return _of_maps(visual, places)
    kind = getattr(visual, "trunk", visual)
    raise InputError(
        f"{name} has a {type(kind).__name__} tower, whose patches cannot be read against text; "
        "use a ViT, a ResNet, or one of the encoders in zeroshot_seg/configs."
    )


def _of_vit(visual: nn.Module, images: Tensor) -> Tensor:
    """CLIP's own ViT: tokens through the final norm and the projection."""
    tokens = visual.forward_intermediates(
        images, indices=1, normalize_intermediates=True, intermediates_only=True, output_fmt="NLC"
    )["image_intermediates"][0]  # [n, P, width]
    return tokens @ visual.proj


def _of_resnet(visual: nn.Module, images: Tensor) -> Tensor:
    """CLIP's own ResNet: the last map through the value and output projections of the attention pool."""
    maps = visual.forward_intermediates(images, indices=1, intermediates_only=True)["image_intermediates"][0]
    return visual.attnpool.c_proj(visual.attnpool.v_proj(maps.flatten(2).transpose(1, 2)))  # [n, P, C]


def _of_tokens(visual: nn.Module, tokens: Tensor) -> Tensor:
    """A transformer of timm's (SigLIP, EVA, MobileCLIP2-B): tokens [n, prefix + P, width] -> [n, P, C]."""
    prefix = visual.trunk.num_prefix_tokens
    patches = tokens[:, prefix:]
    # the patch stands in for the class token too, so that the head finds nothing but it, however it pools
    alone = patches.flatten(0, 1)[:, None].expand(-1, prefix + 1, -1)  # [n · P, prefix + 1, width]
    return _through_head(visual, alone).unflatten(0, patches.shape[:2])


def _of_maps(visual: nn.Module, maps: Tensor) -> Tensor:
    """A convolutional or hybrid net of timm's (MobileCLIP2-S, ConvNeXt): maps [n, width, h, w] -> [n, h · w, C]."""
    patches = maps.flatten(2).transpose(1, 2)  # [n, P, width]
    alone = patches.flatten(0, 1)[..., None, None]  # [n · P, width, 1, 1]
    return _through_head(visual, alone).unflatten(0, patches.shape[:2])


def _through_head(visual: nn.Module, alone: Tensor) -> Tensor:
    return torch.cat([visual.head(visual.trunk.forward_head(some)) for some in alone.split(AT_A_TIME)])
