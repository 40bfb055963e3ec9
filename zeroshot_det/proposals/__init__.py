"""Where the boxes come from: files, clusters of points, a sliding window, 3DETR."""

from zeroshot_det.proposals.base import Proposals

__all__ = ["Proposals"]
