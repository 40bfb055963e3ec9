"""Features kept on disk, so that shapes and sentences go through CLIP once per encoder and projection."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pointclip.encoder import Encoder, projection_device
from pointclip.errors import InputError, first_line
from pointclip.utils.files import atomic_path

FORMAT = 2  # raise it when what is kept of the same input changes: how patches are read, how sentences are cut

Forms: TypeAlias = Mapping[str, tuple[torch.dtype, tuple[int | None, ...]]]  # name -> type and shape, None for any size


class FeatureStore:
    """A folder of features, one file a shape and one a name's sentences.

    A file is found by what went in, not by name: the encoder's weights and layers, what the projection makes of a
    fixed cloud, and the shape's points. So other data, settings or weights never get the wrong features, an extraction
    that was interrupted goes on where it stopped, and splits and subsets share what they have in common. Every file has
    a checksum; a damaged or misplaced one is made anew. Nothing is ever removed; deleting the folder does no harm.

    Args:
        folder: shared by all encoders and projections.
        encoder: whose features these are.
        projection: a task's projection, on its device (see `projection_device`).

    Attributes:
        damaged: the files that were there but not sound, so that they were made anew.
    """

    def __init__(self, folder: str | Path, encoder: Encoder, projection: nn.Module):
        self.sentences_folder = Path(folder) / fingerprint_of_encoder(encoder)
        fingerprint = fingerprint_of_projection(projection, projection_device(encoder.device))
        self.shapes_folder = self.sentences_folder / fingerprint
        self.damaged: set[Path] = set()

    def load(self, clouds: Iterable[np.ndarray], forms: Forms | None = None) -> dict[str, Tensor] | None:
        """The features of these clouds, stacked; None unless all of them are there and sound.

        Args:
            forms: what each must be; None takes any, as long as those of the clouds are alike.
        """
        kept = []
        for points in clouds:
            path = self._shape_path(points)
            own = self._read(path)
            if own is not None and not (
                _fits(own, forms or _forms(own)) and _fits(own, _forms(kept[0] if kept else own))
            ):
                self.damaged.add(path)
                own = None
            if own is None:
                return None
            kept.append(own)
        return {name: torch.stack([own[name] for own in kept]) for name in kept[0]} if kept else None

    def save(self, clouds: Iterable[np.ndarray], features: Mapping[str, Tensor]) -> None:
        """Keep the features of these B clouds: by name, [B, ...] each."""
        clouds = list(clouds)
        if any(len(tensor) != len(clouds) for tensor in features.values()):
            raise InputError(f"Features came with {len(clouds)} clouds, but not of as many; give those of each.")
        for b, points in enumerate(clouds):
            write_kept(self._shape_path(points), {name: tensor[b] for name, tensor in features.items()})

    def load_sentences(self, sentences: Sequence[str]) -> Tensor | None:
        """The features [k, C] of a name's k sentences; None where they are not there, or not sound."""
        path = self._sentences_path(sentences)
        own = self._read(path)
        if own is not None and not _fits(own, {"features": (torch.float32, (len(sentences), None))}):
            self.damaged.add(path)
            return None
        return own and own["features"]

    def save_sentences(self, sentences: Sequence[str], features: Tensor) -> None:
        """Keep the features [k, C] of a name's k sentences."""
        write_kept(self._sentences_path(sentences), {"features": features})

    def _read(self, path: Path) -> dict[str, Tensor] | None:
        """What a file holds; None where it is not there, or damaged and to be made anew."""
        if not path.is_file():
            return None
        own = read_kept(path)
        if own is None:
            self.damaged.add(path)
        return own

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


def read_kept(path: Path) -> dict[str, Tensor] | None:
    """What a file holds; None where it is damaged, of another input, or holds what is no number."""
    try:
        with safe_open(path, "pt") as file:
            kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
            told = (file.metadata() or {}).get("checksum")
        sound = told == _checksum(path, kept) and all(map(_is_finite, kept.values()))
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError, RuntimeError):  # all that damage can raise
        return None
    return kept if sound else None


def _checksum(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Of the tensors, their names, types and shapes, and of the input that the file is named by."""
    parts = [path.stem.encode()]
    for name, tensor in sorted(tensors.items()):
        plain = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
        parts += [f"{name} {tensor.dtype} {list(tensor.shape)}".encode(), plain]
    return _digest(*parts)


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())


def _forms(tensors: Mapping[str, Tensor]) -> Forms:
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}


def _fits(tensors: Mapping[str, Tensor], forms: Forms) -> bool:
    """Whether these are the tensors named, of the types and shapes."""
    if tensors.keys() != forms.keys():
        return False
    for name, (dtype, shape) in forms.items():
        sizes = tensors[name].shape
        alike = len(sizes) == len(shape) and all(want in (None, size) for want, size in zip(shape, sizes, strict=True))
        if tensors[name].dtype != dtype or not alike:
            return False
    return True


def write_kept(path: Path, tensors: Mapping[str, Tensor]) -> None:
    if not all(map(_is_finite, tensors.values())):
        raise InputError("The encoder gave features that are not finite numbers; try ENCODER.PRECISION fp32.")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"checksum": _checksum(path, tensors)})
        except SafetensorError as error:  # a full disk
            raise InputError(
                f"Cannot keep features in {path.parent} ({first_line(error)}); make room, or set CACHE elsewhere."
            ) from error
