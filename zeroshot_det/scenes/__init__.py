"""Scenes: ScanNet V2, SUN RGB-D, made-up rooms and scans of one's own."""

from zeroshot_det.scenes.base import Scene, SceneSet

__all__ = ["Scene", "SceneSet"]
