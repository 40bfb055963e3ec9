"""Choosing each class's sentences at fixed view weights."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from tqdm import tqdm

from pointclip.errors import InputError
from pointclip.search.choice import (
    Choice,
    Problem,
    Step,
    check_candidates,
    check_start,
    check_weights,
    climb,
    rises,
    texts_of,
)


def search_sentences(
    problem: Problem,
    candidates: Sequence[Tensor],
    weights: Sequence[float] | Tensor,
    start: Sequence[int | Sequence[int]] | None = None,
    sweeps: int = 2,
    progress: bool = False,
) -> Choice:
    """Choose one sentence per class, greedily, as PointCLIP V2 does.

    For each class in order, each of its candidates replaces the class's sentence if the score rises strictly; so many
    sweeps over the classes. A sweep that changes nothing ends the search, for further ones would change nothing either.

    Args:
        problem: the features and labels to choose on; to be honest, not those that the result is reported on.
        candidates: for each of K classes the unit features of its sentences, [S, C].
        weights: [V], view weights.
        start: for each class the index of its first sentence, or several of which it is the mean; None for index 0.
        sweeps: at most so many, at least 1.
        progress: whether to show a bar with classes/s.

    Raises:
        InputError: for input of other shapes.
    """
    candidates, weights = check_candidates(candidates), check_weights(weights, problem.views)
    choices = check_start(start, candidates)
    if sweeps < 1:
        raise InputError(f"{sweeps} sweeps were asked for; at least 1 was expected.")
    texts = texts_of(candidates, choices)
    scorer = problem.sentence_scorer(weights, texts)
    score = float(scorer.scores_with(0, texts[:1])[0])
    history, evaluations = [Step("start", 0, score)], 1
    with tqdm(total=sweeps * len(candidates), unit=" classes", desc="sentences", disable=not progress) as bar:
        for _ in range(sweeps):
            before = score
            for k, own in enumerate(candidates):
                scores = scorer.scores_with(k, own)
                place = climb(scores, score)
                if place is not None:
                    choices[k], score = (place,), float(scores[place])
                    scorer.put(k, own[place])
                    history.append(Step("sentence", k, score))
                evaluations += len(own)
                bar.update()
            if score == before:
                break
    return Choice(tuple(choices), tuple(weights.tolist()), score, tuple(history), evaluations)


def search_ensembles(
    problem: Problem,
    candidates: Sequence[Tensor],
    weights: Sequence[float] | Tensor,
    sizes: Sequence[int] = (1, 2, 4, 8, 16, 32),
    start: Sequence[int | Sequence[int]] | None = None,
    progress: bool = False,
) -> Choice:
    """Give every class the mean of its best m sentences, and choose m.

    A sentence is ranked by the score that it gets alone for its class, while the other classes keep their starting
    sentences; of equal ones the first comes first. Of the sizes m that score best the first is taken. A class with
    fewer sentences takes all it has. Arguments as in `search_sentences`.
    """
    candidates, weights = check_candidates(candidates), check_weights(weights, problem.views)
    base = texts_of(candidates, check_start(start, candidates))
    if not sizes or min(sizes) < 1:
        raise InputError(f"The ensemble sizes are {list(sizes)}; at least one number from 1 was expected.")
    scorer, rankings = problem.sentence_scorer(weights, base), []
    for k, own in enumerate(tqdm(candidates, unit=" classes", desc="rankings", disable=not progress)):
        scores = scorer.scores_with(k, own).round(9)  # equal scores may differ by rounding
        rankings.append(np.argsort(-scores, kind="stable").tolist())
    chosen, score, history = (), -np.inf, []
    for size in sizes:
        choices = tuple(tuple(ranking[:size]) for ranking in rankings)
        texts = texts_of(candidates, choices)
        own = float(problem.sentence_scorer(weights, texts).scores_with(0, texts[:1])[0])
        if rises(own, score):
            chosen, score = choices, own
            history.append(Step("ensemble", size, own))
    evaluations = sum(map(len, candidates)) + len(sizes)
    return Choice(chosen, tuple(weights.tolist()), score, tuple(history), evaluations)
