"""Features cached on disk, so that shapes are encoded only once per encoder and projection."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pointclip.encoder import Encoder, projection_device
from pointclip.errors import InputError, first_line
from pointclip.projection.view_projection import ViewProjection
from pointclip.utils.files import atomic_path

FORMAT = 2  # increment when features of the same input change, such as by reading patches or cutting sentences

Forms: TypeAlias = Mapping[str, tuple[torch.dtype, tuple[int | None, ...]]]  # name -> type and shape, None for any size


class FeatureStore:
    """A folder of features, with one file per shape.

    Files are keyed by their inputs: the encoder's weights and layers, the projection's output for a fixed cloud, and
    the shape's points. Other data, settings or weights therefore never get the wrong features, an interrupted
    extraction continues where it stopped, and splits and subsets share features. Every file has a checksum; damaged or
    misplaced files are replaced. The folder is never cleaned up, but can safely be deleted.

    Args:
        folder: shared by all encoders and projections.
        encoder: the encoder of the features.
        projection: a task's projection, on its device (see `projection_device`).

    Attributes:
        damaged: files that were damaged and replaced.
    """

    def __init__(self, folder: str | Path, encoder: Encoder, projection: ViewProjection):
        self.encoder_folder = Path(folder) / fingerprint_of_encoder(encoder)
        fingerprint = fingerprint_of_projection(projection, projection_device(encoder.device))
        self.shapes_folder = self.encoder_folder / fingerprint
        self.damaged: set[Path] = set()

    def load(self, clouds: Iterable[np.ndarray], forms: Forms | None = None) -> dict[str, Tensor] | None:
        """The features of these clouds, stacked; None unless all of them are cached and intact.

        Args:
            forms: expected types and shapes; None for any, as long as all clouds have the same.
        """
        loaded: list[dict[str, Tensor]] = []
        for points in clouds:
            path = self._shape_path(points)
            features = self._read(path)
            if features is not None and not (
                _fits(features, forms or _forms(features))
                and _fits(features, _forms(loaded[0] if loaded else features))
            ):
                self.damaged.add(path)
                features = None
            if features is None:
                return None
            loaded.append(features)
        return {name: torch.stack([features[name] for features in loaded]) for name in loaded[0]} if loaded else None

    def save(self, clouds: Iterable[np.ndarray], features: Mapping[str, Tensor]) -> None:
        """Cache the features of B clouds: by name, [B, ...] each."""
        clouds = list(clouds)
        if any(len(tensor) != len(clouds) for tensor in features.values()):
            raise InputError(f"There are {len(clouds)} clouds, but not as many features; give those of each.")
        for b, points in enumerate(clouds):
            write_features(self._shape_path(points), {name: tensor[b] for name, tensor in features.items()})

    def _read(self, path: Path) -> dict[str, Tensor] | None:
        """The content of a file; None if it does not exist or is damaged."""
        if not path.is_file():
            return None
        features = read_features(path)
        if features is None:
            self.damaged.add(path)
        return features

    def _shape_path(self, points: np.ndarray) -> Path:
        key = fingerprint_of_points(points)
        return self.shapes_folder / key[:2] / f"{key}.safetensors"


def fingerprint_of_points(points: np.ndarray) -> str:
    """A fingerprint of a cloud."""
    return _digest(np.ascontiguousarray(points, np.float32))


def fingerprint_of_encoder(encoder: Encoder) -> str:
    """A fingerprint of an encoder: its weights, their precision, its layers, and its image size."""
    plan = f"{FORMAT} {encoder.architecture} {encoder.precision} {encoder.image_size} {encoder.model}"
    parts = [plan.encode()]  # layers too, since the same weights may be used with GELU or QuickGELU
    for name, tensor in sorted(encoder.model.state_dict().items()):
        parts += [name.encode(), tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()]
    return _digest(*parts)


def fingerprint_of_projection(projection: ViewProjection, device: torch.device) -> str:
    """A fingerprint of a projection: its output for a fixed cloud, to three digits."""
    cloud = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (1, 256, 3)).astype(np.float32))
    seen = projection(cloud.to(device))
    outputs = [seen] if isinstance(seen, Tensor) else [getattr(seen, name) for name in sorted(vars(seen))]
    return _digest(*((1000 * output.double()).round().long().cpu().contiguous().numpy() for output in outputs))


def _digest(*parts) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(f"{memoryview(part).nbytes} ".encode())  # makes the concatenation unambiguous
        digest.update(part)
    return digest.hexdigest()


def read_features(path: Path) -> dict[str, Tensor] | None:
    """The content of a file; None if it is damaged, belongs to another input, or has non-finite values."""
    try:
        with safe_open(path, "pt") as file:
            loaded = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is not a dict
            checksum = (file.metadata() or {}).get("checksum")
        intact = checksum == _checksum(path, loaded) and all(map(_is_finite, loaded.values()))
    except (
        SafetensorError,
        OSError,
        ValueError,
        TypeError,
        AttributeError,
        RuntimeError,
    ):  # anything that damage can raise
        return None
    return loaded if intact else None


def _checksum(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Checksum of the tensors, their names, types and shapes, and of the input in the file's name."""
    parts: list[Any] = [path.stem.encode()]
    for name, tensor in sorted(tensors.items()):
        plain = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
        parts += [f"{name} {tensor.dtype} {list(tensor.shape)}".encode(), plain]
    return _digest(*parts)


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())


def _forms(tensors: Mapping[str, Tensor]) -> Forms:
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}


def _fits(tensors: Mapping[str, Tensor], forms: Forms) -> bool:
    """Whether the tensors have these names, types and shapes."""
    if tensors.keys() != forms.keys():
        return False
    for name, (dtype, shape) in forms.items():
        sizes = tensors[name].shape
        alike = len(sizes) == len(shape) and all(want in (None, size) for want, size in zip(shape, sizes, strict=True))
        if tensors[name].dtype != dtype or not alike:
            return False
    return True


def write_features(path: Path, tensors: Mapping[str, Tensor]) -> None:
    if not all(map(_is_finite, tensors.values())):
        raise InputError("The encoder returned features that are not finite; try ENCODER.PRECISION fp32.")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"checksum": _checksum(path, tensors)})
        except SafetensorError as error:  # a full disk
            raise InputError(
                f"Cannot cache features in {path.parent} ({first_line(error)}); free space, or set another CACHE."
            ) from error
