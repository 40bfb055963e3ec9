"""Search for classification's sentences and view weights on one split."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from yacs.config import CfgNode

from pointclip.config_files import PUBLISHED
from pointclip.datasets.batches import BatchReader
from pointclip.errors import InputError
from pointclip.features import FeatureExtractor
from pointclip.origin import Origin
from pointclip.prompts import Sentences
from pointclip.published import published_start
from pointclip.runs.opening import open_split, search_settings
from pointclip.search import Classification, search
from pointclip.search.result import ALL, Chosen, SearchResult, describe
from pointclip.view_weights import ViewWeights, read_view_weights, uniform_weights
from zeroshot_cls.classifier import TASK, extract_features
from zeroshot_cls.projections import selected_views
from zeroshot_cls.settings import PUBLISHED_SETS, PUBLISHED_WEIGHTS


@dataclass(frozen=True)
class Split:
    """The data of a search."""

    settings: CfgNode  # DATASET.SPLIT is the split; SEARCH.* define the procedure
    reader: BatchReader


def open_search(settings: CfgNode, args: argparse.Namespace) -> Split:
    """The split given by --search-split."""
    settings = search_settings(settings, args.search_split)
    return Split(settings, open_split(settings))


def search_split(
    what: Sequence[str], split: Split, sentences: Sentences, weights: ViewWeights, extractor: FeatureExtractor
) -> SearchResult:
    """Extract a split's features and search using its labels.

    Args:
        what: "prompts", "weights" or both.
        sentences: each class's candidates; all of them are averaged if prompts are not searched for.
        weights: [V], initial weights. SEARCH.START published starts from the paper's sentences and weights instead, and
            accepts other weights only if they are better than uniform ones, as in the published search.
    """
    views, total = selected_views(split.settings)
    groups, origins, start, baseline = sentences, [sentences.origin, weights.origin], None, None
    if split.settings.SEARCH.START == PUBLISHED:
        published = PUBLISHED_SETS.sentences(split.settings)
        groups, start = published_start(published.entries, sentences)
        baseline = uniform_weights(len(views)).values
        name = PUBLISHED_SETS.name(split.settings, "SEARCH.START")
        weights = read_view_weights(name, views, total, PUBLISHED_WEIGHTS)
        origins += [Origin(published.name, published.note, tuned=True), weights.origin]
    features = extract_features(split.reader, extractor)
    known = features.labels >= 0
    if not bool(known.any()):
        raise InputError("No shape of the split to search on has a known class; search on another split.")
    candidates = [group.cpu() for group in extractor.sentence_features(groups)]
    problem = Classification(features.views[known], features.labels[known])
    c = split.settings.SEARCH
    best = search(problem, candidates, weights.values, what, c, views, extractor.progress, start, baseline)
    choices = zip(groups.items(), best.choices, strict=True)
    chosen = Chosen(
        shapes=int(known.sum()),
        tried=best.evaluations,
        score=best.score,
        sentences={name: [group[i] for i in choice] for (name, group), choice in choices},
        weights={ALL: list(best.weights)},
    )
    return describe(chosen, TASK, what, split.settings, split.reader, extractor.encoder, views, origins)
