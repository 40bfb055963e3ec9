"""The search defined by the settings SEARCH.*: for sentences, view weights, or both."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor
from yacs.config import CfgNode

from pointclip.config import search_values
from pointclip.errors import InputError
from pointclip.search.alternate import alternate, better
from pointclip.search.choice import Choice, Problem, Step, check_weights, texts_of
from pointclip.search.sentences import search_ensembles, search_sentences
from pointclip.search.weights import PUBLISHED_WEIGHT, descend_weights, search_weights, weight_sets


def search(
    problem: Problem,
    candidates: Sequence[Tensor],
    weights: Tensor,
    what: Sequence[str],
    c: CfgNode,
    views: Sequence[int] | None = None,
    progress: bool = False,
    start: Sequence[int] | None = None,
    baseline: Tensor | None = None,
) -> Choice:
    """Search for sentences, then for view weights for them, as defined by the settings `c` (SEARCH).

    Without "prompts" all sentences are averaged; without "weights" the given weights are kept. New weights are only
    accepted if they improve the score, except with BASELINE none.

    Args:
        problem: features and labels to search on.
        candidates: for each class, or each part of a category, the unit features of its sentences, [S, C].
        weights: [V], initial view weights.
        what: "prompts", "weights" or both.
        views: the numbers of the V views in the projection, which SEARCH.FIXED_VIEWS refers to; None for 0, 1, 2, ...
        start: for each class the index of its initial sentence, if SEARCH.START is "published".
        baseline: [V], view weights whose score new weights must exceed, instead of the ones used so far. The published
            search of classification uses equal weights.

    Raises:
        InputError: for a wrong number of views, and input that does not match the problem.
    """
    if views is not None and len(views) != problem.views:
        raise InputError(f"The views are {list(views)}; expected {problem.views} view numbers.")
    sets = weight_grid(range(problem.views) if views is None else views, c) if "weights" in what else None
    all_sentences = [tuple(range(len(features))) for features in candidates]
    if start is None and (c.START == "all" or "prompts" not in what):
        start = all_sentences
    if c.ALTERNATE:
        assert sets is not None  # it needs both, see `pointclip.config.check_search`
        return alternate(problem, candidates, weights, sets, start, c.SWEEPS, progress=progress)
    if "prompts" not in what:
        best = evaluate_choice(problem, candidates, weights, tuple(all_sentences))
    elif c.SENTENCES == "greedy":
        best = search_sentences(problem, candidates, weights, start, c.SWEEPS, progress)
    else:
        best = search_ensembles(problem, candidates, weights, start=start, progress=progress)
    if sets is None:
        return best
    texts = texts_of(candidates, best.choices)
    if c.WEIGHTS == "descent":
        by_weights = descend_weights(problem, texts, best.weights, sweeps=c.SWEEPS, progress=progress)
    else:
        by_weights = search_weights(problem, texts, sets, progress)
    if baseline is not None:
        baseline_choice = evaluate_choice(problem, candidates, baseline, best.choices)
        best = replace(baseline_choice, history=best.history, evaluations=best.evaluations + 1)
    by_weights = replace(by_weights, choices=best.choices)
    if c.BASELINE == "none":  # a set of the grid, even where the weights used so far are as good
        evaluations = best.evaluations + by_weights.evaluations
        return replace(by_weights, history=best.history + by_weights.history, evaluations=evaluations)
    return better(best, by_weights)


def evaluate_choice(problem: Problem, candidates: Sequence[Tensor], weights: Tensor, choices: tuple) -> Choice:
    """Score a given choice, as a `Choice` without a search."""
    weights = check_weights(weights, problem.views)
    score = float(problem.weight_scorer(texts_of(candidates, choices))(weights[None])[0])
    return Choice(choices, tuple(weights.tolist()), score, (Step("start", 0, score),), 1)


def weight_grid(views: Sequence[int], c: CfgNode) -> Tensor:
    """The sets of view weights to try for these views by the settings `c` (SEARCH): [G, V].

    Raises:
        InputError: if the fixed views leave nothing to choose.
    """
    fixed = {i: PUBLISHED_WEIGHT for i, view in enumerate(views) if view < c.FIXED_VIEWS}
    sets = weight_sets(len(views), search_values(c), fixed)
    if len(sets) <= 1:
        raise InputError(
            f"SEARCH.FIXED_VIEWS {c.FIXED_VIEWS} and VALUES {c.VALUES} leave no weights to choose for the views "
            f"{', '.join(map(str, views))}; fix fewer views or give more values."
        )
    return sets


def in_words(what: Sequence[str], c: CfgNode) -> str:
    """A description of the procedure, for the result's file."""
    words = []
    if "prompts" in what:
        starts = {"first": "the first sentence", "all": "the mean of all", "published": "the paper's sentences"}
        kinds = {"greedy": f"one sentence each, {c.SWEEPS} sweeps", "ensemble": "the mean of each name's best"}
        words.append(f"sentences: {kinds[c.SENTENCES]}, starting from {starts[c.START]}")
    if "weights" in what:
        kinds = {
            "grid": f"all combinations of {c.VALUES}, the first {c.FIXED_VIEWS} views fixed at {PUBLISHED_WEIGHT}",
            "descent": f"one view at a time, {c.SWEEPS} sweeps",
        }
        accepted = "" if c.BASELINE == "initial" else ", the best set whatever it is compared with"
        words.append(f"view weights: {kinds[c.WEIGHTS]}{accepted}")
    return "; ".join(words) + ("; alternating until neither improves" if c.ALTERNATE else "")
