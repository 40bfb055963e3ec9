"""Proposal methods: clusters of points, a sliding window, files from VoteNet or 3DETR."""

from zeroshot_det.proposals.base import Proposals

__all__ = ["Proposals"]
