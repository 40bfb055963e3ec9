"""Choosing classification's sentences and view weights by the labels of one split."""

from collections.abc import Sequence

from torch import Tensor, nn
from yacs.config import CfgNode

from pointclip.datasets.batches import BatchReader
from pointclip.encoder import Encoder
from pointclip.errors import InputError
from pointclip.features.extractor import sentence_features
from pointclip.features.store import FeatureStore
from pointclip.search import Classification, search
from pointclip.search.result import ALL, Searched, outcome
from zeroshot_cls.classifier import TASK, extract_features
from zeroshot_cls.projections import views_of


def search_split(
    what: Sequence[str],
    reader: BatchReader,
    sentences: dict[str, list[str]],
    weights: Tensor,
    *,
    settings: CfgNode,
    projection: nn.Module,
    encoder: Encoder,
    store: FeatureStore | None,
    progress: bool = True,
) -> Searched:
    """Extract a split's features and choose on its labels.

    Args:
        what: "prompts", "weights" or both.
        reader: of the split's shapes.
        sentences: for each class its candidates; where prompts are not sought, all of them averaged.
        weights: [V], to begin with.
        settings: DATASET.SPLIT is the split to choose on, PROJECTION.VIEWS are those of `weights`, SEARCH says how.
    """
    views, _ = views_of(settings)
    features = extract_features(reader, projection, encoder, progress, store)
    known = features.labels >= 0
    if not bool(known.any()):
        raise InputError("No shape of the split to search on has a known class; search on another split.")
    candidates = [own.cpu() for own in sentence_features(sentences, encoder, progress, store)]
    problem = Classification(features.views[known], features.labels[known])
    found = search(problem, candidates, weights, what, settings.SEARCH, views, progress)
    chosen = [[group[i] for i in own] for group, own in zip(sentences.values(), found.choices, strict=True)]
    return outcome(
        TASK,
        what,
        settings,
        reader,
        encoder,
        views,
        shapes=int(known.sum()),
        tried=found.evaluations,
        score=found.score,
        sentences=dict(zip(sentences, chosen, strict=True)),
        weights={ALL: list(found.weights)},
    )
