"""The search as settings describe it."""

import pytest
import torch
import torch.nn.functional as F

from pointclip.config import defaults, load_config
from pointclip.errors import InputError
from pointclip.search import (
    Classification,
    alternate,
    descend_weights,
    search,
    search_ensembles,
    search_sentences,
    search_weights,
    texts_of,
    weight_sets,
)
from pointclip.search.procedure import grid

VIEWS = 5
BOTH = ("prompts", "weights")


def settings_with(*words):
    return load_config(defaults(), None, ["PROMPTS.FILE", "some.json", *map(str, words)])


@pytest.fixture(scope="module")
def made_up():
    g = torch.Generator().manual_seed(3)
    candidates = [F.normalize(torch.randn(6, 8, generator=g), dim=1) for _ in range(4)]
    features = F.normalize(torch.randn(40, VIEWS, 8, generator=g), dim=2)
    return Classification(features, torch.randint(4, (40,), generator=g)), candidates


def test_the_defaults_are_the_published_procedure(made_up):
    problem, candidates = made_up
    found = search(problem, candidates, torch.ones(VIEWS), BOTH, settings_with().SEARCH)
    sentences = search_sentences(problem, candidates, torch.ones(VIEWS), None, 2)
    sets = weight_sets(VIEWS, (0.25, 0.5, 0.75, 1.0), {0: 0.75, 1: 0.75, 2: 0.75})
    weights = search_weights(problem, texts_of(candidates, sentences.choices), sets)
    assert weights.score > sentences.score
    assert (found.choices, found.weights, found.score) == (sentences.choices, weights.weights, weights.score)
    assert found.evaluations == sentences.evaluations + len(sets)


def test_what_is_not_sought_stays(made_up):
    problem, candidates = made_up
    c, began = settings_with().SEARCH, torch.tensor([1.0, 0.5, 0.5, 1, 1])
    only_sentences = search(problem, candidates, began, ["prompts"], c)
    assert only_sentences.weights == tuple(began.tolist())
    assert all(len(own) == 1 for own in only_sentences.choices)
    only_weights = search(problem, candidates, began, ["weights"], c)
    assert only_weights.choices == ((0, 1, 2, 3, 4, 5),) * 4  # all averaged


def test_weights_that_lower_the_score_are_not_taken(made_up):
    problem, candidates = made_up
    began = torch.ones(VIEWS)
    c = settings_with("SEARCH.VALUES", "0, 0", "SEARCH.FIXED_VIEWS", 1).SEARCH  # only the first view is left
    alone = search(problem, candidates, began, ["prompts"], c)
    both = search(problem, candidates, began, BOTH, c)
    assert (both.choices, both.weights, both.score) == (alone.choices, alone.weights, alone.score)


def test_the_other_ways(made_up):
    problem, candidates = made_up
    ones = torch.ones(VIEWS)
    ensembles = search(problem, candidates, ones, ["prompts"], settings_with("SEARCH.SENTENCES", "ensemble").SEARCH)
    assert ensembles.choices == search_ensembles(problem, candidates, ones).choices

    c = settings_with("SEARCH.WEIGHTS", "descent", "SEARCH.SWEEPS", 3).SEARCH
    descent = search(problem, candidates, ones, ["weights"], c)
    texts = texts_of(candidates, [range(6)] * 4)
    assert descent.weights == descend_weights(problem, texts, ones, sweeps=3).weights

    c = settings_with("SEARCH.START", "all").SEARCH
    found = search(problem, candidates, ones, ["prompts"], c)
    assert found.score == search_sentences(problem, candidates, ones, [range(6)] * 4).score

    c = settings_with("SEARCH.ALTERNATE", "True").SEARCH
    found = search(problem, candidates, ones, BOTH, c)
    expected = alternate(problem, candidates, ones, grid(range(VIEWS), c))
    assert (found.choices, found.weights) == (expected.choices, expected.weights)
    assert found.score >= search(problem, candidates, ones, BOTH, settings_with().SEARCH).score


def test_fixed_views_go_by_their_numbers():
    c = settings_with("SEARCH.VALUES", "0.5, 1").SEARCH
    assert grid([4, 1], c).tolist() == [[0.5, 0.75], [1.0, 0.75]]
    assert len(grid(range(6), c)) == 8
    with pytest.raises(InputError, match="leave no view weights to choose of views 0, 1"):
        grid([0, 1], c)


def test_the_views_are_as_many_as_the_problem_has(made_up):
    problem, candidates = made_up
    with pytest.raises(InputError, match=f"numbers of {VIEWS} views"):
        search(problem, candidates, torch.ones(VIEWS), ["weights"], settings_with().SEARCH, views=[0, 1])


def test_weights_alone_are_accepted_only_if_better_than_the_initial_ones(made_up):
    problem, candidates = made_up
    every = settings_with("SEARCH.VALUES", "0, 0.75", "SEARCH.FIXED_VIEWS", 0).SEARCH
    best = search(problem, candidates, torch.ones(VIEWS), ["weights"], every)
    c = settings_with("SEARCH.VALUES", "0, 0", "SEARCH.FIXED_VIEWS", 1).SEARCH  # only the first view is left
    kept = search(problem, candidates, torch.tensor(best.weights), ["weights"], c)
    assert (kept.weights, kept.score) == (best.weights, best.score)
