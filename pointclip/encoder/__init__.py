"""CLIP through open_clip: images, their patches and sentences become unit features in one space."""

from pointclip.encoder.clip import Encoder
from pointclip.encoder.device import DTYPES, PRECISIONS, check_device, native_precision, projection_device
from pointclip.encoder.loading import load_encoder

__all__ = ["DTYPES", "PRECISIONS", "Encoder", "check_device", "load_encoder", "native_precision", "projection_device"]
