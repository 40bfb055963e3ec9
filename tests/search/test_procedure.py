"""The search procedure defined by the settings."""

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
from pointclip.search.procedure import weight_grid

VIEWS = 5
BOTH = ("prompts", "weights")


def settings_with(*words):
    return load_config(defaults(), None, ["PROMPTS.FILE", "some.json", *map(str, words)])


@pytest.fixture(scope="module")
def random_problem():
    g = torch.Generator().manual_seed(3)
    candidates = [F.normalize(torch.randn(6, 8, generator=g), dim=1) for _ in range(4)]
    features = F.normalize(torch.randn(40, VIEWS, 8, generator=g), dim=2)
    return Classification(features, torch.randint(4, (40,), generator=g)), candidates


def test_the_defaults_are_the_published_procedure(random_problem):
    problem, candidates = random_problem
    result = search(problem, candidates, torch.ones(VIEWS), BOTH, settings_with().SEARCH)
    sentences = search_sentences(problem, candidates, torch.ones(VIEWS), None, 2)
    sets = weight_sets(VIEWS, (0.25, 0.5, 0.75, 1.0), {0: 0.75, 1: 0.75, 2: 0.75})
    weights = search_weights(problem, texts_of(candidates, sentences.choices), sets)
    assert weights.score > sentences.score
    assert (result.choices, result.weights, result.score) == (sentences.choices, weights.weights, weights.score)
    assert result.evaluations == sentences.evaluations + len(sets)


def test_parts_not_searched_are_unchanged(random_problem):
    problem, candidates = random_problem
    c, initial = settings_with().SEARCH, torch.tensor([1.0, 0.5, 0.5, 1, 1])
    only_sentences = search(problem, candidates, initial, ["prompts"], c)
    assert only_sentences.weights == tuple(initial.tolist())
    assert all(len(choice) == 1 for choice in only_sentences.choices)
    only_weights = search(problem, candidates, initial, ["weights"], c)
    assert only_weights.choices == ((0, 1, 2, 3, 4, 5),) * 4  # all averaged


def test_v1_takes_the_first_best_set_of_its_grid(random_problem):
    """PointCLIP V1's search starts at an accuracy of 0: the initial weights do not keep a set that is as good out."""
    problem, candidates = random_problem
    c = settings_with("SEARCH.FIXED_VIEWS", 0, "SEARCH.BASELINE", "none").SEARCH
    sets, texts = weight_sets(VIEWS), texts_of(candidates, [tuple(range(6))] * 4)
    scores = problem.weight_scorer(texts)(sets)
    best = sets[int(scores.argmax())]  # the first
    for initial in (torch.ones(VIEWS), 2 * best.float()):
        found = search(problem, candidates, initial, ["weights"], c)
        assert found.weights == tuple(best.tolist())
        assert found.score == scores.max()
    kept = search(problem, candidates, 2 * best.float(), ["weights"], settings_with("SEARCH.FIXED_VIEWS", 0).SEARCH)
    assert kept.weights == tuple((2 * best).tolist())


def test_worse_weights_are_not_accepted(random_problem):
    problem, candidates = random_problem
    initial = torch.ones(VIEWS)
    c = settings_with("SEARCH.VALUES", "0, 0", "SEARCH.FIXED_VIEWS", 1).SEARCH  # only the first view is left
    alone = search(problem, candidates, initial, ["prompts"], c)
    both = search(problem, candidates, initial, BOTH, c)
    assert (both.choices, both.weights, both.score) == (alone.choices, alone.weights, alone.score)


def test_other_procedures(random_problem):
    problem, candidates = random_problem
    ones = torch.ones(VIEWS)
    ensembles = search(problem, candidates, ones, ["prompts"], settings_with("SEARCH.SENTENCES", "ensemble").SEARCH)
    assert ensembles.choices == search_ensembles(problem, candidates, ones).choices

    c = settings_with("SEARCH.WEIGHTS", "descent", "SEARCH.SWEEPS", 3).SEARCH
    descent = search(problem, candidates, ones, ["weights"], c)
    texts = texts_of(candidates, [range(6)] * 4)
    assert descent.weights == descend_weights(problem, texts, ones, sweeps=3).weights

    c = settings_with("SEARCH.START", "all").SEARCH
    result = search(problem, candidates, ones, ["prompts"], c)
    assert result.score == search_sentences(problem, candidates, ones, [range(6)] * 4).score

    c = settings_with("SEARCH.ALTERNATE", "True").SEARCH
    result = search(problem, candidates, ones, BOTH, c)
    expected = alternate(problem, candidates, ones, weight_grid(range(VIEWS), c))
    assert (result.choices, result.weights) == (expected.choices, expected.weights)
    assert result.score >= search(problem, candidates, ones, BOTH, settings_with().SEARCH).score


def test_fixed_views_refer_to_view_numbers():
    c = settings_with("SEARCH.VALUES", "0.5, 1").SEARCH
    assert weight_grid([4, 1], c).tolist() == [[0.5, 0.75], [1.0, 0.75]]
    assert len(weight_grid(range(6), c)) == 8
    with pytest.raises(InputError, match="leave no weights to choose for the views 0, 1"):
        weight_grid([0, 1], c)


def test_number_of_views_must_match_the_problem(random_problem):
    problem, candidates = random_problem
    with pytest.raises(InputError, match=f"expected {VIEWS} view numbers"):
        search(problem, candidates, torch.ones(VIEWS), ["weights"], settings_with().SEARCH, views=[0, 1])


def test_searched_weights_must_beat_the_initial_ones(random_problem):
    problem, candidates = random_problem
    every = settings_with("SEARCH.VALUES", "0, 0.75", "SEARCH.FIXED_VIEWS", 0).SEARCH
    best = search(problem, candidates, torch.ones(VIEWS), ["weights"], every)
    c = settings_with("SEARCH.VALUES", "0, 0", "SEARCH.FIXED_VIEWS", 1).SEARCH  # only the first view is left
    kept = search(problem, candidates, torch.tensor(best.weights), ["weights"], c)
    assert (kept.weights, kept.score) == (best.weights, best.score)
