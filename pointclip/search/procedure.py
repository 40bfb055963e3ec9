"""The search that the settings SEARCH.* describe: sentences, view weights, or both."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from yacs.config import CfgNode

from pointclip.errors import InputError
from pointclip.search.alternate import alternate, better
from pointclip.search.found import Found, Problem, texts_of
from pointclip.search.sentences import search_ensembles, search_sentences
from pointclip.search.weights import PUBLISHED_WEIGHT, descend_weights, search_weights, weight_sets

KNOWN = ("prompts", "weights")  # what can be sought
CHOICES = {"SENTENCES": ("greedy", "ensemble"), "START": ("first", "all"), "WEIGHTS": ("grid", "descent")}


def check_search(what: Sequence[str], settings: CfgNode) -> None:
    """Raise an InputError for something else than prompts and weights to seek, and for settings that do not fit."""
    c = settings.SEARCH
    if strange := [word for word in what if word not in KNOWN]:
        raise InputError(f"--search came with {', '.join(map(repr, strange))}; prompts, weights or both were expected.")
    for name, known in CHOICES.items():
        if c[name] not in known:
            raise InputError(f"SEARCH.{name} is {c[name]!r}; {' or '.join(known)} was expected.")
    if c.SWEEPS < 1 or c.FIXED_VIEWS < 0:
        raise InputError(f"SEARCH.SWEEPS is {c.SWEEPS} and FIXED_VIEWS {c.FIXED_VIEWS}; 1 and 0 or more were expected.")
    if c.ALTERNATE and (set(what) != set(KNOWN) or c.SENTENCES != "greedy" or c.WEIGHTS != "grid"):
        raise InputError(
            "SEARCH.ALTERNATE goes with --search prompts,weights, SENTENCES greedy and WEIGHTS grid; set it False."
        )
    values_of(c)
    if "prompts" in what and not settings.PROMPTS.FILE:
        raise InputError("--search prompts needs several sentences a name to choose from; set PROMPTS.FILE.")
    if what and settings.SEARCHED:
        raise InputError("SEARCHED names an earlier search's outcome, but --search came too; give one of them.")


def search(
    problem: Problem,
    candidates: Sequence[Tensor],
    weights: Tensor,
    what: Sequence[str],
    c: CfgNode,
    progress: bool = False,
) -> Found:
    """Choose sentences, then view weights for them, in the way that the settings `c` (SEARCH) say.

    What is not sought stays: all sentences averaged, or the `weights` that came. The view weights' grid is taken where
    it raises the score.

    Args:
        problem: features and labels to choose on.
        candidates: for each class, or each part of a category, the unit features of its sentences, [S, C].
        weights: [V], to begin with.
        what: "prompts", "weights" or both.
    """
    everything = [tuple(range(len(own))) for own in candidates]
    start = everything if c.START == "all" or "prompts" not in what else None
    if c.ALTERNATE:
        return alternate(problem, candidates, weights, grid(problem.views, c), start, c.SWEEPS, progress=progress)
    best = None
    if "prompts" in what and c.SENTENCES == "greedy":
        best = search_sentences(problem, candidates, weights, start, c.SWEEPS, progress)
    elif "prompts" in what:
        best = search_ensembles(problem, candidates, weights, start=start, progress=progress)
    if "weights" not in what:
        return best
    choices = best.choices if best else tuple(everything)
    texts = texts_of(candidates, choices)
    if c.WEIGHTS == "descent":
        found = descend_weights(problem, texts, best.weights if best else weights, sweeps=c.SWEEPS, progress=progress)
    else:
        found = search_weights(problem, texts, grid(problem.views, c), progress)
    found = replace(found, choices=choices)
    return better(best, found) if best else found


def grid(views: int, c: CfgNode) -> Tensor:
    """The sets of view weights that the settings `c` (SEARCH) mean: [G, V]."""
    return weight_sets(views, values_of(c), dict.fromkeys(range(min(c.FIXED_VIEWS, views)), PUBLISHED_WEIGHT))


def values_of(c: CfgNode) -> list[float]:
    """SEARCH.VALUES as numbers."""
    try:
        values = [float(word) for word in c.VALUES.split(",")]
    except ValueError:
        values = []
    if not values or not bool(torch.tensor(values).isfinite().all()):
        raise InputError(f"SEARCH.VALUES is {c.VALUES!r}; finite numbers between commas were expected.")
    return values


def in_words(what: Sequence[str], c: CfgNode) -> str:
    """The procedure, for the outcome's file."""
    words = []
    if "prompts" in what:
        began = "the first sentence" if c.START == "first" else "the mean of all"
        kinds = {"greedy": f"one sentence each, {c.SWEEPS} sweeps", "ensemble": "the mean of each name's best"}
        words.append(f"sentences: {kinds[c.SENTENCES]}, beginning with {began}")
    if "weights" in what:
        kinds = {
            "grid": f"every combination of {c.VALUES}, the first {c.FIXED_VIEWS} views fixed at {PUBLISHED_WEIGHT}",
            "descent": f"one view at a time, {c.SWEEPS} sweeps",
        }
        words.append(f"view weights: {kinds[c.WEIGHTS]}")
    return "; ".join(words) + ("; in turn until neither improves" if c.ALTERNATE else "")
