"""The search that the settings SEARCH.* describe: sentences, view weights, or both."""

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
    """Choose sentences, then view weights for them, in the way that the settings `c` (SEARCH) say.

    What is not sought stays: all sentences averaged, or the `weights` that came. Other weights are taken only if they
    raise the score.

    Args:
        problem: features and labels to choose on.
        candidates: for each class, or each part of a category, the unit features of its sentences, [S, C].
        weights: [V], to begin with.
        what: "prompts", "weights" or both.
        views: the numbers of the V views in the projection, by which SEARCH.FIXED_VIEWS goes; None for 0, 1, 2, ...
        start: for each class the index of the sentence to begin with, where SEARCH.START is "published".
        baseline: [V], the view weights whose score others must exceed, in place of those searched with so far. The
            published search of classification takes equal weights here.

    Raises:
        InputError: for other than V views, and what does not fit the problem.
    """
    if views is not None and len(views) != problem.views:
        raise InputError(f"The views came as {list(views)}; the numbers of {problem.views} views were expected.")
    sets = grid(range(problem.views) if views is None else views, c) if "weights" in what else None
    everything = [tuple(range(len(own))) for own in candidates]
    if start is None and (c.START == "all" or "prompts" not in what):
        start = everything
    if c.ALTERNATE:
        return alternate(problem, candidates, weights, sets, start, c.SWEEPS, progress=progress)
    if "prompts" not in what:
        best = as_it_is(problem, candidates, weights, tuple(everything))
    elif c.SENTENCES == "greedy":
        best = search_sentences(problem, candidates, weights, start, c.SWEEPS, progress)
    else:
        best = search_ensembles(problem, candidates, weights, start=start, progress=progress)
    if "weights" not in what:
        return best
    texts = texts_of(candidates, best.choices)
    if c.WEIGHTS == "descent":
        found = descend_weights(problem, texts, best.weights, sweeps=c.SWEEPS, progress=progress)
    else:
        found = search_weights(problem, texts, sets, progress)
    if baseline is not None:
        before = as_it_is(problem, candidates, baseline, best.choices)
        best = replace(before, history=best.history, evaluations=best.evaluations + 1)
    return better(best, replace(found, choices=best.choices))


def as_it_is(problem: Problem, candidates: Sequence[Tensor], weights: Tensor, choices: tuple) -> Choice:
    """The score of a choice as a search's outcome that has tried nothing else."""
    weights = check_weights(weights, problem.views)
    score = float(problem.weight_scorer(texts_of(candidates, choices))(weights[None])[0])
    return Choice(choices, tuple(weights.tolist()), score, (Step("start", 0, score),), 1)


def grid(views: Sequence[int], c: CfgNode) -> Tensor:
    """The sets of weights of these views that the settings `c` (SEARCH) mean: [G, V].

    Raises:
        InputError: when the fixed views leave nothing to choose.
    """
    fixed = {place: PUBLISHED_WEIGHT for place, view in enumerate(views) if view < c.FIXED_VIEWS}
    sets = weight_sets(len(views), search_values(c), fixed)
    if len(sets) <= 1:
        raise InputError(
            f"SEARCH.FIXED_VIEWS {c.FIXED_VIEWS} and VALUES {c.VALUES} leave no view weights to choose of views "
            f"{', '.join(map(str, views))}; fix fewer views or give more values."
        )
    return sets


def in_words(what: Sequence[str], c: CfgNode) -> str:
    """The procedure, for the outcome's file."""
    words = []
    if "prompts" in what:
        starts = {"first": "the first sentence", "all": "the mean of all", "published": "the paper's sentences"}
        kinds = {"greedy": f"one sentence each, {c.SWEEPS} sweeps", "ensemble": "the mean of each name's best"}
        words.append(f"sentences: {kinds[c.SENTENCES]}, beginning with {starts[c.START]}")
    if "weights" in what:
        kinds = {
            "grid": f"every combination of {c.VALUES}, the first {c.FIXED_VIEWS} views fixed at {PUBLISHED_WEIGHT}",
            "descent": f"one view at a time, {c.SWEEPS} sweeps",
        }
        words.append(f"view weights: {kinds[c.WEIGHTS]}")
    return "; ".join(words) + ("; in turn until neither improves" if c.ALTERNATE else "")
