"""Features kept on disk, so that shapes and sentences go through CLIP once per encoder and projection."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pointclip.encoder import Encoder, projection_device
from pointclip.errors import InputError, first_line
from pointclip.utils.files import atomic_path

FORMAT = 1  # raise it when what is kept of the same input changes: how patches are read, how sentences are cut


class FeatureStore:
    """A folder of features, one file a shape and one a name's sentences.

    A file is found by what went in, not by name: the encoder's weights and layers, what the projection makes of a
    fixed cloud, and the shape's points. So other data, settings or weights never get the wrong features, an extraction
    that was interrupted goes on where it stopped, damaged files are made anew, and splits and subsets share what they
    have in common. Nothing is ever removed; deleting the folder does no harm.

    Args:
        folder: shared by all encoders and projections.
        encoder: whose features these are.
        projection: a task's projection, on its device (see `projection_device`).
    """

    def __init__(self, folder: str | Path, encoder: Encoder, projection: nn.Module):
        self.sentences_folder = Path(folder) / fingerprint_of_encoder(encoder)
        fingerprint = fingerprint_of_projection(projection, projection_device(encoder.device))
        self.shapes_folder = self.sentences_folder / fingerprint

    def load(self, clouds: Iterable[np.ndarray]) -> dict[str, Tensor] | None:
        """The features of these clouds, stacked; None unless all of them are there and sound."""
        kept = []
        for points in clouds:
            own = _read(self._shape_path(points))
            if own is None or (kept and _forms(own) != _forms(kept[0])):
                return None
            kept.append(own)
        return {name: torch.stack([own[name] for own in kept]) for name in kept[0]} if kept else None

    def save(self, clouds: Iterable[np.ndarray], features: Mapping[str, Tensor]) -> None:
        """Keep the features of these B clouds: by name, [B, ...] each."""
        clouds = list(clouds)
        if any(len(tensor) != len(clouds) for tensor in features.values()):
            raise InputError(f"Features came with {len(clouds)} clouds, but not of as many; give those of each.")
        for b, points in enumerate(clouds):
            _write(self._shape_path(points), {name: tensor[b] for name, tensor in features.items()})

    def load_sentences(self, sentences: Sequence[str]) -> Tensor | None:
        """The features [k, C] of a name's k sentences; None where they are not there, or not sound."""
        features = (_read(self._sentences_path(sentences)) or {}).get("features")
        sound = features is not None and features.ndim == 2 and len(features) == len(sentences)
        return features if sound else None

    def save_sentences(self, sentences: Sequence[str], features: Tensor) -> None:
        """Keep the features [k, C] of a name's k sentences."""
        _write(self._sentences_path(sentences), {"features": features})

    def _sentences_path(self, sentences: Sequence[str]) -> Path:
        key = _digest(*(text.encode() for text in sentences))
        return self.sentences_folder / "sentences" / f"{key}.safetensors"

    def _shape_path(self, points: np.ndarray) -> Path:
        key = fingerprint_of_points(points)
        return self.shapes_folder / key[:2] / f"{key}.safetensors"


def fingerprint_of_points(points: np.ndarray) -> str:
    """What tells a cloud from any other."""
    return _digest(np.ascontiguousarray(points, np.float32))


def fingerprint_of_encoder(encoder: Encoder) -> str:
    """What tells an encoder from any other: its weights, their precision, its layers, and the size of its images."""
    plan = f"{FORMAT} {encoder.architecture} {encoder.precision} {encoder.image_size} {encoder.model}"
    parts = [plan.encode()]  # layers are told too, since the same weights may go with GELU or with QuickGELU
    for name, tensor in sorted(encoder.model.state_dict().items()):
        parts += [name.encode(), tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()]
    return _digest(*parts)


def fingerprint_of_projection(projection: nn.Module, device: torch.device) -> str:
    """What tells a projection from others: what it makes of a fixed cloud, to three digits."""
    cloud = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (1, 256, 3)).astype(np.float32))
    seen = projection(cloud.to(device))
    outputs = [seen] if isinstance(seen, Tensor) else [getattr(seen, name) for name in sorted(vars(seen))]
    return _digest(*((1000 * output.double()).round().long().cpu().contiguous().numpy() for output in outputs))


def _digest(*parts) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(f"{memoryview(part).nbytes} ".encode())  # so that parts cannot run into each other
        digest.update(part)
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Tensor] | None:
    """What a file holds; None where it is not there, damaged, or holds what is no number, and is to be made anew."""
    try:
        kept = load_file(path)
    except (SafetensorError, OSError):
        return None
    return kept if all(map(_is_finite, kept.values())) else None


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())


def _forms(tensors: Mapping[str, Tensor]) -> dict:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


def _write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    if not all(map(_is_finite, tensors.values())):
        raise InputError("The encoder gave features that are not finite numbers; try ENCODER.PRECISION fp32.")
    with atomic_path(path) as temporary:
        try:
            save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)
        except SafetensorError as error:  # a full disk
            raise InputError(
                f"Cannot keep features in {path.parent} ({first_line(error)}); make room, or set CACHE elsewhere."
            ) from error
