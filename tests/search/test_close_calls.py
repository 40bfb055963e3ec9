"""Float32 with float64 for close calls gives the result of float64, whatever the block size."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pointclip.metrics import part_ious, shape_iou
from pointclip.search import Classification, Segmentation, close_calls, search_weights, segmentation

pytest.importorskip("numba")


def near(g, count, width):
    """Unit vectors so close that float32 cannot distinguish their products; the second half repeats the first."""
    centre = F.normalize(torch.randn(width, generator=g), dim=0)
    rows = F.normalize(centre + 1e-6 * torch.randn(count, width, generator=g), dim=1)
    return torch.cat([rows[: count // 2], rows[: count - count // 2]])


@pytest.fixture(params=["whole", "in small blocks"])
def blocks(request, monkeypatch):
    if request.param != "whole":
        monkeypatch.setattr(close_calls, "MAX_ROWS", 7)
        monkeypatch.setattr(close_calls, "MAX_COLUMNS", 5)
        monkeypatch.setattr(segmentation, "SETS_CHUNK", 9)


@pytest.mark.parametrize("spread", [True, False])
@pytest.mark.parametrize("k", [0, 2])
def test_accuracy_with_other_sentences(blocks, spread, k):
    g = torch.Generator().manual_seed(1)
    features = F.normalize(torch.randn(60, 3, 100, generator=g), dim=2)
    labels = torch.randint(4, (60,), generator=g)
    candidates = F.normalize(torch.randn(300, 100, generator=g), dim=1) if spread else near(g, 300, 100)
    texts = candidates[:4].clone()
    weights = torch.tensor([0.25, 0.5, 1.0])
    scores = Classification(features, labels).sentence_scorer(weights, texts).scores_with(k, candidates)
    pooled = (features.double() * weights[:, None]).sum(1)
    products = (pooled[:, None] * candidates.double()).sum(2).numpy()  # [n, J], equal sentences get equal bits
    logits = products[:, :4].copy()
    for j, score in enumerate(scores):
        logits[:, k] = products[:, j]
        assert score == pytest.approx(100 * np.mean(logits.argmax(1) == labels.numpy()), abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_iou_with_other_sentences(blocks, dtype):
    g = torch.Generator().manual_seed(2)
    features = torch.randn(3, 50, 64, generator=g).to(dtype)
    features[:, :5] = 0  # points that no view sees
    truth = torch.randint(-1, 3, (3, 50), generator=g)
    candidates = torch.cat([near(g, 100, 64), F.normalize(torch.randn(100, 64, generator=g), dim=1)])
    texts = candidates[[0, 1, 150]]
    scorer = Segmentation(truth, 2, lambda weights: features).sentence_scorer(torch.ones(2), texts)
    products = (features.double()[:, :, None] * candidates.double()).sum(3).numpy()  # [n, N, J]
    logits = products[..., [0, 1, 150]].copy()
    for k in (1, 2, 0):
        scores = scorer.scores_with(k, candidates)
        for j in range(0, len(candidates), 7):
            logits[..., k] = products[..., j]
            ious = [
                shape_iou(part_ious(labels.numpy(), predicted, 3), "standard")
                for labels, predicted in zip(truth, logits.argmax(2), strict=True)
            ]
            assert scores[j] == pytest.approx(np.mean(ious), abs=1e-9)
        scorer.replace(k, candidates[7])
        logits[..., k] = products[..., 7]


def test_weights_of_equal_sums(blocks):
    """Thirds are indistinguishable in float32; sets that differ only in the order of summation tie."""
    g = torch.Generator().manual_seed(3)
    sets = torch.rand(20, 4, generator=g, dtype=torch.float64)
    sets = torch.cat([sets, sets * 2, sets.flip(0)])  # a factor of 2 changes nothing
    features = F.normalize(torch.randn(40, 4, 30, generator=g), dim=2)
    features[1::2] = features[::2]
    labels = torch.randint(3, (40,), generator=g)
    texts = near(g, 3, 30)
    scores = Classification(features, labels).weight_scorer(texts)(sets)
    logits = torch.einsum("nvc,kc->nkv", features.double(), texts.double())
    expected = [(100 * ((logits * weights).sum(2).numpy().argmax(1) == labels.numpy())).mean() for weights in sets]
    np.testing.assert_allclose(scores, expected, atol=1e-9)
    np.testing.assert_array_equal(scores[:20], scores[20:40])
    np.testing.assert_array_equal(scores[:20], scores[59:39:-1])

    logits = (features @ texts.T)[None]  # [1, N, V, K]
    scores = Segmentation(labels[None], 4, view_logits=lambda texts: logits).weight_scorer(texts)(sets)
    called = [(logits[0].double() * weights[:, None]).sum(1).numpy().argmax(1) for weights in sets]
    expected = [shape_iou(part_ious(labels.numpy(), each, 3), "standard") for each in called]
    np.testing.assert_allclose(scores, expected, atol=1e-9)


def test_iou_at_weights_that_float32_cannot_distinguish(blocks):
    g = torch.Generator().manual_seed(4)
    logits = 1 + torch.randint(-2, 3, (2, 200, 4, 3), generator=g) * 2.0**-23  # neighbouring float32 numbers
    truth = torch.randint(3, (2, 200), generator=g)
    sets = torch.rand(30, 4, generator=g, dtype=torch.float64)
    scores = Segmentation(truth, 4, view_logits=lambda texts: logits).weight_scorer(torch.eye(3))(sets)
    called = torch.einsum("nivk,gv->gnik", logits.double(), sets).numpy().argmax(3)
    ious = [
        [shape_iou(part_ious(t.numpy(), c, 3), "standard") for t, c in zip(truth, predictions, strict=True)]
        for predictions in called
    ]
    np.testing.assert_allclose(scores, np.mean(ious, 1), atol=1e-9)


def test_first_best_set_of_weights_wins():
    features, labels = torch.eye(2)[None], torch.tensor([0])
    sets = torch.tensor([[0.0, 1.0], [1.0, 1.0], [1.0, 0.5], [0.0, 0.0]])
    result = search_weights(Classification(features, labels), torch.eye(2), sets)
    assert result.weights == (1.0, 1.0)  # a tie of two classes names the first
    assert result.score == 100
