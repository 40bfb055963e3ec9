"""Scenes: ScanNet V2, SUN RGB-D, synthetic rooms and scan files."""

from zeroshot_det.scenes.base import Scene, SceneSet

__all__ = ["Scene", "SceneSet"]
