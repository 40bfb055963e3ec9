"""CLIP through open_clip: from images, patches and sentences to unit features in a common space."""

from pointclip.encoder.clip import Encoder
from pointclip.encoder.device import DTYPES, PRECISIONS, check_device, native_precision, projection_device
from pointclip.encoder.loading import load_encoder

__all__ = ["DTYPES", "PRECISIONS", "Encoder", "check_device", "load_encoder", "native_precision", "projection_device"]
