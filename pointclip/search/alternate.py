"""Alternating search for sentences and view weights, until neither improves."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from pointclip.errors import InputError
from pointclip.search.choice import Choice, Problem, Step, check_candidates, improves, texts_of
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
    """Search for sentences, then for weights, then for sentences again, and so on; the score never falls.

    A step is accepted only if the score strictly improves; the search stops when neither step improves it, or after
    `rounds`.

    Args:
        problem, candidates, start, sweeps: as in `search_sentences`.
        weights: [V], initial view weights.
        sets: [G, V], the weights to try; see `search_weights`.
        rounds: maximum number of rounds, each of weights and then sentences; at least 1.
    """
    if rounds < 1:
        raise InputError(f"The search has {rounds} rounds; expected at least 1.")
    candidates = check_candidates(candidates)
    best = search_sentences(problem, candidates, weights, start, sweeps, progress)
    for _ in range(rounds):
        before = best.score
        by_weights = search_weights(problem, texts_of(candidates, best.choices), sets, progress)
        best = better(best, replace(by_weights, choices=best.choices))
        by_sentences = search_sentences(problem, candidates, best.weights, best.choices, sweeps, progress)
        best = better(best, by_sentences)
        if not improves(best.score, before):
            break
    return best


def better(best: Choice, other: Choice) -> Choice:
    """The choice with the higher score (`best` if equal), with the history and evaluations of both."""
    evaluations = best.evaluations + other.evaluations
    if not improves(other.score, best.score):
        return replace(best, evaluations=evaluations)
    new: tuple[Step, ...] = tuple(step for step in other.history if improves(step.score, best.score))
    return replace(other, history=best.history + new, evaluations=evaluations)
