"""Choosing classification's sentences and view weights by the labels of one split."""

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
from pointclip.published import published_indices
from pointclip.runs.opening import open_split, search_settings
from pointclip.search import Classification, search
from pointclip.search.result import ALL, Chosen, SearchResult, describe
from pointclip.view_weights import ViewWeights, read_view_weights, uniform_weights
from zeroshot_cls.classifier import TASK, extract_features
from zeroshot_cls.projections import selected_views
from zeroshot_cls.settings import PUBLISHED_SETS, PUBLISHED_WEIGHTS


@dataclass(frozen=True)
class Split:
    """What a search chooses on."""

    settings: CfgNode  # DATASET.SPLIT is the split; SEARCH.* say how to choose
    reader: BatchReader


def open_search(settings: CfgNode, args: argparse.Namespace) -> Split:
    """The split that --search-split names."""
    settings = search_settings(settings, args.search_split)
    return Split(settings, open_split(settings))


def search_split(
    what: Sequence[str], split: Split, sentences: Sentences, weights: ViewWeights, extractor: FeatureExtractor
) -> SearchResult:
    """Extract a split's features and choose on its labels.

    Args:
        what: "prompts", "weights" or both.
        sentences: for each class its candidates; where prompts are not searched for, all of them averaged.
        weights: [V], to begin with. SEARCH.START published begins with the paper's sentences and weights instead, and
            takes other weights only if they beat equal ones, as the published search does.
    """
    views, total = selected_views(split.settings)
    origins, start, baseline = [sentences.origin, weights.origin], None, None
    if split.settings.SEARCH.START == PUBLISHED:
        published = PUBLISHED_SETS.sentences(split.settings)
        start, baseline = published_indices(published.entries, sentences), uniform_weights(len(views)).values
        name = PUBLISHED_SETS.name(split.settings, "SEARCH.START")
        weights = read_view_weights(name, views, total, PUBLISHED_WEIGHTS)
        origins += [Origin(published.name, published.note, tuned=True), weights.origin]
    features = extract_features(split.reader, extractor)
    known = features.labels >= 0
    if not bool(known.any()):
        raise InputError("No shape of the split to search on has a known class; search on another split.")
    candidates = [group.cpu() for group in extractor.sentence_features(sentences)]
    problem = Classification(features.views[known], features.labels[known])
    c = split.settings.SEARCH
    best = search(problem, candidates, weights.values, what, c, views, extractor.progress, start, baseline)
    groups = zip(sentences.items(), best.choices, strict=True)
    chosen = Chosen(
        shapes=int(known.sum()),
        tried=best.evaluations,
        score=best.score,
        sentences={name: [group[i] for i in choice] for (name, group), choice in groups},
        weights={ALL: list(best.weights)},
    )
    return describe(chosen, TASK, what, split.settings, split.reader, extractor.encoder, views, origins)
