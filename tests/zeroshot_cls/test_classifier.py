"""Scoring: the formula, the view weights, and the order of the steps."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from zeroshot_cls.classifier import view_weighted_logits
from zeroshot_cls.results import best_and_worst


def test_logits_are_the_published_formula():
    torch.manual_seed(0)
    views, classes = normalize(torch.randn(4, 10, 16), dim=-1), normalize(torch.randn(3, 16), dim=-1)
    weights = torch.rand(10)
    logits = view_weighted_logits(views, classes, weights)
    for n in range(4):
        for k in range(3):
            total = sum(weights[v] * (views[n, v] @ classes[k]) for v in range(10))
            assert logits[n, k].item() == pytest.approx(100 / math.sqrt(10) * total.item(), abs=1e-4)


def test_best_are_right_and_worst_are_wrong_the_surest_first():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4], [0.5, 0.5]])
    best, worst = best_and_worst(np.array([0, 0, 1, 0, -1]), probabilities)
    assert best.tolist() == [0, 2, 3]
    assert worst.tolist() == [1]
