"""Classification's logits against the published formula."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from zeroshot_cls.classifier import view_weighted_logits


def test_logits_match_the_published_formula():
    torch.manual_seed(0)
    views, classes = normalize(torch.randn(4, 10, 16), dim=-1), normalize(torch.randn(3, 16), dim=-1)
    weights = torch.rand(10)
    logits = view_weighted_logits(views, classes, weights)
    for n in range(4):
        for k in range(3):
            total = sum(weights[v] * (views[n, v] @ classes[k]) for v in range(10))
            assert logits[n, k].item() == pytest.approx(100 / math.sqrt(10) * total.item(), abs=1e-4)
