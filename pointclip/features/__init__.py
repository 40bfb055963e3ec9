"""Features of sentences and shapes, and the folder that keeps them."""

from pointclip.features.extractor import FeatureExtractor
from pointclip.features.sentences import SentenceCache
from pointclip.features.store import FeatureStore

__all__ = ["FeatureExtractor", "FeatureStore", "SentenceCache"]
