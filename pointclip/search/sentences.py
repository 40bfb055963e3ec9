"""Search for each class's sentences at fixed view weights."""

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
    find_improvement,
    improves,
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
    """Choose one sentence per class greedily, as PointCLIP V2 does.

    For each class in order, each candidate replaces the class's current sentence if that strictly improves the score.
    This is repeated for `sweeps` passes over the classes, or until a pass changes nothing.

    Args:
        problem: the features and labels to search on; for an honest result, not those that are reported on.
        candidates: for each of K classes, the unit features of its sentences, [S, C].
        weights: [V], view weights.
        start: for each class, the index of its initial sentence, or indices of several to average; None for index 0.
        sweeps: maximum number of passes, at least 1.
        progress: whether to show a progress bar.

    Raises:
        InputError: for input of other shapes.
    """
    candidates, weights = check_candidates(candidates), check_weights(weights, problem.views)
    choices = check_start(start, candidates)
    if sweeps < 1:
        raise InputError(f"The search has {sweeps} sweeps; expected at least 1.")
    texts = texts_of(candidates, choices)
    scorer = problem.sentence_scorer(weights, texts)
    score = float(scorer.scores_with(0, texts[:1])[0])
    history, evaluations = [Step("start", 0, score)], 1
    with tqdm(total=sweeps * len(candidates), unit=" classes", desc="sentences", disable=not progress) as bar:
        for _ in range(sweeps):
            before = score
            for k, sentences in enumerate(candidates):
                scores = scorer.scores_with(k, sentences)
                index = find_improvement(scores, score)
                if index is not None:
                    choices[k], score = (index,), float(scores[index])
                    scorer.replace(k, sentences[index])
                    history.append(Step("sentence", k, score))
                evaluations += len(sentences)
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
    """Give every class the mean of its m best sentences, and choose m.

    A class's sentences are ranked by the score with each of them alone, while the other classes keep their initial
    sentences; ties keep their order. Of equally good sizes m the first is chosen. A class with fewer sentences uses all
    of them. Arguments as in `search_sentences`.
    """
    candidates, weights = check_candidates(candidates), check_weights(weights, problem.views)
    base = texts_of(candidates, check_start(start, candidates))
    if not sizes or min(sizes) < 1:
        raise InputError(f"The ensemble sizes are {list(sizes)}; expected at least one, all of them at least 1.")
    scorer, rankings = problem.sentence_scorer(weights, base), []
    for k, sentences in enumerate(tqdm(candidates, unit=" classes", desc="rankings", disable=not progress)):
        scores = scorer.scores_with(k, sentences).round(9)  # equal scores may differ by rounding
        rankings.append(np.argsort(-scores, kind="stable").tolist())
    chosen, score, history = (), -np.inf, []
    for size in sizes:
        choices = tuple(tuple(ranking[:size]) for ranking in rankings)
        texts = texts_of(candidates, choices)
        size_score = float(problem.sentence_scorer(weights, texts).scores_with(0, texts[:1])[0])
        if improves(size_score, score):
            chosen, score = choices, size_score
            history.append(Step("ensemble", size, score))
    evaluations = sum(map(len, candidates)) + len(sizes)
    return Choice(chosen, tuple(weights.tolist()), score, tuple(history), evaluations)
