"""Search for the view weights at fixed sentences."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pointclip.errors import InputError
from pointclip.search.choice import Choice, Problem, Step, check_weights, find_improvement

PUBLISHED_VALUES = (0.25, 0.5, 0.75, 1.0)
PUBLISHED_WEIGHT = 0.75  # of the views that the published search keeps fixed
MAX_SETS = 1 << 22
CHUNK = 1024  # sets scored at a time


def weight_sets(
    views: int, values: Sequence[float] = PUBLISHED_VALUES, fixed: Mapping[int, float] | None = None
) -> Tensor:
    """Every combination of the values over the views that are not fixed, in the order of `itertools.product`.

    Args:
        views: V.
        values: possible weights of a free view.
        fixed: {view: weight}.

    Returns:
        [G, V] float64, G = values ** free views; the set of all zeros is left out.

    Raises:
        InputError: if there are no values, a fixed view does not exist, or there are over four million combinations.
    """
    fixed = dict(fixed or {})
    if not values or any(not 0 <= view < views for view in fixed):
        raise InputError(
            f"The values are {list(values)} and the fixed views {fixed}; expected at least one value, and fixed views "
            f"from 0 to {views - 1}."
        )
    free = views - len(fixed)
    if len(values) ** free > MAX_SETS:
        raise InputError(
            f"{len(values)} values for {free} views make {len(values) ** free} sets of weights, more than {MAX_SETS}; "
            "fix more views, give fewer values, or use descend_weights."
        )
    axes = [[fixed[view]] if view in fixed else values for view in range(views)]
    sets = torch.tensor(list(itertools.product(*axes)), dtype=torch.float64)
    return sets[sets.ne(0).any(1)]


def search_weights(problem: Problem, texts: Tensor, sets: Tensor, progress: bool = False) -> Choice:
    """Try every set of view weights, as PointCLIP V2 does; the first of equally good ones is chosen.

    Args:
        problem: the features and labels to search on; for an honest result, not those that are reported on.
        texts: [K, C], unit features of the classes' sentences.
        sets: [G, V], for instance from `weight_sets`.
        progress: whether to show a progress bar.

    Raises:
        InputError: for input of other shapes.
    """
    sets = torch.as_tensor(sets, dtype=torch.float64).cpu()
    if sets.ndim != 2 or not len(sets) or sets.shape[1] != problem.views or not bool(sets.isfinite().all()):
        raise InputError(
            f"The sets of weights have shape {list(sets.shape)}; expected finite values [G, {problem.views}]."
        )
    score_of, scores = problem.weight_scorer(check_texts(texts)), []
    with tqdm(total=len(sets), unit=" sets", desc="weights", disable=not progress) as bar:
        for chunk in sets.split(CHUNK):
            scores.append(score_of(chunk))
            bar.update(len(chunk))
    scores = np.concatenate(scores)
    index = find_improvement(scores, -np.inf)
    assert index is not None  # any score exceeds -inf
    score = float(scores[index])
    return Choice((), tuple(sets[index].tolist()), score, (Step("weights", index, score),), len(sets))


def descend_weights(
    problem: Problem,
    texts: Tensor,
    start: Sequence[float] | Tensor,
    values: Sequence[float] | None = None,
    sweeps: int = 3,
    progress: bool = False,
) -> Choice:
    """Improve view weights one view at a time: coordinate descent on a fine grid.

    For each view in order, all values are tried while the other views keep theirs, and the first best one is accepted
    if it strictly improves the score. The search ends when a sweep over the views changes nothing. The score is a
    count, so it has no gradient; and since scaling all weights does not change it, a bounded range loses nothing.

    Args:
        problem, texts, progress: as in `search_weights`.
        start: [V], initial weights.
        values: possible weights of a view; None for 0, 0.025, …, 1.
        sweeps: maximum number of sweeps, at least 1.
    """
    weights = check_weights(start, problem.views).clone()
    values = np.linspace(0, 1, 41) if values is None else values
    values = torch.as_tensor(values, dtype=torch.float64)
    if values.ndim != 1 or not len(values) or not bool(values.isfinite().all()) or sweeps < 1:
        raise InputError(
            f"There are {list(values.shape)} values and {sweeps} sweeps; expected finite values [G] and at least one "
            "sweep."
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
                index = find_improvement(scores, score)
                if index is not None:
                    weights, score = sets[index], float(scores[index])
                    history.append(Step("view", view, score))
                evaluations += len(sets)
                bar.update()
            if score == before:
                break
    return Choice((), tuple(weights.tolist()), score, tuple(history), evaluations)


def check_texts(texts: Tensor) -> Tensor:
    """The sentences' features [K, C] as contiguous float32 on the CPU; an InputError for other shapes."""
    if texts.ndim != 2 or not len(texts) or not bool(texts.isfinite().all()):
        raise InputError(f"Sentences have shape {list(texts.shape)}; expected finite unit features [K, C].")
    return texts.detach().cpu().float().contiguous()
