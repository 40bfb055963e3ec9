"""The search agrees with the literal procedure, sentence for sentence and weight for weight."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pointclip.search import Classification, Segmentation, search_sentences, search_weights, weight_sets
from tests.search import literal

pytest.importorskip("numba")

SIZES = {
    "seed": st.integers(0, 10_000),
    "exact": st.booleans(),
    "n": st.integers(1, 6),
    "views": st.integers(1, 3),
    "width": st.integers(1, 11),
    "classes": st.integers(1, 4),
    "sentences": st.integers(1, 5),
}
VALUES = (0.25, 0.5, 1.0)


def sentences_of(g, exact, width, classes, most):
    """Candidates [K][S, C]; sometimes two classes share sentences."""
    counts = torch.randint(1, most + 1, (classes,), generator=g).tolist()
    candidates = [literal.numbers(g, (count, width), exact) for count in counts]
    if classes > 1 and torch.rand(1, generator=g) < 0.4:
        candidates[-1] = candidates[0].clone()
    return candidates


def start_of(g, candidates):
    return [int(torch.randint(len(group), (1,), generator=g)) for group in candidates]


def classification(seed, exact, n, views, width, classes, sentences):
    g = torch.Generator().manual_seed(seed)
    features = literal.numbers(g, (n, views, width), exact)
    labels = torch.randint(classes, (n,), generator=g)
    candidates = sentences_of(g, exact, width, classes, sentences)
    exactly = literal.fractions(features)

    def score(texts, weights):
        return literal.accuracy(exactly, labels.tolist(), texts, weights)

    return g, Classification(features, labels), candidates, score


def segmentation(seed, exact, n, views, width, classes, sentences, rule, more):
    """Few points, so that ties occur; some are unseen, some unlabelled; `more` parts have no sentence."""
    g = torch.Generator().manual_seed(seed)
    counts = torch.randint(1, 7, (n,), generator=g).tolist()
    features = [literal.numbers(g, (count, views, width), exact) for count in counts]
    for shape in features:
        shape[torch.rand(shape.shape[:2], generator=g) < 0.3] = 0  # not visible
        shape[torch.rand(len(shape), generator=g) < 0.2] = 0
    labels = [torch.randint(-1, classes + more, (count,), generator=g) for count in counts]
    for parts in labels:
        parts[0] = parts[0].clamp(min=0)
    candidates = sentences_of(g, exact, width, classes, sentences)
    exactly = [literal.fractions(shape) for shape in features]

    def score(texts, weights):
        return literal.miou(exactly, [parts.tolist() for parts in labels], texts, weights, classes + more, rule)

    problem = Segmentation(
        labels,
        views,
        point_features=lambda weights: [torch.einsum("nvc,v->nc", shape, weights.float()) for shape in features],
        view_logits=lambda texts: [shape @ texts.T for shape in features],
        parts=classes + more,
        rule=rule,
    )
    return g, problem, candidates, score


def compare(g, problem, candidates, score):
    weights = torch.randint(1, 5, (problem.views,), generator=g) / 4
    start = start_of(g, candidates)
    result = search_sentences(problem, candidates, weights, start)
    exact_weights = literal.fractions(weights)
    chosen, best = literal.greedy(lambda texts: score(texts, exact_weights), literal.fractions(candidates), start)
    assert result.choices == tuple((index,) for index in chosen)
    assert result.score == pytest.approx(float(best), abs=1e-9)

    texts = torch.stack([group[index] for group, index in zip(candidates, chosen, strict=True)])
    fixed = {0: 0.75} if problem.views > 2 else {}
    result = search_weights(problem, texts, weight_sets(problem.views, VALUES, fixed))
    exact_texts = literal.fractions(texts)
    chosen, best = literal.best_weights(lambda trial: score(exact_texts, trial), VALUES, fixed, problem.views)
    assert result.weights == tuple(chosen)
    assert result.score == pytest.approx(float(best), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(**SIZES)
def test_classification(**sizes):
    compare(*classification(**sizes))


@settings(max_examples=40, deadline=None)
@given(**SIZES, rule=st.sampled_from(["standard", "skip"]), more=st.integers(0, 2))
def test_segmentation(**sizes):
    compare(*segmentation(**sizes))
