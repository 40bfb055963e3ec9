"""The search chooses what the literal procedure chooses, sentence for sentence and weight for weight."""

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
    """Candidates [K][S, C]; now and then a class has another's sentences."""
    counts = torch.randint(1, most + 1, (classes,), generator=g).tolist()
    candidates = [literal.numbers(g, (count, width), exact) for count in counts]
    if classes > 1 and torch.rand(1, generator=g) < 0.4:
        candidates[-1] = candidates[0].clone()
    return candidates


def start_of(g, candidates):
    return [int(torch.randint(len(own), (1,), generator=g)) for own in candidates]


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
    """As few points as suffice for ties; some are unseen, some have no known part; parts beyond have no sentence."""
    g = torch.Generator().manual_seed(seed)
    counts = torch.randint(1, 7, (n,), generator=g).tolist()
    features = [literal.numbers(g, (count, views, width), exact) for count in counts]
    for own in features:
        own[torch.rand(own.shape[:2], generator=g) < 0.3] = 0  # not visible
        own[torch.rand(len(own), generator=g) < 0.2] = 0
    labels = [torch.randint(-1, classes + more, (count,), generator=g) for count in counts]
    for own in labels:
        own[0] = own[0].clamp(min=0)
    candidates = sentences_of(g, exact, width, classes, sentences)
    exactly = [literal.fractions(own) for own in features]

    def score(texts, weights):
        return literal.miou(exactly, [own.tolist() for own in labels], texts, weights, classes + more, rule)

    problem = Segmentation(
        labels,
        views,
        point_features=lambda weights: [torch.einsum("nvc,v->nc", own, weights.float()) for own in features],
        view_logits=lambda texts: [own @ texts.T for own in features],
        parts=classes + more,
        rule=rule,
    )
    return g, problem, candidates, score


def compare(g, problem, candidates, score):
    weights = torch.randint(1, 5, (problem.views,), generator=g) / 4
    start = start_of(g, candidates)
    found = search_sentences(problem, candidates, weights, start)
    exact_weights = literal.fractions(weights)
    chosen, best = literal.greedy(lambda texts: score(texts, exact_weights), literal.fractions(candidates), start)
    assert found.choices == tuple((index,) for index in chosen)
    assert found.score == pytest.approx(float(best), abs=1e-9)

    texts = torch.stack([own[index] for own, index in zip(candidates, chosen, strict=True)])
    fixed = {0: 0.75} if problem.views > 2 else {}
    found = search_weights(problem, texts, weight_sets(problem.views, VALUES, fixed))
    exact_texts = literal.fractions(texts)
    chosen, best = literal.best_weights(lambda trial: score(exact_texts, trial), VALUES, fixed, problem.views)
    assert found.weights == tuple(chosen)
    assert found.score == pytest.approx(float(best), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(**SIZES)
def test_classification(**sizes):
    compare(*classification(**sizes))


@settings(max_examples=40, deadline=None)
@given(**SIZES, rule=st.sampled_from(["standard", "skip"]), more=st.integers(0, 2))
def test_segmentation(**sizes):
    compare(*segmentation(**sizes))
