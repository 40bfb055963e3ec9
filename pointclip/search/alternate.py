"""Sentences and view weights in turn, until neither improves."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from pointclip.errors import InputError
from pointclip.search.choice import Choice, Problem, Step, check_candidates, rises, texts_of
from pointclip.search.sentences import search_sentences
from pointclip.search.weights import search_weights


def alternate(
    problem: Problem,
    candidates: Sequence[Tensor],
    weights: Sequence[float] | Tensor,
    sets: Tensor,
    start: Sequence[int | Sequence[int]] | None = None,
    sweeps: int = 2,
    rounds: int = 10,
    progress: bool = False,
) -> Choice:
    """Search sentences, then weights for them, then sentences from there, and so on; the score never falls.

    Either step is taken only if the score rises strictly, so it ends; after `rounds` it ends in any case.

    Args:
        problem, candidates, start, sweeps: as in `search_sentences`.
        weights: [V], those to begin with.
        sets: [G, V], those to try; see `search_weights`.
        rounds: at most so many searches of weights and then sentences, at least 1.
    """
    if rounds < 1:
        raise InputError(f"{rounds} rounds were asked for; at least 1 was expected.")
    candidates = check_candidates(candidates)
    best = search_sentences(problem, candidates, weights, start, sweeps, progress)
    for _ in range(rounds):
        before = best.score
        weighed = search_weights(problem, texts_of(candidates, best.choices), sets, progress)
        best = better(best, replace(weighed, choices=best.choices))
        again = search_sentences(problem, candidates, best.weights, best.choices, sweeps, progress)
        best = better(best, again)
        if not rises(best.score, before):
            break
    return best


def better(best: Choice, other: Choice) -> Choice:
    """The outcome with the higher score, `best` if they are equal, with the history and the evaluations of both."""
    evaluations = best.evaluations + other.evaluations
    if not rises(other.score, best.score):
        return replace(best, evaluations=evaluations)
    new: tuple[Step, ...] = tuple(step for step in other.history if rises(step.score, best.score))
    return replace(other, history=best.history + new, evaluations=evaluations)
