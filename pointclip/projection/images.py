"""From depth maps to CLIP's input images."""

import torch.nn.functional as F
from torch import Tensor

CLIP_SIZE = 224


def clip_images(maps: Tensor) -> Tensor:
    """Depth maps [B, V, H, W] -> images [B, V, 3, 224, 224], bilinear, corners aligned.

    The three identical channels share memory. As in the published code, CLIP's mean and standard deviation are not
    applied.
    """
    images = F.interpolate(maps, size=(CLIP_SIZE, CLIP_SIZE), mode="bilinear", align_corners=True)
    return images[:, :, None].expand(-1, -1, 3, -1, -1)
