"""Learned smoothing, frozen CLIP and a head as one differentiable model of bounded memory."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from fewshot_cls.realistic_projection import LearnedProjection
from pointclip.encoder import Encoder


class SmoothedModel(nn.Module):
    """The learned projection, frozen CLIP and a head; CLIP is not registered as a submodule.

    Args:
        projection: its smoothing is trained.
        head: view features [n, V, C] -> logits [n, K].
        encoder: in fp32.
        unit: whether the head takes features of unit length.
        chunk: views whose activations are kept at a time; the others are recomputed for the backward pass, so that
            memory does not grow with the batch.
        precision: "fp32", or "bf16" for mixed precision.
    """

    def __init__(
        self,
        projection: LearnedProjection,
        head: nn.Module,
        encoder: Encoder,
        unit: bool = True,
        chunk: int = 20,
        precision: str = "fp32",
    ):
        super().__init__()
        self.projection, self.head = projection, head
        self.unit, self.chunk, self.precision = unit, chunk, precision
        self._encoder = [encoder]  # in a list, so that torch does not register it: it is neither trained nor saved

    def forward(self, clouds: Sequence[Tensor]) -> Tensor:
        """n clouds [N, 3] -> logits [n, K]."""
        device = self._encoder[0].device
        grids = [self.projection.grids(cloud[None].to(device))[0] for cloud in clouds]  # [V, depth, row, column] each
        parts = torch.cat(grids).split(self.chunk)
        if torch.is_grad_enabled():
            features = [checkpoint(self._features, part, use_reentrant=False) for part in parts]
        else:
            features = [self._features(part) for part in parts]
        return self.head(torch.cat(features).unflatten(0, (len(clouds), -1)))

    def _features(self, grids: Tensor) -> Tensor:
        """[M, depth, row, column] -> [M, C] float32."""
        encoder = self._encoder[0]
        with torch.autocast(encoder.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            features = encoder.encode_images(self.projection.images(grids), unit=False).float()
        return F.normalize(features, dim=-1) if self.unit else features
