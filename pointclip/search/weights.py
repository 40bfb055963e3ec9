"""Choosing the view weights for fixed sentences."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pointclip.errors import InputError
from pointclip.search.choice import Choice, Problem, Step, check_weights, climb

PUBLISHED_VALUES = (0.25, 0.5, 0.75, 1.0)
PUBLISHED_WEIGHT = 0.75  # of the views that the published search does not try values for
MOST_SETS = 1 << 22
CHUNK = 1024  # sets that are scored at a time


def weight_sets(
    views: int, values: Sequence[float] = PUBLISHED_VALUES, fixed: Mapping[int, float] | None = None
) -> Tensor:
    """Every combination of the values over the views that are not fixed, in the order of `itertools.product`.

    Args:
        views: V.
        values: what a free view may weigh.
        fixed: {view: weight}.

    Returns:
        [G, V] float64, G = number of values to the power of free views; a set of zeros alone is left out.

    Raises:
        InputError: for no values, fixed views that do not exist, and more than four million combinations.
    """
    fixed = dict(fixed or {})
    strange = [view for view in fixed if not 0 <= view < views]
    if strange or not values:
        raise InputError(
            f"Values {list(values)} came with fixed views {fixed}; values for some of {views} views were expected."
        )
    free = views - len(fixed)
    if len(values) ** free > MOST_SETS:
        raise InputError(
            f"{len(values)} values for {free} views make {len(values) ** free} sets of weights; fix more views or give "
            f"fewer values (at most {MOST_SETS} sets), or search by descend_weights."
        )
    axes = [[fixed[view]] if view in fixed else values for view in range(views)]
    sets = torch.tensor(list(itertools.product(*axes)), dtype=torch.float64)
    return sets[sets.ne(0).any(1)]  # without any weight nothing is seen


def search_weights(problem: Problem, texts: Tensor, sets: Tensor, progress: bool = False) -> Choice:
    """Try every set of view weights, as PointCLIP V2 does; the first of the best is taken.

    Args:
        problem: the features and labels to choose on; to be honest, not those that the result is reported on.
        texts: [K, C], unit features of the classes' sentences.
        sets: [G, V], for instance from `weight_sets`.
        progress: whether to show a bar with sets/s.

    Raises:
        InputError: for input of other shapes.
    """
    sets = torch.as_tensor(sets, dtype=torch.float64).cpu()
    if sets.ndim != 2 or not len(sets) or sets.shape[1] != problem.views or not bool(sets.isfinite().all()):
        raise InputError(f"Sets of weights came as {list(sets.shape)}; finite ones [G, {problem.views}] were expected.")
    score_of, scores = problem.weight_scorer(check_texts(texts)), []
    with tqdm(total=len(sets), unit=" sets", desc="weights", disable=not progress) as bar:
        for some in sets.split(CHUNK):
            scores.append(score_of(some))
            bar.update(len(some))
    scores = np.concatenate(scores)
    place = climb(scores, -np.inf)
    score = float(scores[place])
    return Choice((), tuple(sets[place].tolist()), score, (Step("weights", place, score),), len(sets))


def descend_weights(
    problem: Problem,
    texts: Tensor,
    start: Sequence[float] | Tensor,
    values: Sequence[float] | None = None,
    sweeps: int = 3,
    progress: bool = False,
) -> Choice:
    """Improve view weights one view at a time: coordinate descent over finely spaced values.

    For each view in order, all values are tried while the other views keep theirs, and the first best one is taken if
    the score rises strictly. A sweep over the views that changes nothing ends the search. The score is a count, so it
    has no gradient; and since a common factor of all weights changes nothing, a bounded range is no loss.

    Args:
        problem, texts, progress: as in `search_weights`.
        start: [V], the weights to begin with.
        values: what a view may weigh; None for 0, 0.025, …, 1.
        sweeps: at most so many, at least 1.
    """
    weights = check_weights(start, problem.views).clone()
    values = np.linspace(0, 1, 41) if values is None else values
    values = torch.as_tensor(values, dtype=torch.float64)
    if values.ndim != 1 or not len(values) or not bool(values.isfinite().all()) or sweeps < 1:
        raise InputError(
            f"{list(values.shape)} values came for {sweeps} sweeps; finite values and a sweep were expected."
        )
    score_of = problem.weight_scorer(check_texts(texts))
    score = float(score_of(weights[None])[0])
    history, evaluations = [Step("start", 0, score)], 1
    with tqdm(total=sweeps * problem.views, unit=" views", desc="weights", disable=not progress) as bar:
        for _ in range(sweeps):
            before = score
            for view in range(problem.views):
                sets = weights.repeat(len(values), 1)
                sets[:, view] = values
                scores = score_of(sets)
                place = climb(scores, score)
                if place is not None:
                    weights, score = sets[place], float(scores[place])
                    history.append(Step("view", view, score))
                evaluations += len(sets)
                bar.update()
            if score == before:
                break
    return Choice((), tuple(weights.tolist()), score, tuple(history), evaluations)


def check_texts(texts: Tensor) -> Tensor:
    """The sentences' features [K, C] as contiguous float32 on the CPU; an InputError for other shapes."""
    if texts.ndim != 2 or not len(texts) or not bool(texts.isfinite().all()):
        raise InputError(f"Sentences came as {list(texts.shape)}; finite unit features [K, C] were expected.")
    return texts.detach().cpu().float().contiguous()
