"""PointCLIP V1's augmentation of training shapes: scaling and shifting, the same for all points of a cloud."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pointclip.encoder import Encoder, projection_device
from pointclip.projection.view_projection import ViewProjection
from zeroshot_cls.perspective_projection import to_unit_sphere

SCALES, SHIFT = (2 / 3, 3 / 2), 0.2  # uniform along each axis; shifts of a cloud in the unit sphere (Dassl3D)


def augment(clouds: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Scale and shift clouds [B, N, 3], after putting them in the unit sphere, by [B, 3] and [B, 3] along the axes.

    They are not centred again.
    """
    return to_unit_sphere(clouds) * scale.to(clouds)[:, None] + shift.to(clouds)[:, None]


class AugmentedViews:
    """View features of clouds that are augmented, projected and encoded anew at every call, as in V1's training.

    Random numbers come from torch's CPU generator, so that a seed determines them on any device.

    Args:
        projection: one that does not centre clouds where that is the published one's, see
            `fewshot_cls.projections.open_training_projection`; moved to the encoder's device.
        encoder: frozen CLIP.
        unit: whether features have unit length.
        batch: shapes projected and encoded at a time.
    """

    def __init__(self, projection: ViewProjection, encoder: Encoder, unit: bool, batch: int = 8):
        self.device = projection_device(encoder.device)
        self.projection, self.encoder = projection.to(self.device), encoder
        self.unit, self.batch = unit, batch

    @torch.no_grad()
    def __call__(self, clouds: Sequence[Tensor]) -> Tensor:
        """n clouds [N, 3] -> [n, V, C] float32, on the encoder's device."""
        low, high = SCALES
        scales = low + (high - low) * torch.rand(len(clouds), 3)
        shifts = SHIFT * (2 * torch.rand(len(clouds), 3) - 1)
        views = []
        for start in range(0, len(clouds), self.batch):
            part = slice(start, start + self.batch)
            triples = zip(clouds[part], scales[part], shifts[part], strict=True)
            images = [
                self.projection(augment(cloud[None].to(self.device), a[None], b[None])) for cloud, a, b in triples
            ]
            of_batch = torch.cat(images)  # [b, V, 3, H, W]
            features = self.encoder.encode_images(of_batch.flatten(0, 1), self.unit)
            views.append(features.float().unflatten(0, of_batch.shape[:2]))
        return torch.cat(views).to(self.encoder.device)
