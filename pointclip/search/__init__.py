"""Search for the sentences and view weights that score best on given features and labels.

PointCLIP V2 selects one of about a thousand sentences per class, and one weight per view, by trial and error. A logit
is linear in both the features and the sentences, so the same selection takes seconds here. The caller decides which
shapes to select on; scores on those same shapes are not zero-shot results.
"""

from pointclip.search.alternate import alternate
from pointclip.search.choice import Choice, Step, texts_of
from pointclip.search.classification import Classification
from pointclip.search.procedure import in_words, search
from pointclip.search.segmentation import Segmentation
from pointclip.search.sentences import search_ensembles, search_sentences
from pointclip.search.weights import (
    PUBLISHED_VALUES,
    PUBLISHED_WEIGHT,
    descend_weights,
    search_weights,
    weight_sets,
)

__all__ = [
    "PUBLISHED_VALUES",
    "PUBLISHED_WEIGHT",
    "Choice",
    "Classification",
    "Segmentation",
    "Step",
    "alternate",
    "descend_weights",
    "in_words",
    "search",
    "search_ensembles",
    "search_sentences",
    "search_weights",
    "texts_of",
    "weight_sets",
]
