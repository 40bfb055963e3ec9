"""PointCLIP V2. The face of the library: `from pointclip import Classifier, Segmenter, Detector, FewShotClassifier`."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fewshot_cls.predictor import FewShotClassifier
    from pointclip.encoder import load_encoder
    from pointclip.features import FeatureExtractor
    from zeroshot_cls.predictor import Classifier
    from zeroshot_det.predictor import Detector
    from zeroshot_seg.predictor import Segmenter

__all__ = ["Classifier", "Detector", "FeatureExtractor", "FewShotClassifier", "Segmenter", "load_encoder"]

_HOMES = {
    "Classifier": "zeroshot_cls.predictor",
    "Detector": "zeroshot_det.predictor",
    "FeatureExtractor": "pointclip.features",
    "FewShotClassifier": "fewshot_cls.predictor",
    "Segmenter": "zeroshot_seg.predictor",
    "load_encoder": "pointclip.encoder",
}


def __getattr__(name: str) -> object:
    """Imports on first use, so that commands that need no torch do not load it, and no layer below imports a task."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
