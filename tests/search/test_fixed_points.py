"""Points with a fixed part count in the scores, and their features are not used."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pointclip import metrics
from pointclip.search import Segmentation, weight_sets

PARTS, VIEWS = 3, 2


@pytest.fixture
def case():
    g = torch.Generator().manual_seed(0)
    truth = [torch.randint(-1, PARTS, (40,), generator=g) for _ in range(3)]
    fixed = [torch.where(torch.rand(40, generator=g) < 0.3, 2, -1) for _ in range(3)]
    reads = torch.randn(3, 40, VIEWS, 8, generator=g)  # what each view reads at each point
    texts = F.normalize(torch.randn(PARTS, 8, generator=g), dim=1)
    problem = Segmentation(
        truth,
        VIEWS,
        point_features=lambda weights: torch.einsum("nmvc,v->nmc", reads, weights.float()),
        view_logits=lambda texts: reads @ texts.T,
        fixed=fixed,
    )
    return problem, truth, fixed, reads, texts


def literal(truth, fixed, reads, texts, weights) -> float:
    ious = []
    for truth_of_shape, constant, read in zip(truth, fixed, reads, strict=True):
        labels = (torch.einsum("mvc,v->mc", read, weights.float()) @ texts.T).argmax(1)
        labels = torch.where(constant >= 0, constant, labels)
        ious.append(metrics.shape_iou(metrics.part_ious(truth_of_shape.numpy(), labels.numpy(), PARTS), "standard"))
    return float(np.mean(ious))


def test_sentences_are_scored_with_fixed_points(case):
    problem, truth, fixed, reads, texts = case
    weights = torch.tensor([0.5, 1.0])
    candidates = F.normalize(torch.randn(4, 8, generator=torch.Generator().manual_seed(1)), dim=1)
    scores = problem.sentence_scorer(weights, texts).scores_with(1, candidates)
    for score, candidate in zip(scores, candidates, strict=True):
        changed = torch.stack([texts[0], candidate, texts[2]])
        assert score == pytest.approx(literal(truth, fixed, reads, changed, weights))


def test_weights_are_scored_with_fixed_points(case):
    problem, truth, fixed, reads, texts = case
    sets = weight_sets(VIEWS)
    for score, weights in zip(problem.weight_scorer(texts)(sets), sets, strict=True):
        assert score == pytest.approx(literal(truth, fixed, reads, texts, weights))
