"""Alternation, ensembles and coordinate descent: results, history, and invalid input."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pointclip.errors import InputError
from pointclip.search import (
    PUBLISHED_WEIGHT,
    Classification,
    Segmentation,
    alternate,
    descend_weights,
    search_ensembles,
    search_sentences,
    search_weights,
    texts_of,
    weight_sets,
)
from tests.search import literal

pytest.importorskip("numba")


def random_features(seed=0, n=40, views=4, width=12, classes=4, sentences=9):
    """Random features near their class's direction, and sentences at varying distance from it."""
    g = torch.Generator().manual_seed(seed)
    centres = F.normalize(torch.randn(classes, width, generator=g), dim=1)
    labels = torch.randint(classes, (n,), generator=g)
    noise = torch.randn(n, views, width, generator=g)
    features = F.normalize(0.4 * centres[labels][:, None] + 0.3 * noise, dim=2)
    spread = torch.randn(classes, sentences, width, generator=g)
    return features, labels, list(F.normalize(centres[:, None] + 0.5 * spread, dim=2))


def problem_of(task, features, labels):
    if task == "classification":
        return Classification(features, labels)
    return Segmentation(  # the same features as points of two shapes
        list(labels.split(20)),
        features.shape[1],
        point_features=lambda weights: list(torch.einsum("nvc,v->nc", features, weights.float()).split(20)),
        view_logits=lambda texts: list((features @ texts.T).split(20)),
    )


TASKS = ["classification", "segmentation"]


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_alternation_is_monotone_and_stops_without_improvement(task, seed):
    features, labels, candidates = random_features(seed)
    problem, sets = problem_of(task, features, labels), weight_sets(4, (0.0, 0.5, 1.0), {0: 1.0})
    result = alternate(problem, candidates, torch.ones(4), sets)
    scores = [step.score for step in result.history]
    assert scores == sorted(set(scores))
    assert scores[-1] == result.score
    assert result.score >= search_sentences(problem, candidates, torch.ones(4)).score
    again = search_sentences(problem, candidates, result.weights, result.choices)
    assert again.choices == result.choices
    assert search_weights(problem, texts_of(candidates, result.choices), sets).score <= result.score + 1e-9


@pytest.mark.parametrize("task", TASKS)
def test_alternation_keeps_its_weights_if_others_are_worse(task):
    features, labels, candidates = random_features(7)
    problem = problem_of(task, features, labels)
    result = alternate(problem, candidates, torch.ones(4), torch.zeros(1, 4))
    assert result.weights == (1.0,) * 4
    assert result.evaluations > search_sentences(problem, candidates, torch.ones(4)).evaluations


@pytest.mark.parametrize(("task", "seed"), [("classification", 3), ("segmentation", 1)])
def test_second_sweep_continues_the_first(task, seed):
    features, labels, candidates = random_features(seed)
    problem = problem_of(task, features, labels)
    once, twice = (search_sentences(problem, candidates, torch.ones(4), sweeps=sweeps) for sweeps in (1, 2))
    assert twice.score > once.score
    assert twice == replace(
        search_sentences(problem, candidates, torch.ones(4), once.choices, sweeps=1),
        history=twice.history,
        evaluations=twice.evaluations,
    )


@pytest.mark.parametrize("task", TASKS)
def test_descent_starts_from_given_weights_and_finds_the_good_view(task):
    features, labels, candidates = random_features(1)
    features[:, 1:] = F.normalize(torch.randn(40, 3, 12, generator=torch.Generator().manual_seed(5)), dim=2)
    texts = texts_of(candidates, [(0,)] * 4)
    problem = problem_of(task, features, labels)
    result = descend_weights(problem, texts, torch.ones(4))
    start = search_weights(problem, texts, torch.ones(1, 4)).score
    assert result.history[0].score == pytest.approx(start, abs=1e-9)
    assert result.score > start
    assert result.weights[0] > max(result.weights[1:])
    reached = search_weights(problem, texts, torch.tensor([result.weights], dtype=torch.float64)).score
    assert result.score == pytest.approx(reached, abs=1e-9)


def test_ensembles_average_each_classs_best_sentences():
    features, labels, candidates = random_features(2)
    weights = torch.tensor([1.0, 0.5, 0.25, 0.75])
    result = search_ensembles(Classification(features, labels), candidates, weights, sizes=(3,))
    exact, exact_weights = literal.fractions(features), literal.fractions(weights)
    base = literal.fractions([group[0] for group in candidates])
    for k, group in enumerate(candidates):
        alone = [
            literal.accuracy(
                exact, labels.tolist(), [*base[:k], literal.fractions(text), *base[k + 1 :]], exact_weights
            )
            for text in group
        ]
        assert result.choices[k] == tuple(sorted(range(len(group)), key=lambda j, alone=alone: (-alone[j], j))[:3])
    means = torch.stack(
        [
            F.normalize(group[list(chosen)].mean(0), dim=0)
            for group, chosen in zip(candidates, result.choices, strict=True)
        ]
    )
    expected = literal.accuracy(exact, labels.tolist(), literal.fractions(means), exact_weights)
    assert result.score == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize("task", TASKS)
def test_the_best_ensemble_size_is_chosen(task):
    features, labels, candidates = random_features(3)
    problem = problem_of(task, features, labels)
    result = search_ensembles(problem, candidates, torch.ones(4), sizes=(1, 2, 4, 100))
    single = [search_ensembles(problem, candidates, torch.ones(4), sizes=(m,)) for m in (1, 2, 4, 100)]
    assert result.score == max(one.score for one in single)
    assert result.choices == max(single, key=lambda one: one.score).choices
    assert {len(chosen) for chosen in single[-1].choices} == {9}  # there are no more


def test_search_reports_evaluations_and_history():
    features, labels, candidates = random_features(4)
    problem = Classification(features, labels)
    result = search_sentences(problem, candidates, torch.ones(4), sweeps=1)
    assert result.evaluations == 1 + 4 * 9
    assert [step.changed for step in result.history] == ["start"] + ["sentence"] * (len(result.history) - 1)
    assert result.history[-1].score == result.score > result.history[0].score
    assert result.weights == (1.0,) * 4
    done = search_sentences(problem, candidates, torch.ones(4), result.choices, sweeps=9)
    assert done.evaluations <= 1 + 3 * 4 * 9  # a sweep without a change is the last
    assert search_weights(problem, texts_of(candidates, result.choices), weight_sets(4)).evaluations == 4**4


def test_published_grids():
    sets = weight_sets(10, fixed=dict.fromkeys(range(3), PUBLISHED_WEIGHT))
    assert sets.shape == (4**7, 10)
    assert sets[0].tolist() == [0.75] * 3 + [0.25] * 7
    assert sets[1].tolist() == [0.75] * 3 + [0.25] * 6 + [0.5]  # the last view changes first
    assert weight_sets(10, fixed=dict.fromkeys(range(4), PUBLISHED_WEIGHT)).shape == (4**6, 10)


def refused():
    features, labels, candidates = random_features()
    problem = Classification(features, labels)
    texts, ones = texts_of(candidates, [(0,)] * 4), torch.ones(4)
    truth = torch.zeros(1, 5, dtype=torch.long)
    parts = Segmentation(truth, 4, lambda weights: torch.ones(1, 5, 12), lambda texts: torch.ones(1, 5, 4, 1))
    return {
        "features of two axes": lambda: Classification(features[0], labels),
        "features that are nan": lambda: Classification(features * torch.nan, labels),
        "labels of another length": lambda: Classification(features, labels[1:]),
        "labels that are not integers": lambda: Classification(features, labels.float()),
        "unknown classes": lambda: Classification(features, labels - 1),
        "fewer sentences than classes": lambda: search_sentences(problem, candidates[:2], ones),
        "sentences of another width": lambda: search_sentences(problem, [group[:, :5] for group in candidates], ones),
        "no candidates": lambda: search_sentences(problem, [], ones),
        "a class without candidates": lambda: search_sentences(problem, [*candidates[:3], candidates[0][:0]], ones),
        "a start that does not exist": lambda: search_sentences(problem, candidates, ones, [0, 0, 0, 9]),
        "an empty start": lambda: search_sentences(problem, candidates, ones, [(), 0, 0, 0]),
        "no sweeps": lambda: search_sentences(problem, candidates, ones, sweeps=0),
        "too few weights": lambda: search_sentences(problem, candidates, torch.ones(3)),
        "weights that are nan": lambda: search_sentences(problem, candidates, ones * torch.nan),
        "sets of too few weights": lambda: search_weights(problem, texts, torch.ones(5, 3)),
        "no sets": lambda: search_weights(problem, texts, torch.ones(0, 4)),
        "texts of one axis": lambda: search_weights(problem, texts[0], torch.ones(1, 4)),
        "a fixed view that does not exist": lambda: weight_sets(4, fixed={4: 1.0}),
        "no values": lambda: weight_sets(4, ()),
        "too many sets": lambda: weight_sets(20),
        "no values to descend on": lambda: descend_weights(problem, texts, ones, values=()),
        "no sizes": lambda: search_ensembles(problem, candidates, ones, sizes=()),
        "no rounds": lambda: alternate(problem, candidates, ones, torch.ones(1, 4), rounds=0),
        "an unknown rule": lambda: Segmentation(truth, 4, rule="mean"),
        "no shapes": lambda: Segmentation([], 4),
        "parts that are not integers": lambda: Segmentation(truth.double(), 4),
        "parts of two axes": lambda: Segmentation(truth[None], 4),
        "a shape without known parts": lambda: Segmentation(truth - 1, 4),
        "parts without sentences": lambda: search_sentences(
            Segmentation(truth + 7, 4, lambda weights: torch.ones(1, 5, 12)), candidates, ones
        ),
        "no features to search sentences": lambda: search_sentences(Segmentation(truth, 4), candidates, ones),
        "no logits to search weights": lambda: search_weights(Segmentation(truth, 4), texts, torch.ones(1, 4)),
        "point features of another width": lambda: search_sentences(parts, [torch.ones(1, 3)], ones),
        "view logits of other parts": lambda: search_weights(parts, texts, torch.ones(1, 4)),
        "features of more shapes": lambda: search_sentences(
            Segmentation(truth, 4, lambda weights: torch.ones(2, 5, 12)), candidates, ones
        ),
        "logits of more shapes": lambda: search_weights(
            Segmentation(truth, 4, view_logits=lambda texts: torch.ones(2, 5, 4, 4)), texts, torch.ones(1, 4)
        ),
        "point features that are nan": lambda: search_sentences(
            Segmentation(truth, 4, lambda weights: torch.full((1, 5, 12), torch.nan)), candidates, ones
        ),
    }


@pytest.mark.parametrize("case", refused())
def test_bad_input_is_rejected(case):
    with pytest.raises(InputError, match=r"expected|give|leave|extract"):
        refused()[case]()
