"""PointCLIP V2's shared library: `from pointclip import FeatureExtractor, load_encoder`."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pointclip.encoder import load_encoder
    from pointclip.features import FeatureExtractor

__all__ = ["FeatureExtractor", "load_encoder"]

_HOMES = {"FeatureExtractor": "pointclip.features", "load_encoder": "pointclip.encoder"}


def __getattr__(name: str) -> object:
    """Imports on first use, so that commands that need no torch do not load it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
